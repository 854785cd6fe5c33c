"""The workbench under Pilot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import REPOSITORY

from calibtui.engine.client.client import Engine
from calibtui.tui.app import Workbench

SIZES = ((80, 24), (120, 40), (200, 50))
THEMES = REPOSITORY / "themes"


@pytest.fixture(autouse=True)
def colour_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the terminal of whoever runs the tests says must not matter."""
    for name in ("NO_COLOR", "COLORTERM", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")


@pytest.fixture
def make_workbench(tmp_path: Path) -> Callable[..., Workbench]:
    """Makes the application over an engine; `theme` as the user prefers it."""

    def make(engine: Engine, theme: str = "dark", workspace: str = "/data/line3/pcb") -> Workbench:
        config = tmp_path / "config"
        config.mkdir(exist_ok=True)
        (config / "workbench.toml").write_text(f'theme = "{theme}"\n')

        async def connect() -> Engine:
            return engine

        return Workbench(connect, workspace=workspace, themes=THEMES, config=config)

    return make
