"""The kitty graphics protocol, as far as a picture among text needs it.

The picture is sent once as a virtual placement (`U=1`) and shown by placeholder characters (U+10EEEE) whose diacritics
say which row and column of it a cell shows, and whose colour says which picture: so it scrolls, is covered and
disappears as text does. Source: sw.kovidgoyal.net/kitty/graphics-protocol, "Unicode placeholders".
"""

from __future__ import annotations

import zlib
from base64 import b64encode

from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

PLACEHOLDER = "\U0010eeee"
CHUNK = 4096
"""Bytes of payload that one escape sequence may carry."""

_DIACRITICS = (
    "0305 030d 030e 0310 0312 033d 033e 033f 0346 034a 034b 034c 0350 0351 0352 0357 035b 0363 0364 0365 0366 0367 "
    "0368 0369 036a 036b 036c 036d 036e 036f 0483 0484 0485 0486 0487 0592 0593 0594 0595 0597 0598 0599 059c 059d "
    "059e 059f 05a0 05a1 05a8 05a9 05ab 05ac 05af 05c4 0610 0611 0612 0613 0614 0615 0616 0617 0657 0658 0659 065a "
    "065b 065d 065e 06d6 06d7 06d8 06d9 06da 06db 06dc 06df 06e0 06e1 06e2 06e4 06e7 06e8 06eb 06ec 0730 0732 0733 "
    "0735 0736 073a 073d 073f 0740 0741 0743 0745 0747 0749 074a 07eb 07ec 07ed 07ee 07ef 07f0 07f1 07f3 0816 0817 "
    "0818 0819 081b 081c 081d 081e 081f 0820 0821 0822 0823 0825 0826 0827 0829 082a 082b"
)
DIACRITICS = tuple(chr(int(code, 16)) for code in _DIACRITICS.split())
"""The protocol's own list, in its order: the n-th one means row or column n."""

MOST_CELLS = len(DIACRITICS)
"""Cells that a picture can be wide or high."""


def transmission(number: int, rgb: bytes, width: int, height: int, columns: int, rows: int, tmux: bool) -> str:
    """The sequences that hand picture `number` (1 to 2²⁴ − 1) to the terminal, to be shown in columns × rows cells.
    `tmux`: wrapped so that tmux passes them on, which it does with `allow-passthrough on`."""
    payload = b64encode(zlib.compress(rgb, 6)).decode("ascii")
    pieces = [payload[start : start + CHUNK] for start in range(0, len(payload), CHUNK)]
    head = f"a=T,U=1,q=2,f=24,o=z,s={width},v={height},c={columns},r={rows},i={number},"
    sequences = []
    for place, piece in enumerate(pieces):
        more = int(place < len(pieces) - 1)
        sequences.append(f"\x1b_G{head if place == 0 else 'q=2,'}m={more};{piece}\x1b\\")
    return "".join(_passed(sequence) if tmux else sequence for sequence in sequences)


def removal(number: int, tmux: bool) -> str:
    """The sequence that frees picture `number` in the terminal."""
    sequence = f"\x1b_Ga=d,d=I,q=2,i={number}\x1b\\"
    return _passed(sequence) if tmux else sequence


def placeholder_strips(number: int, columns: int, rows: int) -> list[Strip]:
    """The cells that show picture `number`."""
    style = Style.from_color(Color.from_rgb(number >> 16 & 255, number >> 8 & 255, number & 255))
    strips = []
    for row in range(rows):
        text = "".join(PLACEHOLDER + DIACRITICS[row] + DIACRITICS[column] for column in range(columns))
        strips.append(Strip([Segment(text, style)], columns))
    return strips


def _passed(sequence: str) -> str:
    doubled = sequence.replace("\x1b", "\x1b\x1b")
    return f"\x1bPtmux;{doubled}\x1b\\"
