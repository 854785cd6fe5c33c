"""What an ablation compares: strategies × sizes × calibrators × seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args, get_type_hints

from calibtui.core.errors import ConfigurationError
from calibtui.evaluation.ablation import CONTROL, Condition
from calibtui.evaluation.control import FEWEST_SEEDS
from calibtui.quantization.ranges import CALIBRATORS
from calibtui.selection.select import NEEDS_SCORES
from calibtui.workspace.settings import SelectionSettings, Settings

STRATEGIES: tuple[str, ...] = get_args(get_type_hints(SelectionSettings)["strategy"])


@dataclass(frozen=True, slots=True)
class AblationPlan:
    """`strategies` begin with the control; `seeds` are FEWEST_SEEDS or more."""

    strategies: tuple[str, ...]
    sizes: tuple[int, ...]
    calibrators: tuple[str, ...]
    seeds: tuple[int, ...]

    @property
    def needs_scores(self) -> bool:
        return any(strategy in NEEDS_SCORES for strategy in self.strategies)

    def conditions(self) -> Iterator[Condition]:
        """All of them, each control before what it is the control of."""
        for size in self.sizes:
            for calibrator in self.calibrators:
                yield from (Condition(strategy, size, calibrator) for strategy in self.strategies)


def plan_of(
    settings: Settings,
    strategies: Sequence[str] = (),
    sizes: Sequence[int] = (),
    calibrators: Sequence[str] = (),
    seeds: int = FEWEST_SEEDS,
) -> AblationPlan:
    """The plan as asked for; what is not asked for is as calibtui.toml has it.

    Seeds count up from [selection] seed. Raises ConfigurationError for a strategy or a calibrator that there is none
    of, a size below 1, and fewer seeds than a control needs.
    """
    named = tuple(dict.fromkeys(strategies)) or (settings.selection.strategy,)
    wanted = tuple(dict.fromkeys(calibrators)) or (settings.quantization.calibrator,)
    for what, given, known in (("strategy", named, STRATEGIES), ("calibrator", wanted, CALIBRATORS)):
        for name in given:
            if name not in known:
                raise ConfigurationError(f"{name!r} is not a {what}.", f"Choose among {', '.join(known)}.")
    many = tuple(dict.fromkeys(sizes)) or (settings.selection.size,)
    if min(many) < 1:
        raise ConfigurationError(f"A set of {min(many)} frames can't calibrate anything.", "Give sizes of 1 or more.")
    if seeds < FEWEST_SEEDS:
        raise ConfigurationError(
            f"{seeds} seeds don't tell a strategy from luck.", f"Give --seeds {FEWEST_SEEDS} or more."
        )
    first = settings.selection.seed
    ordered = (CONTROL, *(name for name in named if name != CONTROL))
    return AblationPlan(ordered, many, wanted, tuple(range(first, first + seeds)))


def plan_of_texts(settings: Settings, strategies: str, sizes: str, calibrators: str, seeds: str) -> AblationPlan:
    """`plan_of` lists as people write them, separated by commas; "" for what is not asked for. Raises
    ConfigurationError."""
    try:
        counted = [int(word) for word in _words(sizes)]
    except ValueError as error:
        raise ConfigurationError(
            f"--sizes {sizes}: not whole numbers.", "Separate them by commas: --sizes 32,128,512."
        ) from error
    try:
        repeated = int(seeds) if seeds.strip() else FEWEST_SEEDS
    except ValueError as error:
        raise ConfigurationError(f"--seeds {seeds}: no whole number.", f"Give {FEWEST_SEEDS} or more.") from error
    return plan_of(settings, _words(strategies), counted, _words(calibrators), repeated)


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def settings_of(settings: Settings, condition: Condition, seed: int) -> Settings:
    """`settings` as that condition has them."""
    asked: dict[str, Any] = {"strategy": condition.strategy, "size": condition.size, "seed": seed}
    by: dict[str, Any] = {"calibrator": condition.calibrator}
    return replace(
        settings,
        selection=replace(settings.selection, **asked),
        quantization=replace(settings.quantization, **by),
    )
