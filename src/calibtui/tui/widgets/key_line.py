"""The line at the bottom: the keys that do something here, as many as there is room for, the most specific first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from textual.binding import Binding
from textual.dom import DOMNode
from textual.screen import Screen

from calibtui.tui.widgets.lines import Line, LineView, Span


class KeyLine(LineView):
    """Follows the focus by itself."""

    DEFAULT_CSS = "KeyLine { height: 1; dock: bottom; padding: 0 1; background: $panel; }"

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        if self.is_attached and screen is self.screen:
            self.refill()

    def lines(self, width: int) -> Sequence[Line]:
        first, last = self._hints()
        if _all(first, last) > width:
            first, last = self._hints(brief=True)
        if _all(first, last) > width and last:
            # Of the last, which opens everything there is, the key alone.
            last[-1] = last[-1][:1]
        spans: list[Span] = []
        left = width - sum(_cells(hint) for hint in last)
        for hint in first:
            left -= _cells(hint)
            if left < 0:
                break
            spans += hint
        for hint in last:
            spans += hint
        return (spans,)

    def _hints(self, brief: bool = False) -> tuple[list[list[Span]], list[list[Span]]]:
        """Those of this screen, and those that hold everywhere; of several keys for one thing the shortest."""
        chosen: dict[tuple[DOMNode, str], Binding] = {}
        for active in self.screen.active_bindings.values():
            binding, place = active.binding, (active.node, active.binding.action)
            if binding.show and active.enabled and (place not in chosen or len(binding.key) < len(chosen[place].key)):
                chosen[place] = binding
        here: list[list[Span]] = []
        everywhere: list[list[Span]] = []
        for (node, _), binding in chosen.items():
            (everywhere if node is self.app else here).append(self._hint(binding, brief))
        return here, everywhere

    def _hint(self, binding: Binding, brief: bool) -> list[Span]:
        """`brief`: with the first word of what it does."""
        click = f"app.simulate_key('{binding.key}')"
        said = f"{binding.description.split()[0]} " if brief else f"{binding.description}  "
        return [(self.app.get_key_display(binding), "key", click), (f" {said}", "muted", click)]


def _all(first: Sequence[Sequence[Span]], last: Sequence[Sequence[Span]]) -> int:
    return sum(_cells(hint) for hint in (*first, *last))


def _cells(spans: Sequence[Span]) -> int:
    return sum(cell_len(span[0]) for span in spans)
