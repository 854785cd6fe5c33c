"""The class names that lie beside YOLO labels: data.yaml and its like, classes.txt, obj.names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from calibtui.core.errors import AnnotationError

YAML_NAMES = ("data.yaml", "dataset.yaml", "data.yml", "dataset.yml")
LIST_NAMES = ("classes.txt", "obj.names", "predefined_classes.txt", "_darknet.labels")
_SIZE_LIMIT = 1 << 20
_ENTRY = re.compile(r"^\s+(?:-\s+|(\d+)\s*:\s*)(.+?)\s*$")


def names_beside(labels: Path, up: int = 2) -> tuple[str, ...] | None:
    """Class names in index order from the directory `labels` or one of the `up` directories above it; None where no
    file is.

    Raises AnnotationError for a file that is there and can't be understood.
    """
    for directory in (labels, *list(labels.absolute().parents)[:up]):
        for name in YAML_NAMES:
            if (directory / name).is_file():
                return _from_yaml(directory / name)
        for name in LIST_NAMES:
            if (directory / name).is_file():
                return tuple(line.strip() for line in _text(directory / name).splitlines() if line.strip())
    return None


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _SIZE_LIMIT:
            raise AnnotationError(f"{path} is over {_SIZE_LIMIT >> 20} MiB, too large for a list of classes.")
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"The class names {path} can't be read: {error}.") from error


def _from_yaml(path: Path) -> tuple[str, ...]:
    """`names:` of a data.yaml in the three ways it is written: an inline list, an inline mapping, an indented block."""
    lines = _text(path).splitlines()
    start = next((number for number, line in enumerate(lines) if re.match(r"names\s*:", line)), None)
    if start is None:
        raise AnnotationError(f"{path} has no names.", "Add names: [first, second] with the classes in index order.")
    rest = _without_remark(lines[start].partition(":")[2])
    names = _inline(path, rest, lines[start + 1 :]) if rest else _block(lines[start + 1 :])
    if not names:
        raise AnnotationError(f"{path}: names can't be understood.", "Write names: [first, second].")
    return names


def _inline(path: Path, first: str, following: list[str]) -> tuple[str, ...]:
    closing = {"[": "]", "{": "}"}.get(first[0])
    text = first
    for line in following:
        if closing is None or text.endswith(closing):
            break
        text += " " + _without_remark(line)
    if closing is None or not text.endswith(closing):
        raise AnnotationError(f"{path}: names can't be understood: {first[:60]!r}.", "Write names: [first, second].")
    items = [item.strip() for item in _split(text[1:-1])]
    if closing == "]":
        return tuple(_unquoted(item) for item in items if item)
    return _ordered(
        [(key.strip(), _unquoted(name)) for key, _, name in (item.partition(":") for item in items if item)]
    )


def _block(lines: list[str]) -> tuple[str, ...]:
    listed: list[str] = []
    keyed: list[tuple[str, str]] = []
    for line in lines:
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry = _ENTRY.match(line) or re.match(r"^(?:-\s+|(\d+)\s*:\s*)(.+?)\s*$", line)
        if entry is None:
            break
        name = _unquoted(_without_remark(entry[2]))
        if entry[1] is None:
            listed.append(name)
        else:
            keyed.append((entry[1], name))
    return tuple(listed) or _ordered(keyed)


def _ordered(keyed: list[tuple[str, str]]) -> tuple[str, ...]:
    """Names by their index; empty, so "not understood", where the keys aren't 0 to n - 1."""
    by_index = {int(key): name for key, name in keyed if key.isdecimal()}
    if sorted(by_index) != list(range(len(keyed))):
        return ()
    return tuple(by_index[index] for index in range(len(keyed)))


def _split(text: str) -> list[str]:
    """`text` at its commas, those inside quotes excepted."""
    return re.findall(r"""(?:"[^"]*"|'[^']*'|[^,"'])+""", text)


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return str(ast.literal_eval(text))
        except (ValueError, SyntaxError):
            return text[1:-1]
    return text


def _without_remark(text: str) -> str:
    return re.sub(r"(^|\s)#.*$", "", text).strip()
