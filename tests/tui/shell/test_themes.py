"""Theme files: readable, complete, and legible."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.tui.conftest import THEMES
from tests.tui.driving import Make, pressed, until
from tests.tui.looks import cells
from tests.tui.stand_in import MemoryEngine
from textual.color import Color

from calibtui.core.errors import ConfigurationError
from calibtui.tui.screens.registry import PLACES
from calibtui.tui.themes import GROUNDS, TEXTS, read_theme, theme_files

AA_TEXT, AA_GRAPHICS, AAA_TEXT = 4.5, 3.0, 7.0
COLOURED = ("dark", "light", "high-contrast")
DRAWN = set(" ▀▄█▌▐▁▂▃▅▆▇▏▎▍▋▊▉▔─│┃━•·▪")
"""Characters that are drawn, not read."""


def ratio(one: Color, other: Color) -> float:
    """Contrast of WCAG 2: (lighter + 0.05) / (darker + 0.05) of the relative luminances."""
    low, high = sorted(_luminance(color) for color in (one, other))
    return (high + 0.05) / (low + 0.05)


def _luminance(color: Color) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _colors(name: str) -> dict[str, Color]:
    import tomllib

    table = tomllib.loads((THEMES / f"{name}.toml").read_text())["colors"]
    return {key: Color.parse(value) for key, value in table.items()}


@pytest.mark.parametrize("name", COLOURED)
def test_every_text_is_legible_on_every_ground(name: str) -> None:
    colors = _colors(name)
    least = AAA_TEXT if name == "high-contrast" else AA_TEXT
    for text in TEXTS:
        for ground in GROUNDS:
            assert ratio(colors[text], colors[ground]) >= least, f"{text} on {ground}"


@pytest.mark.parametrize("name", COLOURED)
def test_a_bar_stands_out_of_its_track(name: str) -> None:
    colors = _colors(name)
    for fill in ("accent", "warn", "bad"):
        assert ratio(colors[fill], colors["track"]) >= AA_GRAPHICS, fill


WALK = ("question_mark", "escape", "s", "escape", "c", "escape", "ctrl+p", "escape", "6", "e", "escape", "7", "enter")


@pytest.mark.parametrize("name", COLOURED)
async def test_every_pair_of_colours_on_the_screen_is_legible(make_workbench: Make, name: str) -> None:
    app = make_workbench(MemoryEngine(), name)
    pairs = {}
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        for key in ("1", *WALK):
            await pressed(pilot, key)
            await pilot.pause(0.15)
            for line in cells(app):
                for character, style in line:
                    if character not in DRAWN and style is not None and style.color and style.bgcolor:
                        pairs[style.color.name, style.bgcolor.name] = f"{character!r} after {key}"
    assert len(pairs) > 10
    for (ink, ground), where in pairs.items():
        assert ratio(Color.parse(ink), Color.parse(ground)) >= AA_TEXT, f"{ink} on {ground}: {where}"


def test_the_terminals_own_colours_are_only_named() -> None:
    assert all(color.ansi is not None for color in _colors("ansi").values())


@pytest.mark.parametrize(
    ("document", "names"),
    [
        ("colors = 1", "[colors]"),
        ("[colors]\nbackgruond = '#000000'", "'backgruond'"),
        ("[colors]\nbackground = 'blurple'", "'blurple'"),
        ("[colors]\n", "'background'"),
        ("dark = 'yes'\n[colors]\n", "dark"),
        ("title =", "mine.toml"),
    ],
)
def test_a_theme_that_cant_be_used_says_where(tmp_path: Path, document: str, names: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(document)
    with pytest.raises(ConfigurationError) as refusal:
        read_theme(file)
    assert names in refusal.value.message or names in refusal.value.hint
    assert str(file) in refusal.value.message


def test_a_users_own_theme_wins_over_the_packaged_one(tmp_path: Path) -> None:
    own = tmp_path / "themes" / "dark.toml"
    own.parent.mkdir()
    own.write_text((THEMES / "light.toml").read_text())
    assert theme_files(THEMES, tmp_path)["dark"] == own
    assert theme_files(THEMES, tmp_path)["light"].parent == THEMES


async def test_a_users_own_theme_is_shown_as_it_is_edited(make_workbench: Make, tmp_path: Path) -> None:
    own = tmp_path / "config" / "themes" / "mine.toml"
    own.parent.mkdir(parents=True)
    own.write_text((THEMES / "dark.toml").read_text())
    app = make_workbench(MemoryEngine(), "mine")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        own.write_text((THEMES / "dark.toml").read_text().replace("#11151a", "#123456"))
        os.utime(own, ns=(1, 1))
        await until(
            pilot, lambda: "#123456" in {style.bgcolor.name for line in cells(app) for _, style in line if style}
        )


async def test_a_broken_edit_is_told_and_changes_nothing(make_workbench: Make, tmp_path: Path) -> None:
    own = tmp_path / "config" / "themes" / "mine.toml"
    own.parent.mkdir(parents=True)
    own.write_text((THEMES / "dark.toml").read_text())
    app = make_workbench(MemoryEngine(), "mine")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        own.write_text("dark = maybe")
        await pressed(pilot, "f5")
        await until(pilot, lambda: any("mine.toml" in note.message for note in app._notifications))
        assert app.theme == "mine"


async def test_f2_goes_through_the_themes_and_the_choice_is_kept(make_workbench: Make) -> None:
    app = make_workbench(MemoryEngine(), "dark")
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        seen = [app.theme]
        for _ in range(4):
            await pressed(pilot, "f2")
            seen.append(app.theme)
    assert sorted(seen[:4]) == ["ansi", "dark", "high-contrast", "light"]
    assert seen[4] == "dark"
    assert 'theme = "dark"' in (app.config / "workbench.toml").read_text()


async def test_without_colours_no_colour_is_written_on_any_screen(
    make_workbench: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = make_workbench(MemoryEngine(), "dark")
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.snapshot is not None)
        for place in PLACES:
            if place.name in ("overview", "budgets", "runs"):
                await pressed(pilot, place.key)
                await pilot.pause(0.1)
                styles = [style for line in cells(app) for _, style in line if style is not None]
                assert {style.color.name for style in styles if style.color} <= {"default"}
                assert {style.bgcolor.name for style in styles if style.bgcolor} <= {"default"}
                assert any(style.reverse for style in styles), "where one is can't be seen"
