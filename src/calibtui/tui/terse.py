"""Updates of the terminal in as few bytes as they need: a link of 200 ms feels every one of them.

Textual repaints a changed span from the beginning of its widget and names every style in full. Here only the span's own
cells are written, and of a style only what differs from the one before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from rich.color import Color, ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual.strip import Strip


class Look(NamedTuple):
    """The parameters of SGR that a style comes to."""

    marks: str
    ink: str
    ground: str


PLAIN = Look("", "39", "49")
_MARKS = (("bold", "1"), ("dim", "2"), ("italic", "3"), ("underline", "4"), ("blink", "5"), ("reverse", "7"),
          ("strike", "9"))  # fmt: skip


class TerseUpdate(CompositorUpdate):
    """The same cells as the update that it is made of."""

    def __init__(self, update: ChopsUpdate) -> None:
        self._update = update

    def __rich_console__(self, console: Console, options: object) -> object:
        return self._update.__rich_console__(console, options)  # type: ignore[arg-type]

    def render_segments(self, console: Console) -> str:
        """The escape sequences and text of all spans."""
        system = console._color_system or ColorSystem.TRUECOLOR
        written: list[str] = []
        look, at = PLAIN, (-1, -1)
        for y, first, last in sorted(self._update.spans):
            for end, (x, strip) in zip(self._update.chop_ends[y], self._update.chops[y].items(), strict=False):
                begin, stop = max(x, first), min(end, last)
                if strip is None or begin >= stop:
                    continue
                if at != (begin, y):
                    written.append(f"\x1b[{y + 1};{begin + 1}H")
                look = _write(written, strip.crop(begin - x, stop - x), look, system)
                at = (stop, y)
        if look != PLAIN:
            written.append("\x1b[m")
        return "".join(written)


def _write(written: list[str], strip: Strip, look: Look, system: ColorSystem) -> Look:
    for segment in strip:
        if segment.style is not None and segment.style.link:
            written += ["\x1b[m", _linked(segment, system)]
            look = PLAIN
            continue
        wanted = PLAIN if segment.style is None else look_of(segment.style, system)
        if wanted != look:
            written.append(change(look, wanted))
            look = wanted
        written.append(segment.text)
    return look


def _linked(segment: Segment, system: ColorSystem) -> str:
    assert segment.style is not None
    return segment.style.render(segment.text, color_system=system)


def change(now: Look, wanted: Look) -> str:
    """The sequence that turns one look into another; marks can't be taken off one by one on every terminal."""
    if wanted == PLAIN:
        return "\x1b[m"
    parts = []
    if wanted.marks != now.marks:
        parts, now = ["0", wanted.marks] if now != PLAIN else [wanted.marks], PLAIN
    if wanted.ink != now.ink:
        parts.append(wanted.ink)
    if wanted.ground != now.ground:
        parts.append(wanted.ground)
    return f"\x1b[{';'.join(part for part in parts if part)}m"


@lru_cache(maxsize=2048)
def look_of(style: Style, system: ColorSystem) -> Look:
    marks = ";".join(code for name, code in _MARKS if getattr(style, name))
    return Look(marks, _codes(style.color, True, system), _codes(style.bgcolor, False, system))


def _codes(color: Color | None, ink: bool, system: ColorSystem) -> str:
    if color is None or color.is_default:
        return "39" if ink else "49"
    return ";".join(color.downgrade(system).get_ansi_codes(foreground=ink))
