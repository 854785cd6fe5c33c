"""What a change of the screen costs: only lines that changed are drawn, and only the widgets that show on them.

Textual draws the lines of every widget on the screen to repaint one line of one of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip

Span = tuple[int, int, int]
"""A line and the first and last column, the last not included, of the cells to be repainted."""

Chops = Sequence[dict[int, Strip | None]]
"""For every line its parts by the column they begin at; None: not drawn."""


class FrugalCompositor(Compositor):
    """The same cells as Textual's compositor, for less."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """The cells of all regions that were told to have changed; None where there are none.

        It lives on inner parts of Textual, which doesn't promise to keep them: where they aren't as they are known
        here, Textual does it in its own way.
        """
        told = set(self._dirty_regions)
        try:
            return self._changed()
        except (AttributeError, LookupError, TypeError, ValueError):
            self._dirty_regions.update(told)
            return super().render_partial_update()

    def _changed(self) -> ChopsUpdate | None:
        screen = self.size.region
        changed = [region.intersection(screen) for region in self._dirty_regions]
        self._dirty_regions.clear()
        spans = list(self._regions_to_spans(region for region in changed if region))
        if not spans:
            return None
        chops: Chops = [dict.fromkeys(cuts[:-1]) for cuts in self.cuts]
        for block in blocks(spans):
            self._fill(chops, block)
        return ChopsUpdate(chops, spans, [cuts[1:] for cuts in self.cuts])

    def _fill(self, chops: Chops, block: Sequence[Span]) -> None:
        """Draws neighbouring lines, the widgets in front first, until no cell of theirs is left."""
        first, last = block[0][0], block[-1][0]
        missing = {y: set[int]() for y in range(first, last + 1)}
        for y, begin, end in block:
            missing[y].update(cut for cut, stop in pairwise(self.cuts[y]) if cut < end and stop > begin)
        crop = Region.from_corners(min(x for _, x, _ in block), first, max(x for _, _, x in block), last + 1)
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            if not shown.overlaps(crop):
                continue
            top, bottom = max(first, shown.y), min(last + 1, shown.bottom)
            lines = Region(shown.x - region.x, top - region.y, shown.width, bottom - top)
            for y, strip in enumerate(widget.render_lines(lines), top):
                if missing[y]:
                    self._take(chops[y], missing[y], strip, shown, self.cuts[y])
            if not any(missing.values()):
                return

    @staticmethod
    def _take(
        line: dict[int, Strip | None], missing: set[int], strip: Strip, shown: Region, cuts: Sequence[int]
    ) -> None:
        """Puts the parts of a widget's line where nothing is in front of them."""
        inside = [cut for cut in cuts if shown.x <= cut <= shown.right]
        if strip.cell_length == inside[1] - shown.x:
            # Divided, it would be kept as a part of itself: garbage that takes a collection.
            parts: Sequence[Strip] = (strip,)
        else:
            parts = strip.divide([cut - shown.x for cut in inside[1:]])
        for cut, part in zip(inside, parts, strict=False):
            if cut in missing:
                line[cut] = part
                missing.discard(cut)


def blocks(spans: Iterable[Span]) -> Iterator[list[Span]]:
    """Spans, ordered by line, in groups of lines without a gap between them."""
    block: list[Span] = []
    for span in spans:
        if block and span[0] > block[-1][0] + 1:
            yield block
            block = []
        block.append(span)
    if block:
        yield block
