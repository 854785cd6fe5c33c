"""`calibtui doctor`: everything that can be checked before a run, each with what to do about it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from calibtui.core.errors import CalibtuiError
from calibtui.detector.detector import Detector
from calibtui.gateway.endpoint import resolve_endpoint, serving_chain
from calibtui.gateway.intermediaries.announced_budgets import announced_budgets
from calibtui.gateway.money.prices import price_of
from calibtui.pool.sources import find_candidates
from calibtui.quantization.cpu import cpu_features
from calibtui.quantization.presets import preset
from calibtui.scoring.prompts import load_prompt
from calibtui.store.store import Store
from calibtui.workspace.load import load_settings
from calibtui.workspace.settings import Settings

LITTLE_SPACE_BYTES = 2 << 30
NETWORK_FILE_SYSTEMS = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "lustre", "ceph", "glusterfs"}


@dataclass(frozen=True, slots=True)
class Check:
    """`state`: "ok", "warning" or "problem"; `said`: what was found, and for the others what to do."""

    state: Literal["ok", "warning", "problem"]
    what: str
    said: str


def examine(directory: Path) -> list[Check]:
    """Checks a workspace; never raises for what is wrong with it."""
    try:
        settings = load_settings(directory)
    except CalibtuiError as error:
        return [*_machine(directory), Check("problem", "settings", str(error))]
    checks = [*_machine(settings.root), Check("ok", "settings", str(settings.file))]
    for what, look in (("store", _store), ("pool", _pool), ("model", _model), ("target", _target), ("judge", _judge)):
        checks += _looked(what, look, settings)
    return [*checks, *_gateway_budgets(settings)]


def _looked(what: str, look: Callable[[Settings], Iterator[str | Check]], settings: Settings) -> list[Check]:
    try:
        return [said if isinstance(said, Check) else Check("ok", what, said) for said in look(settings)]
    except CalibtuiError as error:
        return [Check("problem", what, str(error))]


def _machine(directory: Path) -> Iterator[Check]:
    names = ("calibtui", "onnxruntime", "onnx", "duckdb", "pyarrow", "pillow", "numpy")
    yield Check("ok", "versions", ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names))
    cpu = cpu_features()
    yield Check(
        "ok", "CPU", f"{cpu.architecture}, {len(os.sched_getaffinity(0))} cores, VNNI {'yes' if cpu.vnni else 'no'}"
    )
    place = directory if directory.is_dir() else Path()
    free = shutil.disk_usage(place).free
    state: Literal["ok", "warning"] = "ok" if free > LITTLE_SPACE_BYTES else "warning"
    yield Check(state, "disk", f"{free / 2**30:.1f} GiB free")
    if (system := _file_system(place.resolve())) in NETWORK_FILE_SYSTEMS:
        yield Check("warning", "disk", f"{place} is on a network file system ({system}): locks may not hold there.")


def _file_system(path: Path) -> str:
    """The type of the file system that `path` lies on, "" where that can't be told."""
    try:
        mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return ""
    over = [(len(point), kind) for point, kind in mounts if path.is_relative_to(point)]
    return max(over)[1] if over else ""


def _store(settings: Settings) -> Iterator[str]:
    if not settings.state.exists():
        yield "none yet; the first run makes it"
        return
    with Store(settings.state) as store:
        counts = store.frames.counts("pool")
        yield f"{counts.frames:,} frames, {store.scores.count():,} scores"


def _pool(settings: Settings) -> Iterator[str]:
    yield f"{len(find_candidates(settings.pool.images, settings.root)):,} files"


def _model(settings: Settings) -> Iterator[str | Check]:
    if settings.model is None:
        yield "none named: only scoring and selection can run"
        return
    detector = Detector.load(settings.model, settings.root)
    width, height = detector.input_size
    yield f"{settings.model.onnx}: {detector.layout.decoder}, {width}×{height} px, {len(detector.classes)} classes"
    for said in detector.layout.why:
        yield Check("warning", "model", said) if said in detector.layout.doubts else said


def _target(settings: Settings) -> Iterator[str]:
    scheme = preset(settings.quantization.target, settings.quantization, cpu_features())
    yield f"{scheme.target}: {scheme.activations} activations, {scheme.weights} weights"
    yield from scheme.why


def _judge(settings: Settings) -> Iterator[str]:
    scoring = settings.scoring
    if scoring.judge == "detector":
        yield "the detector itself: no key, no network"
        return
    prompt = load_prompt(settings.root, scoring.prompt)
    for serving in serving_chain(scoring, settings.providers):
        price_of(settings.providers, serving.provider.name, serving.model)
        keys = len(resolve_endpoint(serving.provider, os.environ).keys)
        yield f"{serving.model} by {serving.provider.name}, {keys} keys, prompt {prompt.label}"


def _gateway_budgets(settings: Settings) -> Iterator[Check]:
    """What gateways on the way announce of budgets, and whether they hold to it."""
    try:
        if settings.scoring.judge == "vlm":
            for serving in serving_chain(settings.scoring, settings.providers):
                endpoint = resolve_endpoint(serving.provider, os.environ)
                for budget in announced_budgets(endpoint, serving.model):
                    yield Check("ok" if budget.enforced else "warning", "gateway", str(budget))
    except CalibtuiError:
        return  # the judge's own check says it
