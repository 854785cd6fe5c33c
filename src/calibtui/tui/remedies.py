"""What to do about a job that ended badly, said in the workbench's keys: the hints of a run speak of commands."""

from __future__ import annotations

import re
from functools import partial

from calibtui.engine.wire.snapshot import Job

BUDGET_EXHAUSTED = 3
LIFT = "lift its cap: 6, then e"

_COMMANDS = (
    (re.compile(r"\braise (?:it|the cap) with `calibtui budget set[^`]*`", re.IGNORECASE), LIFT),
    (re.compile(r"\bthe same command resumes", re.IGNORECASE), "s on the Overview resumes"),
    (re.compile(r"\brun the same command again to resume", re.IGNORECASE), "to resume, start it again: 1, then s"),
    (re.compile(r", or spend what is left with --yes"), ""),
)


def remedy(job: Job) -> str:
    """The job's hint with keys in the place of commands, "" where it has none; of a budget that is exhausted it
    always says how its cap is lifted."""
    said = job.hint
    for command, keys in _COMMANDS:
        said = command.sub(partial(_in_keys, keys), said)
    if job.exit_code == BUDGET_EXHAUSTED and LIFT not in said.replace(LIFT.capitalize(), LIFT):
        said = f"{said} {LIFT.capitalize()}.".strip()
    return said


def _in_keys(keys: str, command: re.Match[str]) -> str:
    """With a capital where the command had one."""
    return keys[:1].upper() + keys[1:] if command[0][:1].isupper() else keys
