"""The workbench: seven screens over one engine."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.constants import DEFAULT_THEME
from textual.dom import DOMNode
from textual.screen import Screen
from textual.theme import Theme
from textual.timer import Timer
from textual.widget import Widget

from calibtui.core.errors import CalibtuiError
from calibtui.core.files import written_whole
from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.connection import AGAIN, GONE, Connect, Connection, Link
from calibtui.tui.keymap import check_keymap, read_keymap
from calibtui.tui.looks import Looks
from calibtui.tui.news import news
from calibtui.tui.preferences import Preferences, read_preferences, write_preferences
from calibtui.tui.screens.registry import PLACES, Place
from calibtui.tui.screens.workbench_screen import WorkbenchScreen
from calibtui.tui.text import cut, shown

try:
    from calibtui.tui.sparing import sparing
except ImportError:  # A version of Textual without the inner parts that this needs.

    def sparing(update: Any) -> Any:
        return update


Level = Literal["information", "warning", "error"]


def _commands() -> type[Provider]:
    from calibtui.tui.commands import WorkbenchCommands

    return WorkbenchCommands


class Workbench(App[None]):
    """`connect` attaches to the engine, and is called again after a loss; `workspace` is shown until the engine says
    its
    own; `themes`: the directory of packaged themes; `config`: the user's."""

    TITLE = "calibtui"
    DEFAULT_MODE = "overview"
    ENABLE_COMMAND_PALETTE = True
    CSS = """
    ModalScreen, CommandPalette { background: transparent; }
    CommandPalette SearchIcon { display: none; }
    """
    COMMANDS: ClassVar = {_commands}
    HELP: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(place.key, f"go('{place.name}')", place.title, id=f"go.{place.name}", show=False,
                  tooltip=place.purpose[0].upper() + place.purpose[1:] + ".") for place in PLACES),
        Binding("question_mark", "help", "help", id="app.help", tooltip="What this is and which keys it has."),
        Binding("ctrl+p", "command_palette", "commands", id="app.palette", priority=True,
                tooltip="Everything that can be done here, by name."),
        Binding("ctrl+o", "jump", "jump", id="app.jump", show=False, tooltip="Letters over everything focusable."),
        Binding("f2", "next_theme", "theme", id="app.theme", show=False, tooltip="The next theme."),
        Binding("f5", "reload", "reload", id="app.reload", show=False,
                tooltip="Reads theme and keymap files again; attaches again now if the engine is gone."),
        Binding("ctrl+z", "suspend_process", "suspend", id="app.suspend", show=False,
                tooltip="Back to the shell; fg returns."),
        Binding("q,ctrl+q", "quit", "quit", id="app.quit", tooltip="Leaves; the engine and its jobs go on."),
    ]  # fmt: skip

    def __init__(self, connect: Connect, *, workspace: str, themes: Path, config: Path) -> None:
        # Told beforehand, Textual takes all colours away instead of turning them into greys.
        super().__init__(ansi_color=True if "NO_COLOR" in os.environ else None)
        self.workspace = workspace
        self.config = config
        self.snapshot: Snapshot | None = None
        self._problems: list[CalibtuiError] = []
        self._clashes: set[str] = set()
        self.keymap: dict[str, str] = {}
        self._modes = {place.name: self._opener(place) for place in PLACES}
        self.connection = Connection(connect, self._receive, self._relink)
        self.preferences = self._preferences()
        self._looks = Looks(themes, config, self._problem)
        self._watching: Timer | None = None
        self._lost = False
        self._first_theme()

    def _opener(self, place: Place) -> Any:
        return lambda: place.screen_class()()

    def _preferences(self) -> Preferences:
        try:
            return read_preferences(self.config)
        except CalibtuiError as error:
            self._problem(error)
            return Preferences()

    def _first_theme(self) -> None:
        """One theme file is read before the first paint. Without colours, the terminal's own are the ones to go
        without."""
        theme = self._looks.first("ansi" if self.no_color else self.preferences.theme)
        for builtin in list(self.available_themes):
            if theme is not None or builtin != DEFAULT_THEME:
                self.unregister_theme(builtin)
        if theme is not None:
            self.register_theme(theme)
            self._begin_with(theme)

    def _begin_with(self, theme: Theme) -> None:
        """The theme as if it had always been there: set in the common way it would have every rule parsed twice."""
        if theme.ansi:
            self.theme = theme.name
            return
        self.set_reactive(App.theme, theme.name)
        self.stylesheet.set_variables(self.get_css_variables())
        self.set_class(theme.dark, "-dark-mode", update=False)
        self.set_class(not theme.dark, "-light-mode", update=False)

    def on_mount(self) -> None:
        self.call_after_refresh(self._begin_to_follow)
        self.app_resume_signal.subscribe(self, lambda app: app.refresh(layout=True))
        self._watch_file()
        self._take_keymap()
        for problem in self._problems:
            self.tell(problem.message, problem.hint, "error")

    def on_resize(self) -> None:
        """Paints everything, also at a size that seems the same: a terminal that was small for a moment, too short for
        anybody to see, has lost what it had to cut."""
        if self.screen_stack:
            self.screen.refresh()

    def on_unmount(self) -> None:
        gc.unfreeze()

    def _begin_to_follow(self) -> None:
        """After the first paint: what a client of the engine imports is not waited for. What is there stays: no
        collection of garbage need look through it."""
        gc.freeze()
        gc.enable()
        self.run_worker(self.connection.run(), group="connection", exit_on_error=False)

    def _problem(self, error: CalibtuiError) -> None:
        if self.is_running:
            self.tell(error.message, error.hint, "error")
        else:
            self._problems.append(error)

    @property
    def theme_names(self) -> list[str]:
        return list(self._looks.files)

    def choose_theme(self, name: str) -> None:
        """Shows a theme, and keeps it for the next time."""
        if self._show_theme(name):
            self.preferences = replace(self.preferences, theme=name)
            try:
                write_preferences(self.config, self.preferences)
            except (CalibtuiError, OSError) as error:
                self.tell("The theme could not be kept.", str(error), "warning")

    def _show_theme(self, name: str) -> bool:
        theme = self._looks.read(name)
        if theme is None:
            return False
        self.register_theme(theme)
        if self.theme == name:
            self._invalidate_css()
            self.refresh_css(animate=False)
        else:
            self.theme = name
        self._watch_file()
        return True

    def _watch_file(self) -> None:
        """A user's own theme is looked at once a second; packaged ones don't change."""
        if self._watching is not None:
            self._watching.stop()
            self._watching = None
        if self._looks.own(self.theme):
            self._watching = self.set_interval(1.0, self._look_again)

    def _look_again(self) -> None:
        if self._looks.changed(self.theme):
            self._show_theme(self.theme)

    def action_next_theme(self) -> None:
        self.choose_theme(self._looks.after(self.theme))

    def action_reload(self) -> None:
        self._show_theme(self.theme)
        self._take_keymap()
        self.connection.hurry()

    def _take_keymap(self) -> None:
        try:
            keymap = read_keymap(self.config)
        except CalibtuiError as error:
            self._problem(error)
            return
        self.keymap = keymap
        self.set_keymap(keymap)
        if keymap:
            self.run_worker(lambda: self._check_keymap(keymap), thread=True, group="keymap", exit_on_error=False)

    def _check_keymap(self, keymap: dict[str, str]) -> None:
        """In a thread, after the first paint: it imports every screen."""
        from calibtui.tui.keys_known import known_ids

        try:
            check_keymap(self.config / "keymap.toml", keymap, known_ids())
        except CalibtuiError as error:
            self.call_from_thread(self._problem, error)

    def handle_bindings_clash(self, clashed_bindings: set[Binding], node: DOMNode) -> None:
        for binding in clashed_bindings:
            what = binding.id or binding.action
            if what not in self._clashes:
                self._clashes.add(what)
                self.tell(f"{self.config / 'keymap.toml'} gives the key of {what!r} to something else.",
                          "Give it another key there.", "warning")  # fmt: skip

    def action_help(self) -> None:
        from calibtui.tui.screens.help import HelpScreen, topics

        self.push_screen(HelpScreen(topics(self.screen)))

    def action_jump(self) -> None:
        from calibtui.tui.screens.jump import JumpScreen

        if isinstance(self.screen, WorkbenchScreen):
            self.push_screen(JumpScreen(self.screen.focus_chain), self._jumped)

    def _jumped(self, widget: Widget | None) -> None:
        if widget is not None:
            self.screen.set_focus(widget)

    def get_system_commands(self, screen: Screen[Any]) -> Iterator[SystemCommand]:
        """None of Textual's own: whatever has a key is in the palette already."""
        yield from ()

    async def action_go(self, name: str) -> None:
        """Opens one of the seven screens."""
        await self.switch_mode(name)

    def tell(self, message: str, hint: str = "", level: Level = "information") -> None:
        """A notification; the text may come from anywhere."""
        text = "\n".join(shown(part) for part in (message, hint) if part)
        self.notify(text, severity=level, markup=False, timeout=5 if level == "information" else 10)

    def tell_gone(self) -> None:
        self.tell(GONE, AGAIN, "error")

    def copy(self, text: str) -> None:
        """Puts `text` on the clipboard of the user's terminal, and into a file, since not every terminal passes it
        on."""
        if not text:
            self.tell("There is nothing to copy here.")
            return
        self.copy_to_clipboard(text)
        file = self.config / "copied.txt"
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            with written_whole(file) as part:
                part.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        except (CalibtuiError, OSError) as error:
            self.tell("Copied, but not into a file.", str(error), "warning")
            return
        lines = text.count("\n") + 1
        self.tell(f"Copied {lines} lines." if lines > 1 else f"Copied {cut(text, 60)}", f"Also in {file}")

    def _display(self, *shown: Any) -> None:
        """Partial updates in as few bytes as they need. What Textual hands over here it may change."""
        super()._display(*map(sparing, shown))

    def _receive(self, snapshot: Snapshot) -> None:
        before, self.snapshot = self.snapshot, snapshot
        for item in news(before, snapshot):
            self.tell(item.text, item.hint, item.level)
        self._pass_on()

    def _relink(self, link: Link) -> None:
        lost, self._lost = self._lost, link.state == "disconnected"
        if self._lost and not lost:
            self.tell(link.said, link.hint or AGAIN, "error")
        elif lost and not self._lost:
            self.tell("Attached again.")
        self._pass_on()

    def _pass_on(self) -> None:
        """To the open screen, also where a dialog is over it."""
        stack: list[Screen[Any]] = self.screen_stack
        if stack and isinstance(stack[0], WorkbenchScreen) and stack[0].is_mounted:
            with self.batch_update():
                stack[0].receive(self.snapshot, self.connection.link)


def run_workbench(connect: Connect, *, workspace: str, themes: Path, config: Path) -> int:
    """Runs the workbench until the user leaves. Returns the exit code."""
    app = Workbench(connect, workspace=workspace, themes=themes, config=config)
    app.run()
    return app.return_code or 0
