"""How fast a stage goes: one figure, wherever it is shown."""

from __future__ import annotations

from calibtui.engine.wire.snapshot import Stage
from calibtui.tui.figures import duration


def pace(stage: Stage) -> tuple[list[str], str]:
    """(rate and time left, as far as they are known; what else the stage says).

    A note that tells a rate stands for the measured one: it is there from the first second on, and two figures of one
    thing never agree.
    """
    own = stage.said if stage.said.endswith("/s") else ""
    said = "" if own else stage.said
    if stage.total and stage.done >= stage.total:
        return [], said
    rate = own or (f"{stage.rate:.1f}/s" if stage.rate > 0 else "")
    left = f"{duration(stage.seconds_left)} left" if rate and stage.seconds_left is not None else ""
    return [part for part in (rate, left) if part], said
