"""A calibration set's quality in the terminal: the verdict, what would clip, the frames that would fix it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from calibtui.report.figures import counted
from calibtui.report.plain_text import plain

SHOWN = 10
_SIGNS = {"good": ("✓ good", "bold green"), "thin": ("≈ thin", "bold yellow"), "poor": ("▼ poor", "bold red")}


def coverage_report(document: Mapping[str, Any]) -> RenderableType:
    """Of the object that `calibtui coverage --json` prints; made for 80 columns and more."""
    word, style = _SIGNS[document["state"]]
    pool, pictures = document["pool"], document["pictures"]
    parts: list[RenderableType] = [
        Text.assemble((word, style), "  ", (plain(document["sentence"]), "bold")),
        Text(
            f"{counted(document['frames'], 'frame')} beside {pool['measured']:,} of the pool's {pool['frames']:,}, "
            f"{document['tensors']} activations each. A pool frame looks like its nearest in the set by "
            f"{pictures['mean_similarity']:.3f} on average, {pictures['least_similarity']:.3f} at worst; "
            f"{pictures['near_duplicates']} of the set nearly repeat another, {pool['duplicates']:,} of the pool are "
            "exact copies."
        ),
    ]
    if document["clipping"]:
        parts += [Text(), _clipping(document["clipping"])]
    if document["fixes"]:
        parts += [Text(), *_fixes(document["fixes"], document["clipping_after"])]
    for each in document["stretching"][:SHOWN]:
        parts.append(
            Text(
                f"! {plain(each['uri'], 200)} stretches a range {each['times']:.1f}× beyond the pool's: "
                f'[selection] exclude = ["{plain(each["uri"], 200)}"]',
                style="yellow",
            )
        )
    parts += [Text(f"! {plain(note)}", style="yellow") for note in document["notes"]]
    return Group(*parts)


def _clipping(clipping: Sequence[Mapping[str, Any]]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("Would clip", overflow="fold", max_width=32)
    for heading in ("set", "pool", "missing", "of the frames"):
        table.add_column(heading, justify="right", no_wrap=True)
    for each in clipping[:SHOWN]:
        table.add_row(
            Text(plain(each["tensor"], 120)),
            _range(each["set"]),
            _range(each["pool"]),
            f"{100 * each['missing']:.0f} %",
            f"{100 * each['frames']:.0f} %",
        )
    hidden = len(clipping) - SHOWN
    return Group(table, Text(f"… and {hidden} more", style="italic")) if hidden > 0 else table


def _fixes(fixes: Sequence[Mapping[str, Any]], after: int) -> list[RenderableType]:
    left = "none would clip" if not after else f"{counted(after, 'tensor')} would still clip"
    lines: list[RenderableType] = [Text(f"With {counted(len(fixes), 'frame')} more, {left}:")]
    return lines + [Text(f"  {plain(each['uri'], 200)}", style="cyan") for each in fixes]


def _range(bounds: Sequence[float]) -> str:
    return f"{bounds[0]:.3g} … {bounds[1]:.3g}"
