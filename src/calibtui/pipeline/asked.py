"""What a job without stages is asked to measure, as its row in the store tells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Measuring:
    """`kind`: one of `calibtui.pipeline.measuring.KINDS`; `options` as the headless command's, by name without dashes;
    what is absent is as there."""

    kind: str
    options: Mapping[str, str] = field(default_factory=dict)


def asked_of(task: str) -> Measuring:
    """From the text that `asked_text` made."""
    told = json.loads(task)
    return Measuring(str(told["kind"]), {str(name): str(value) for name, value in told["options"].items()})


def asked_text(asked: Measuring) -> str:
    return json.dumps({"kind": asked.kind, "options": dict(asked.options)})
