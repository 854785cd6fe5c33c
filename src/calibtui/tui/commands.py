"""The command palette: whatever has a key here, by name; the seven screens; the themes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from calibtui.tui.screens.registry import PLACES

if TYPE_CHECKING:
    from calibtui.tui.app import Workbench


class Entry(NamedTuple):
    name: str
    said: str
    run: Callable[[], Any]


class WorkbenchCommands(Provider):
    """Everything the open screen and the focused widget can do comes first."""

    async def discover(self) -> Hits:
        for entry in self._entries():
            yield DiscoveryHit(entry.name, entry.run, help=entry.said)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in self._entries():
            score = max(matcher.match(entry.name), 0.6 * matcher.match(entry.said))
            if score > 0:
                yield Hit(score, matcher.highlight(entry.name), entry.run, help=entry.said)

    def _entries(self) -> Iterator[Entry]:
        app = cast("Workbench", self.app)
        yield from self._bound()
        for place in PLACES:
            yield Entry(f"Go to {place.title}", f"{place.key}: {place.purpose}", partial(app.action_go, place.name))
        for name in app.theme_names:
            yield Entry(f"Theme: {name}", "how the workbench looks", partial(app.choose_theme, name))

    def _bound(self) -> Iterator[Entry]:
        seen = set()
        for active in self.screen.active_bindings.values():
            binding = active.binding
            again = (active.node, binding.action) in seen or binding.action.startswith(("go(", "command_palette"))
            if again or not binding.description or not active.enabled or not binding.id:
                continue
            seen.add((active.node, binding.action))
            name = binding.description[0].upper() + binding.description[1:]
            said = f"{self.app.get_key_display(binding)}: {active.tooltip}" if active.tooltip else ""
            yield Entry(name, said, partial(self.app.run_action, binding.action, active.node))
