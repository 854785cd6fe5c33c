"""One command run to its end: errors to stderr, an exit code back."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

from calibtui.core.errors import CalibtuiError, WorkspaceBusyError
from calibtui.core.files import unwritable_named
from calibtui.core.text import printable

_MODULES = {
    "init": "calibtui.cli.init",
    "demo": "calibtui.cli.demo",
    "launch": "calibtui.cli.launch",
    "score": "calibtui.cli.batch",
    "select": "calibtui.cli.batch",
    "quantize": "calibtui.cli.batch",
    "evaluate": "calibtui.cli.batch",
    "ablate": "calibtui.cli.ablate",
    "diagnose": "calibtui.cli.diagnose",
    "coverage": "calibtui.cli.coverage",
    "stability": "calibtui.cli.stability",
    "budget": "calibtui.cli.budget",
    "keys": "calibtui.cli.keys",
    "status": "calibtui.cli.status",
    "stop": "calibtui.cli.stop",
    "engine": "calibtui.cli.engine",
    "doctor": "calibtui.cli.doctor",
    "export": "calibtui.cli.export",
    "practice-vlm": "calibtui.cli.practice",
}
INTERRUPTED = 130


def reported(arguments: argparse.Namespace) -> int:
    """The exit code of the command; every error is one clear message on stderr, whatever it is."""
    try:
        run: Callable[[argparse.Namespace], int] = importlib.import_module(_MODULES[arguments.command]).run
        with unwritable_named(Path(getattr(arguments, "dir", "."))):
            return run(arguments)
    except CalibtuiError as error:
        show_error(_in_context(error, arguments))
        return error.exit_code
    except KeyboardInterrupt:
        print("Interrupted; everything finished so far is kept. Run the same command again to resume.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; flushing again at exit would only repeat the error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        print(f"calibtui failed where it should not: {type(error).__name__}: {error}", file=sys.stderr)
        if os.environ.get("CALIBTUI_DEBUG"):
            traceback.print_exc()
        else:
            print("  Set CALIBTUI_DEBUG=1 to see where. What was finished is kept.", file=sys.stderr)
        return 1


def _in_context(error: CalibtuiError, arguments: argparse.Namespace) -> CalibtuiError:
    """What stands in the way of a command that opens the store may be the workspace's own engine."""
    if not isinstance(error, WorkspaceBusyError):
        return error
    from calibtui.cli.engines import beside_engine

    named = getattr(arguments, "dir", None) or arguments.words[0]
    return beside_engine(error, Path(named) if Path(named).is_dir() else Path())


def show_error(error: CalibtuiError) -> None:
    """The message and its hint, plain, without what a file name or a reply could do to a terminal."""
    with contextlib.suppress(BrokenPipeError):
        print(printable(f"calibtui: {error}"), file=sys.stderr)
