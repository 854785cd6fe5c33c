"""What the focused part is and which keys it has, from its HELP and its bindings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from textual.binding import ActiveBinding
from textual.dom import DOMNode
from textual.screen import Screen

from calibtui.tui.screens.page import PageScreen
from calibtui.tui.text import cut, padded
from calibtui.tui.widgets.lines import Line, LineView
from calibtui.tui.widgets.wrapping import wrapped

KEYS = 16


@dataclass(frozen=True, slots=True)
class Topic:
    """A part of the screen: what it is called, what it is, (keys, what they do) in its own order."""

    title: str
    text: str
    keys: tuple[tuple[str, str], ...]


def topics(screen: Screen[object]) -> list[Topic]:
    """The focused widget first, then what it lies in, then what holds everywhere."""
    nodes = [*(screen.focused.ancestors_with_self if screen.focused else (screen, screen.app))]
    found: list[Topic] = []
    for node in nodes:
        text = " ".join(_own_help(node).replace("**", "").split("\n")).strip()
        keys = _keys(screen, node)
        if text or keys:
            found.append(Topic(_title(node, screen, first=not found), text, keys))
    return found


def _own_help(node: DOMNode) -> str:
    return str(getattr(node, "HELP", "") or "")


def _title(node: DOMNode, screen: Screen[object], *, first: bool) -> str:
    if node is screen.app:
        return "Everywhere"
    return "This screen" if node is screen else "Here" if first else "Around it"


def _keys(screen: Screen[object], node: DOMNode) -> tuple[tuple[str, str], ...]:
    """The keys of our own; those for scrolling and typing are what they are everywhere."""
    by_action: dict[str, list[ActiveBinding]] = {}
    for active in screen.active_bindings.values():
        if active.node is node and active.enabled and active.binding.id:
            by_action.setdefault(active.binding.action, []).append(active)
    return tuple(
        (
            " ".join(_key(screen, active) for active in actives),
            actives[0].tooltip or actives[0].binding.description,
        )
        for actives in by_action.values()
    )


def _key(screen: Screen[object], active: ActiveBinding) -> str:
    """Its own: in the key line one key may stand for several."""
    return screen.app.get_key_display(replace(active.binding, key_display=None))


class HelpPage(LineView):
    def __init__(self, shown: Sequence[Topic]) -> None:
        super().__init__()
        self._topics = shown

    def lines(self, width: int) -> Sequence[Line]:
        lines: list[Line] = []
        for topic in self._topics:
            lines += [[]] if lines else []
            lines.append([(topic.title, "title")])
            lines += [[(text, "plain")] for text in wrapped(topic.text, width)] if topic.text else []
            for keys, said in topic.keys:
                for number, text in enumerate(wrapped(said, max(10, width - KEYS))):
                    lines.append([(padded("" if number else cut(keys, KEYS - 1), KEYS), "key"), (text, "muted")])
        return lines


class HelpScreen(PageScreen):
    def __init__(self, shown: Sequence[Topic]) -> None:
        super().__init__()
        self._topics = shown

    def page(self) -> LineView:
        return HelpPage(self._topics)
