"""`calibtui`: the commands, and the one place that turns errors into exit codes.

Nothing heavy is imported before a command runs: `calibtui --help` answers at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from calibtui.cli.arguments import parse


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line and returns its exit code."""
    arguments = parse(sys.argv[1:] if argv is None else list(argv))
    from calibtui.cli.outcome import reported

    return reported(arguments)
