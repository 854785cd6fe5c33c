"""`python -m bench [NAME ...] [--quick]`: runs the benchmarks, prints a table, writes bench/results/NAME.json."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import platform
from pathlib import Path

import bench
from bench.table import print_table

RESULTS = Path(__file__).parent / "results"
NOT_BENCHMARKS = {"__main__", "table", "loopback_upstream", "tui_subject", "frames_screen_subject"}


def main() -> int:
    names = sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name not in NOT_BENCHMARKS)
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(names)
    if unknown:
        parser.error(f"no benchmark named {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    RESULTS.mkdir(exist_ok=True)
    missed = 0
    for name in arguments.names or names:
        result = importlib.import_module(f"bench.{name}").run(quick=arguments.quick)
        print_table(result)
        record = {"machine": platform.processor() or platform.machine(), "python": platform.python_version(), **result}
        (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=2) + "\n")
        missed += sum(row.get("ok") is False for row in result["rows"])
    print(f"{missed} targets missed" if missed else "every target met")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
