"""The workbench: seven screens over one engine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

from textual.app import App
from textual.binding import Binding, BindingType
from textual.screen import Screen

from calibtui.core.errors import CalibtuiError
from calibtui.engine.wire.snapshot import Snapshot
from calibtui.tui.connection import Connect, Connection, Link
from calibtui.tui.news import news
from calibtui.tui.preferences import Preferences, read_preferences
from calibtui.tui.screens.registry import PLACES, Place
from calibtui.tui.screens.workbench_screen import WorkbenchScreen
from calibtui.tui.text import shown
from calibtui.tui.themes import read_theme, theme_files

Level = Literal["information", "warning", "error"]


class Workbench(App[None]):
    """`connect` attaches to the engine, and is called again after a loss; `workspace` is shown until the engine says
    its
    own; `themes`: the directory of packaged themes; `config`: the user's."""

    TITLE = "calibtui"
    DEFAULT_MODE = "overview"
    ENABLE_COMMAND_PALETTE = True
    HELP: ClassVar[str] = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(place.key, f"go('{place.name}')", place.title, id=f"go.{place.name}", show=False,
                  tooltip=place.purpose.capitalize() + ".") for place in PLACES),
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
        super().__init__()
        self.workspace = workspace
        self.config = config
        self.snapshot: Snapshot | None = None
        self.preferences = Preferences()
        self._theme_files = theme_files(themes, config)
        self._problems: list[CalibtuiError] = []
        self._modes = {place.name: self._opener(place) for place in PLACES}
        self.connection = Connection(connect, self._receive, self._relink)
        self._choose_theme()

    def _opener(self, place: Place) -> Any:
        return lambda: place.screen_class()()

    def _choose_theme(self) -> None:
        """The preferred theme alone is read before the first paint."""
        for builtin in list(self.available_themes):
            if builtin != "textual-dark":
                self.unregister_theme(builtin)
        try:
            self.preferences = read_preferences(self.config)
        except CalibtuiError as error:
            self._problems.append(error)
        wanted = "ansi" if self.no_color else self.preferences.theme
        for name in (wanted, "dark"):
            try:
                self.register_theme(read_theme(self._theme_files[name]))
            except KeyError:
                continue
            except CalibtuiError as error:
                self._problems.append(error)
                continue
            self.theme = name
            self.unregister_theme("textual-dark")
            return

    def on_mount(self) -> None:
        self.run_worker(self.connection.run(), group="connection", exit_on_error=False)
        for problem in self._problems:
            self.tell(problem.message, problem.hint, "error")

    async def action_go(self, name: str) -> None:
        """Opens one of the seven screens."""
        await self.switch_mode(name)

    def tell(self, message: str, hint: str = "", level: Level = "information") -> None:
        """A notification; the text may come from anywhere."""
        text = f"{shown(message)}\n{shown(hint)}" if hint else shown(message)
        self.notify(text, severity=level, markup=False, timeout=10 if level == "error" else 5)

    def tell_gone(self) -> None:
        self.tell("The engine is gone.", "The workbench attaches again by itself.", "error")

    def copy(self, text: str) -> None:
        """Puts `text` on the clipboard of the user's terminal, and into a file, since not every terminal passes it
        on."""

    def _receive(self, snapshot: Snapshot) -> None:
        before, self.snapshot = self.snapshot, snapshot
        for item in news(before, snapshot):
            self.tell(item.text, item.hint, item.level)
        self._pass_on()

    def _relink(self, link: Link) -> None:
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
