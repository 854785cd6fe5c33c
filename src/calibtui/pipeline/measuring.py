"""What may be measured beside the five stages, as a job of an engine: by name, with options as texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from calibtui.core.errors import ConfigurationError
from calibtui.pipeline.ablation.ablate import ablation_in
from calibtui.pipeline.ablation.plan import AblationPlan, plan_of_texts
from calibtui.pipeline.asked import Measuring
from calibtui.pipeline.context import Context
from calibtui.pipeline.coverage import coverage_in
from calibtui.pipeline.diagnose import FRAMES, diagnosis_in
from calibtui.pipeline.single_run import SingleRun, run_within
from calibtui.pipeline.stability import SAMPLE, check_sample, stability_in
from calibtui.workspace.settings import Settings


def check_measuring(settings: Settings, asked: Measuring) -> None:
    """Raises ConfigurationError for what can be known to be wrong before it begins."""
    known = _OPTIONS.get(asked.kind)
    if known is None:
        raise ConfigurationError(f"{asked.kind!r} can't be measured.", f"There are {', '.join(_OPTIONS)}.")
    for name in asked.options:
        if name not in known:
            raise ConfigurationError(f"{asked.kind} has no option {name!r}.", f"It has {', '.join(known) or 'none'}.")
    if asked.kind == "ablate":
        plan_asked(settings, asked)
    elif asked.kind == "diagnose":
        _whole(asked, "frames", FRAMES)
    elif asked.kind == "stability":
        check_sample(_whole(asked, "sample", SAMPLE), asked.options.get("model"))


def plan_asked(settings: Settings, asked: Measuring) -> AblationPlan:
    """Of an ablation. Raises ConfigurationError."""
    texts = {name: asked.options.get(name, "") for name in ("strategies", "sizes", "calibrators", "seeds")}
    return plan_of_texts(settings, **texts)


def sample_asked(asked: Measuring) -> int:
    """How many frames a stability measurement asks again. Raises ConfigurationError."""
    return _whole(asked, "sample", SAMPLE)


def asks_judge(settings: Settings, asked: Measuring) -> bool:
    """Whether it asks the judge, which may cost money. Raises ConfigurationError."""
    if asked.kind == "ablate":
        return plan_asked(settings, asked).needs_scores
    return asked.kind == "stability"


def measured_in(context: Context, asked: Measuring) -> tuple[SingleRun, str]:
    """The run, and its result as the JSON text that the headless command makes its output of. Raises what ended it
    early; the run is kept then too."""
    with run_within(context, asked.kind, alone=False) as run:
        check_measuring(context.settings, asked)
        result = _MEASURED[asked.kind](run, asked)
    return run, json.dumps(result, default=dict)


def _diagnosed(run: SingleRun, asked: Measuring) -> dict[str, Any]:
    return diagnosis_in(run, _whole(asked, "frames", FRAMES))


def _covered(run: SingleRun, asked: Measuring) -> dict[str, Any]:
    return coverage_in(run, asked.options.get("set", "")).as_json()


def _ablated(run: SingleRun, asked: Measuring) -> dict[str, Any]:
    return asdict(ablation_in(run, plan_asked(run.context.settings, asked)))


def _stable(run: SingleRun, asked: Measuring) -> dict[str, Any]:
    return asdict(stability_in(run, sample_asked(asked), asked.options.get("model") or None))


def _whole(asked: Measuring, name: str, otherwise: int) -> int:
    text = asked.options.get(name, "").strip()
    if text and not text.lstrip("-").isdecimal():
        raise ConfigurationError(f"{name} {text[:40]!r} of {asked.kind} is no whole number.", f"Such as {otherwise}.")
    return int(text) if text else otherwise


_MEASURED: Mapping[str, Callable[[SingleRun, Measuring], dict[str, Any]]] = {
    "diagnose": _diagnosed,
    "coverage": _covered,
    "ablate": _ablated,
    "stability": _stable,
}
_OPTIONS: Mapping[str, tuple[str, ...]] = {
    "diagnose": ("frames",),
    "coverage": ("set",),
    "ablate": ("strategies", "sizes", "calibrators", "seeds"),
    "stability": ("sample", "model"),
}
KINDS = tuple(_OPTIONS)
