"""The set manifest: which frames a calibration set holds and why, under a digest that other people's scripts hold on
to.

JSON: `schema` 1, `strategy`, `size` (the frames it holds), `seed`, `pool_digest`, `prompt` (null where no prompt
judged), `judge_models`, `frames`, each with `uri`, `digest`, `difficulty` (null where not scored), `reasons` and
`why`, sorted by digest; and `digest`, "sha256:" and the SHA-256 of the canonical JSON of everything else.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from calibtui.core.digests import digest_of
from calibtui.core.errors import ConfigurationError
from calibtui.core.files import written_whole
from calibtui.selection.select import Chosen, SelectionInput
from calibtui.workspace.settings import SelectionSettings

SCHEMA = 1
BYTES_MOST = 512 << 20
NUMBER = (int, float)
KEYS: dict[str, tuple[type, ...]] = {
    "schema": (int,),
    "strategy": (str,),
    "size": (int,),
    "seed": (int,),
    "pool_digest": (str,),
    "prompt": (str, type(None)),
    "judge_models": (list,),
    "frames": (list,),
    "digest": (str,),
}
FRAME_KEYS: dict[str, tuple[type, ...]] = {
    "uri": (str,),
    "digest": (str,),
    "difficulty": (*NUMBER, type(None)),
    "reasons": (list,),
    "why": (str,),
}


def build_manifest(
    data: SelectionInput,
    chosen: Sequence[Chosen],
    settings: SelectionSettings,
    *,
    prompt: str | None,
    judge_models: Sequence[str],
) -> dict[str, Any]:
    """The manifest of the set `chosen` from `data`, the same for the frames in any order. `prompt`: name@version.

    Raises ConfigurationError for a frame whose name is not valid Unicode, which JSON can't carry.
    """
    manifest = {
        "schema": SCHEMA,
        "strategy": settings.strategy,
        "size": len(chosen),
        "seed": settings.seed,
        "pool_digest": pool_digest(data.digests),
        "prompt": prompt,
        "judge_models": sorted(set(judge_models)),
        "frames": sorted((_frame(data, each) for each in chosen), key=lambda frame: str(frame["digest"])),
    }
    return {**manifest, "digest": _digest(manifest)}


def pool_digest(digests: Sequence[str]) -> str:
    """ "sha256:" and the SHA-256 of the pool's contents: of the canonical JSON of its sorted, different digests."""
    return f"sha256:{digest_of(sorted(set(digests)))}"


def write_manifest(path: Path, manifest: dict[str, Any]) -> None:
    """Writes it whole or not at all. Raises WorkspaceUnwritableError."""
    with written_whole(path) as part:
        part.write_text(json.dumps(manifest, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest in `path`. Raises ConfigurationError, naming the file and what is wrong, for one that is missing,
    is not a manifest of this schema, or was changed since its digest was taken."""
    manifest: dict[str, Any] = _parsed(path)
    _check(path, "The manifest", manifest, KEYS)
    if manifest["schema"] != SCHEMA:
        raise _refused(path, f"its schema is {manifest['schema']}, and this calibtui reads {SCHEMA}")
    for number, frame in enumerate(manifest["frames"]):
        _check(path, f"Frame {number}", frame, FRAME_KEYS)
    if not all(isinstance(each, str) for frame in manifest["frames"] for each in frame["reasons"]):
        raise _refused(path, "a frame's reasons are not all text")
    if manifest["size"] != len(manifest["frames"]):
        raise _refused(path, f"it says {manifest['size']} frames and holds {len(manifest['frames'])}")
    if len({frame["digest"] for frame in manifest["frames"]}) != manifest["size"]:
        raise _refused(path, "a frame stands in it twice")
    if manifest["digest"] != _digest_read(path, manifest):
        raise _refused(path, "its digest does not match its content: it was changed by hand or damaged")
    return manifest


def _frame(data: SelectionInput, chosen: Chosen) -> dict[str, Any]:
    uri = data.uris[chosen.index]
    if _carried(uri) != uri:
        raise ConfigurationError(f"Frame {uri!r} has a name that is not valid Unicode.", "Rename it, or exclude it.")
    difficulty = float(data.difficulty[chosen.index])
    return {
        "uri": uri,
        "digest": data.digests[chosen.index],
        "difficulty": None if math.isnan(difficulty) else difficulty,
        "reasons": [_carried(reason) for reason in data.reasons[chosen.index]],
        "why": chosen.why,
    }


def _carried(text: str) -> str:
    """`text` without halves of surrogate pairs, which a model's reply or a file name may hold and UTF-8 can't."""
    return text.encode("utf-8", "replace").decode()


def _digest(content: dict[str, Any]) -> str:
    return f"sha256:{digest_of(content)}"


def _digest_read(path: Path, manifest: dict[str, Any]) -> str:
    try:
        return _digest({key: value for key, value in manifest.items() if key != "digest"})
    except ValueError as error:
        raise _refused(path, "it holds a number or a text that no manifest can") from error


def _parsed(path: Path) -> Any:
    try:
        if path.stat().st_size > BYTES_MOST:
            raise _refused(path, f"it is larger than {BYTES_MOST >> 20} MiB")
        return json.loads(path.read_bytes(), parse_constant=_no_constant)
    except OSError as error:
        raise ConfigurationError(
            f"The set manifest {path} can't be read: {error.strerror}.", "Check the path."
        ) from error
    except (ValueError, RecursionError) as error:
        raise _refused(path, "it is not JSON") from error


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _check(path: Path, what: str, found: Any, keys: dict[str, tuple[type, ...]]) -> None:
    """Refuses anything but an object with exactly `keys` of the right types."""
    if not isinstance(found, dict):
        raise _refused(path, f"{what.lower()} is not an object")
    if found.keys() != keys.keys():
        odd = ", ".join(sorted(map(repr, found.keys() ^ keys.keys())))
        raise _refused(path, f"{what.lower()} lacks, or has besides what belongs there: {odd}")
    for key, types in keys.items():
        if not isinstance(found[key], types) or isinstance(found[key], bool):
            raise _refused(path, f"{what.lower()} has a {key!r} of the wrong type")


def _refused(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(f"The set manifest {path} can't be used: {why}.", "Run the selection stage again.")
