"""An ablation in the terminal: one row a condition, its seeds drawn beside one another, the verdict in words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from calibtui.evaluation.ablation import Ablation
from calibtui.report.figures import UNKNOWN, ap_points, counted, signed_points
from calibtui.report.plain_text import plain

STRIP_CELLS = 24
NAME_CELLS = 18


def ablation_table(found: Ablation) -> RenderableType:
    """The verdict first; made for 80 columns and more."""
    return Group(
        Text(plain(found.verdict), style="bold"),
        Text(plain(basis_in_words(found))),
        Text(),
        _figures(found),
        Text(),
        _verdicts(found),
        Text(),
        *(Text(f"Note   {plain(note)}") for note in found.notes),
        Text(f"Report {plain(found.report, 4096)}"),
    )


def _figures(found: Ablation) -> Table:
    """Drop, seeds and the worst of them, in groups that share a control."""
    low, high = scale_of(found)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("Strategy, size, calibrator", no_wrap=True)
    table.add_column("Change", justify="right", no_wrap=True)
    table.add_column(f"Seeds, {100 * low:.1f} to {100 * high:.1f} mAP", no_wrap=True, min_width=STRIP_CELLS)
    table.add_column("Worst seed", justify="right", no_wrap=True)
    control = None
    for result in found.results:
        if control is not None and result.condition.control != control:
            table.add_section()
        control = result.condition.control
        table.add_row(
            str(result.condition),
            signed_points(-result.drop),
            strip([*result.maps.values()], low, high),
            f"{signed_points(-result.worst_drop)} ({result.worst_seed})",
        )
    return table


def _verdicts(found: Ablation) -> Table:
    """What each comparison came to, and the class that lost most."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1), pad_edge=False, show_edge=False)
    table.add_column("Beside random", overflow="fold")
    table.add_column("Worst class", max_width=NAME_CELLS + 8, overflow="fold")
    for result in found.results:
        worst, difference = result.worst_class, result.difference
        style = ""
        if difference is not None and difference.measurable:
            style = "green" if difference.points > 0 else "red"
        lost = UNKNOWN if worst is None else f"{plain(worst.name, NAME_CELLS)} {signed_points(-worst.points)}"
        table.add_row(Text.assemble(f"{result.condition}: ", (result.verdict, style)), lost)
    return table


def scale_of(found: Ablation) -> tuple[float, float]:
    """The lowest and the highest mAP that any model has, float included; as fractions."""
    every = [value for result in found.results for value in result.maps.values() if not math.isnan(value)]
    every.append(found.reference_map)
    return min(every), max(every)


def basis_in_words(found: Ablation) -> str:
    """What the figures rest on."""
    units = counted(found.frames, "evaluation frame")
    if found.units != found.frames:
        units += f" in {counted(found.units, 'scene')}"
    return (
        f"float {ap_points(found.reference_map)} mAP · {units} · {counted(len(found.seeds), 'seed')} · "
        f"target {found.target} · 95 % intervals over frames and seeds, p corrected by Holm"
    )


def strip(maps: Sequence[float], low: float, high: float) -> str:
    """Where each seed's mAP lies between `low` and `high`: a mark a seed, a heavier one where several fall together."""
    cells = [0] * STRIP_CELLS
    for value in maps:
        if not math.isnan(value):
            share = 0.5 if high <= low else (value - low) / (high - low)
            cells[min(STRIP_CELLS - 1, int(share * STRIP_CELLS))] += 1
    return "".join("·" if not count else "│" if count == 1 else "┃" for count in cells)
