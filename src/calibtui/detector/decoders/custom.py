"""A decoder of the user's own, "package.module:function", and strict checks of what it returns.

`decode(outputs: dict[str, ndarray], input_size: (width, height)) -> (boxes, scores)` for one frame: boxes (M, 4)
float32 as x1, y1, x2, y2 in input px, scores (M, C) float32. The module is found on `sys.path`, else beside
calibtui.toml.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibtui.core.errors import ModelError
from calibtui.detector.decoders.contract import DECLARED, Decoded, Outputs, Recognised, Seen
from calibtui.detector.decoders.recipes import YOLO

_HINT = (
    "A decoder returns boxes (M, 4) float32 as x1, y1, x2, y2 in input px and scores (M, C) float32, "
    "both finite, for one frame."
)


@dataclass(frozen=True, slots=True)
class CustomReader:
    """Calls `function`, known as `name` and found from `root`, and takes nothing from it that the contract doesn't
    allow. Pickled it takes the source of a module beside calibtui.toml with it, to wherever it is unpickled."""

    name: str
    function: Callable[..., Any]
    size: tuple[int, int]
    root: Path

    def __reduce__(self) -> tuple[Callable[..., CustomReader], tuple[Any, ...]]:
        beside = _beside(self.name.partition(":")[0], self.root)
        source = beside.read_bytes() if beside.is_file() else None
        return reloaded, (self.name, self.size, self.root, source)

    def decode(self, outputs: Outputs, floor: float = 0.0) -> Decoded:
        try:
            answer = self.function(dict(outputs), self.size)
        except Exception as error:  # the user's code may raise anything
            raise ModelError(f"The decoder {self.name} failed: {type(error).__name__}: {error}.", _HINT) from error
        if not isinstance(answer, tuple | list) or len(answer) != 2:
            raise ModelError(f"The decoder {self.name} returned {_kind(answer)} instead of (boxes, scores).", _HINT)
        boxes, scores = answer
        self._check(boxes, "boxes")
        self._check(scores, "scores")
        if boxes.shape[1] != 4:
            raise ModelError(f"The decoder {self.name} returned boxes of shape {boxes.shape}, not (M, 4).", _HINT)
        if len(boxes) != len(scores):
            raise ModelError(
                f"The decoder {self.name} returned {len(boxes)} boxes but {len(scores)} rows of scores.", _HINT
            )
        if scores.shape[1] < 1:
            raise ModelError(f"The decoder {self.name} returned scores of no class, {scores.shape}.", _HINT)
        return Decoded(boxes, scores)

    def _check(self, value: object, what: str) -> None:
        if not isinstance(value, np.ndarray):
            raise ModelError(f"The decoder {self.name} returned {_kind(value)} as {what}, not an array.", _HINT)
        if value.dtype != np.float32:
            raise ModelError(f"The decoder {self.name} returned {what} of type {value.dtype}, not float32.", _HINT)
        if value.ndim != 2:
            raise ModelError(f"The decoder {self.name} returned {what} of shape {value.shape}, not a table.", _HINT)
        if not _finite(value):
            raise ModelError(f"The decoder {self.name} returned {what} that are not all finite.", _HINT)


def recognise_custom(name: str, root: Path, seen: Seen) -> Recognised:
    """The user's decoder, tried on the outputs of noise, which tells the number of classes."""
    reader = CustomReader(name, load_function(name, root), seen.size, root)
    classes = reader.decode(seen.outputs).scores.shape[1]
    return Recognised(
        name, reader, YOLO, classes, (f"the decoder {name} is named and gives {classes} classes",), DECLARED
    )


def reloaded(name: str, size: tuple[int, int], root: Path, source: bytes | None) -> CustomReader:
    """The reader in another process, where `root` needn't exist; `source` of the module in it. Raises ModelError."""
    beside = _beside(name.partition(":")[0], root)
    if source is None or (beside.is_file() and beside.read_bytes() == source):
        return CustomReader(name, load_function(name, root), size, root)
    with tempfile.TemporaryDirectory(prefix="calibtui-decoder-") as folder:
        elsewhere = _beside(name.partition(":")[0], Path(folder))
        elsewhere.parent.mkdir(parents=True, exist_ok=True)
        elsewhere.write_bytes(source)
        return CustomReader(name, load_function(name, Path(folder)), size, root)


def load_function(name: str, root: Path) -> Callable[..., Any]:
    """The function "package.module:function". Raises ModelError, naming it, where it can't be had."""
    module_name, _, function_name = name.partition(":")
    if not all(part.isidentifier() for part in [*module_name.split("."), function_name]):
        raise ModelError(f"The decoder {name!r} is not of the form package.module:function.", _HINT)
    function = getattr(_load_module(module_name, root, name), function_name, None)
    if not callable(function):
        raise ModelError(f"The decoder {name}: module {module_name} has no function {function_name!r}.", _HINT)
    return function  # type: ignore[no-any-return]


def _load_module(module: str, root: Path, name: str) -> ModuleType:
    on_path = module.partition(".")[0] in sys.modules or PathFinder.find_spec(module.partition(".")[0]) is not None
    beside = _beside(module, root)
    if not on_path and not beside.is_file():
        raise ModelError(
            f"The decoder {name}: module {module} is neither on sys.path nor at {beside}.",
            "Put the module beside calibtui.toml, or install its package.",
        )
    try:
        # A package of that name elsewhere on sys.path doesn't hide a module beside the settings.
        if on_path and (not beside.is_file() or importlib.util.find_spec(module) is not None):
            return importlib.import_module(module)
        return _load_file(beside, root)
    except Exception as error:  # the user's module may raise anything
        raise ModelError(
            f"The decoder {name}: importing {module} failed: {type(error).__name__}: {error}.", "Correct the module."
        ) from error


def _beside(module: str, root: Path) -> Path:
    return root.joinpath(*module.split(".")).with_suffix(".py")


def _load_file(file: Path, root: Path) -> ModuleType:
    """Under a name of its own, so that two workspaces' modules of one name don't mix; `root` is on sys.path
    meanwhile, for the module's own imports."""
    unique = f"calibtui_decoder_{hashlib.sha256(str(file.resolve()).encode()).hexdigest()[:16]}"
    spec = importlib.util.spec_from_file_location(unique, file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is not a Python module")
    loaded = importlib.util.module_from_spec(spec)
    sys.path.append(str(root))
    try:
        spec.loader.exec_module(loaded)
    finally:
        sys.path.remove(str(root))
    return loaded


def _finite(value: NDArray[np.float32]) -> bool:
    return bool(np.isfinite(value).all())


def _kind(value: object) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
