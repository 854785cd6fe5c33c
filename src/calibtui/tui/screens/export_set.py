"""What of a set is written out, and where to."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from calibtui.engine.wire.sets import Export
from calibtui.tui.text import cut, padded, plain
from calibtui.tui.widgets.key_line import KeyLine
from calibtui.tui.widgets.lines import Line
from calibtui.tui.widgets.row_list import RowList

CHOICES = (
    ("manifest", "the set as JSON: frames, digests, why each is in"),
    ("model", "the INT8 model, and how it is deployed"),
    ("report", "report.html: both models compared"),
    ("images", "its frames, copied"),
    ("links", "its frames, linked: they cost no space"),
    ("reader", "a calibration data reader for onnxruntime"),
    ("tensorrt-cache", "a calibration cache for TensorRT up to 10"),
    ("openvino", "preprocessing and compile properties for OpenVINO"),
    ("coco", "a COCO json of its frames, with their annotations"),
)


class ExportRows(RowList[tuple[str, str]]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "take_or_leave", "choose", id="export.toggle", tooltip="Writes this, or doesn't")
    ]

    def __init__(self) -> None:
        super().__init__(self._choice)
        self.chosen = {"manifest", "model", "report"}

    def action_take_or_leave(self) -> None:
        """`images` and `links` are two ways to the same files: choosing one takes the other back."""
        if self.current is None:
            return
        name = self.current[0]
        self.chosen ^= {name}
        if name in self.chosen:
            self.chosen -= {"images": {"links"}, "links": {"images"}}.get(name, set())
        self.refresh()

    def _choice(self, choice: tuple[str, str], width: int) -> Line:
        on = choice[0] in self.chosen
        return [
            ("[x] " if on else "[ ] ", "key" if on else "muted"),
            (padded(choice[0], 16), "strong" if on else "plain"),
            (cut(choice[1], max(0, width - 20)), "muted"),
        ]


class ExportSetScreen(ModalScreen[Export | None]):
    """Dismissed with the command, or None."""

    HELP: ClassVar[str] = "Space chooses what is written, Tab goes to the directory, Enter writes, Esc leaves."
    DEFAULT_CSS = """
    ExportSetScreen { align: center middle; }
    ExportSetScreen > Vertical {
        width: 90%; max-width: 80; height: auto; max-height: 100%; padding: 1 2; background: $surface;
        border-left: outer $accent;
    }
    ExportSetScreen Static { height: auto; margin-bottom: 1; }
    ExportSetScreen ExportRows { height: auto; max-height: 9; margin-bottom: 1; }
    ExportSetScreen .hint { color: $muted; margin: 1 0 0 0; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "dismiss(None)", "leave", id="export.leave", tooltip="Writes nothing")
    ]

    def __init__(self, name: str, directory: str) -> None:
        super().__init__()
        self._set, self._directory = name, directory

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(plain(f"Export {self._set or 'the newest set'}"))
            yield ExportRows()
            yield Input(self._directory, compact=True, placeholder="directory to write to")
            yield Static(plain("space chooses · tab to the directory · enter writes · esc leaves"), classes="hint")
        yield KeyLine()

    def on_mount(self) -> None:
        self.query_one(ExportRows).show(CHOICES)
        self.query_one(ExportRows).focus()

    @on(Input.Submitted)
    @on(RowList.Chosen)
    def _write(self) -> None:
        directory = self.query_one(Input).value.strip()
        chosen = self.query_one(ExportRows).chosen
        what = tuple(name for name, _ in CHOICES if name in chosen)
        if directory and what:
            self.dismiss(Export(to=directory, what=what, name=self._set))
