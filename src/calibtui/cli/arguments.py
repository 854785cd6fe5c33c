"""The command line: what it accepts, in standard-library terms alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from calibtui import __version__
from calibtui.practice.options import add_arguments as add_practice_arguments

STAGES = ("pool", "score", "select", "quantize", "evaluate")

_EPILOG = """\
calibtui --batch [DIR]          the whole job, headless (the same as launch --batch)

exit codes: 0 done · 2 usage or configuration · 3 a budget is exhausted · 4 the judge failed for too many frames
5 a target such as max_map_drop was not met · 6 the workspace is in use or damaged · 130 interrupted
The same command again resumes.
"""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """The parsed command line; `--batch` without a command means `launch --batch`. Exits with 2 on a mistake."""
    arguments = list(argv)
    if "--batch" in arguments and not any(word in _COMMANDS for word in arguments[:1]):
        arguments.insert(0, "launch")
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.print_help()
        parser.exit(2)
    return parsed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="calibtui",
        description="Find the calibration frames that keep an INT8 detector accurate, and prove it.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"calibtui {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (summary, add) in _COMMANDS.items():
        add(commands.add_parser(name, help=summary, description=summary))
    return parser


def _directory(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dir", nargs="?", default=".", metavar="DIR", help="the workspace (default: here)")


def _headless(parser: argparse.ArgumentParser) -> None:
    _directory(parser)
    parser.add_argument("--json", action="store_true", help="exactly one JSON object on stdout")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="override a setting")
    parser.add_argument("--yes", action="store_true", help="spend what the budget has, whatever the forecast says")


def _launch(parser: argparse.ArgumentParser) -> None:
    _headless(parser)
    parser.add_argument("--batch", action="store_true", help="all stages, headless")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--only", choices=STAGES, help="this stage alone")
    which.add_argument("--until", choices=STAGES, help="the stages up to this one")


def _stability(parser: argparse.ArgumentParser) -> None:
    _headless(parser)
    parser.add_argument("--sample", type=int, default=64, metavar="N", help="frames to ask again (default: 64)")
    parser.add_argument("--model", metavar="OTHER", help="ask this model instead, and map its scores onto ours")


def _ablate(parser: argparse.ArgumentParser) -> None:
    _headless(parser)
    parser.add_argument("--strategies", default="", metavar="A,B", help="to compare with random (default: configured)")
    parser.add_argument("--sizes", default="", metavar="N,M", help="frames a set (default: [selection] size)")
    parser.add_argument("--calibrators", default="", metavar="A,B", help="default: [quantization] calibrator")
    parser.add_argument("--seeds", type=int, default=5, metavar="N", help="of each condition, 5 or more (default: 5)")


def _diagnose(parser: argparse.ArgumentParser) -> None:
    _inspection(parser)
    parser.add_argument(
        "--frames", type=int, default=16, metavar="N", help="frames of the set to measure (default: 16)"
    )


def _inspection(parser: argparse.ArgumentParser) -> None:
    _information(parser)
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="override a setting")


def _demo(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dir", nargs="?", default="calibtui-demo", metavar="DIR", help="where to put it (default: %(default)s)"
    )
    parser.add_argument("--batch", action="store_true", help="run all stages, headless")
    parser.add_argument("--json", action="store_true", help="exactly one JSON object on stdout")
    parser.add_argument("--set", action="append", default=[], metavar="TABLE.KEY=VALUE", help="override a setting")
    parser.add_argument("--yes", action="store_true", help="spend what the budget has, whatever the forecast says")


def _init(parser: argparse.ArgumentParser) -> None:
    _directory(parser)
    parser.add_argument("--force", action="store_true", help="write over a calibtui.toml that is there")


def _information(parser: argparse.ArgumentParser) -> None:
    _directory(parser)
    parser.add_argument("--json", action="store_true", help="exactly one JSON object on stdout")


def _stop(parser: argparse.ArgumentParser) -> None:
    _information(parser)
    parser.add_argument("--yes", action="store_true", help="also while a job runs")


def _export(parser: argparse.ArgumentParser) -> None:
    _information(parser)
    parser.add_argument("--to", required=True, metavar="OUT", help="the directory to write; it must not exist")
    parser.add_argument("--images", choices=("none", "copy", "link"), default="none", help="the set's frames as well")
    parser.add_argument(
        "--with",
        dest="parts",
        default="",
        metavar="PARTS",
        help="also, separated by commas: reader (for onnxruntime), tensorrt-cache, coco",
    )
    parser.add_argument("--name", default="", help="of a set, or how its digest begins (default: the newest)")


def _budget(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="+", metavar="[DIR] show | set NODE EUR | reconcile", help="what to do")
    parser.add_argument("--why", default="", help="the reason, for the audit trail; set needs one")
    parser.add_argument("--statement", metavar="FILE", help="reconcile: EUR by call id, .json or .csv")
    parser.add_argument("--complete", action="store_true", help="reconcile: what the statement lacks was never charged")
    parser.add_argument("--json", action="store_true", help="exactly one JSON object on stdout")


def _keys(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="+", metavar="[DIR] add NAME NODE | list | revoke NAME", help="what to do")
    parser.add_argument("--json", action="store_true", help="exactly one JSON object on stdout")


_COMMANDS = {
    "init": ("write a commented calibtui.toml with what was detected", _init),
    "demo": ("make a workspace from the packaged sample data and run it", _demo),
    "launch": ("the workbench, attached to the workspace's engine; --batch for headless", _launch),
    "score": ("score the pool's frames, headless", _headless),
    "select": ("choose the calibration set, headless", _headless),
    "quantize": ("make the INT8 model, headless", _headless),
    "evaluate": ("compare the mAP of both models, headless", _headless),
    "ablate": ("strategies, sizes and calibrators beside random sets, over several seeds", _ablate),
    "diagnose": ("where the INT8 model's error comes from, and what to do about it", _diagnose),
    "coverage": ("whether the calibration set reaches the activation ranges of the whole pool", _inspection),
    "stability": ("ask a sample of scored frames again: how much of the order comes back", _stability),
    "budget": ("budgets, who spent what, the audit trail; change a cap; reconcile", _budget),
    "keys": ("hand out, list and revoke keys that charge a budget node", _keys),
    "status": ("what the workspace holds, what its engine does and what ran last", _information),
    "stop": ("end the workspace's engine at its next safe point", _stop),
    "engine": ("the workspace's engine in the foreground, for a service manager", _directory),
    "doctor": ("check settings, model, keys, CPU and disk", _information),
    "export": ("copy out the set, the INT8 model and the report", _export),
    "practice-vlm": ("serve the practice judge on loopback", add_practice_arguments),
}
