"""Pictures in cells, and in the two protocols that draw them finer."""

from __future__ import annotations

import re
import zlib
from base64 import b64decode

import numpy as np
import pytest
from rich.cells import cell_len

from calibtui.tui.pictures import kitty
from calibtui.tui.pictures.canvas import WHOLE, Canvas, canvas, draw_box, part_shown
from calibtui.tui.pictures.closer_look import SMALLEST, around, moved, scaled
from calibtui.tui.pictures.depth import CUBE, GREYS, cube_colour, depth_of, grey_colour, true_colour
from calibtui.tui.pictures.half_blocks import half_block_strips
from calibtui.tui.pictures.sixel import sixels

INKS = {"truth": (0, 252, 0), "float": (0, 0, 252), "int8": (252, 0, 0)}


def grey(width: int, height: int, value: int = 100) -> Canvas:
    return canvas(bytes([value]) * (3 * width * height), width, height, (width, height))


def drawn(picture: Canvas) -> list[str]:
    """A letter a pixel with ink, by source."""
    rows = [picture.ink[y * picture.width : (y + 1) * picture.width] for y in range(picture.height)]
    return ["".join(" tfi"[value] for value in row) for row in rows]


def test_a_cell_shows_two_pixels() -> None:
    rgb = bytes([255, 0, 0, 0, 0, 255, 0, 255, 0, 8, 8, 8])
    (strip,) = half_block_strips(canvas(rgb, 2, 2, (2, 2)), INKS, "true")
    assert strip.text == "▀▀"
    styles = [segment.style for segment in strip]
    pairs = [
        (tuple(style.color.triplet), tuple(style.bgcolor.triplet))
        for style in styles
        if style and style.color and style.bgcolor
    ]
    assert pairs == [((252, 0, 0), (0, 252, 0)), ((0, 0, 252), (8, 8, 8))]


def test_equal_neighbours_are_one_run() -> None:
    strips = half_block_strips(grey(40, 10), INKS, "true")
    assert [(len(list(strip)), strip.cell_length) for strip in strips] == [(1, 40)] * 5


def test_the_last_of_an_odd_number_of_rows_leaves_the_lower_half_open() -> None:
    strips = half_block_strips(grey(3, 3), INKS, "true")
    (segment,) = strips[1]
    assert segment.style is not None and segment.style.bgcolor is None


def test_a_small_picture_is_drawn_up_pixel_by_pixel_and_a_large_one_is_not_drawn_down() -> None:
    rgb = bytes([10] * 3 + [200] * 3)
    large = canvas(rgb, 2, 1, (8, 8))
    assert (large.width, large.height) == (8, 4)
    assert large.rgb[:24] == bytes([10] * 12 + [200] * 12)
    assert grey(9, 9).width == 9


@pytest.mark.parametrize(("width", "height", "size"), [(2, 2, 11), (0, 2, 0), (2, 2, 13)])
def test_a_picture_with_too_few_or_too_many_bytes_is_refused(width: int, height: int, size: int) -> None:
    with pytest.raises(ValueError, match="px"):
        canvas(bytes(size), width, height, (8, 8))


def test_lines_of_the_three_sources_differ_without_colour() -> None:
    shapes = set()
    for source in INKS:
        picture = grey(24, 12)
        draw_box(picture, WHOLE, source)
        top = drawn(picture)[0]
        shapes.add(re.sub("[tfi]", "x", top))
        assert "x" in re.sub("[tfi]", "x", top)
    assert len(shapes) == 3


def test_a_box_is_drawn_on_its_outermost_pixels() -> None:
    picture = grey(8, 4)
    draw_box(picture, (0.25, 0.25, 0.75, 1.0), "truth")
    assert drawn(picture) == ["        ", "  tttt  ", "  t  t  ", "  tttt  "]


def test_of_a_box_that_leaves_the_part_shown_only_what_is_in_it_is_drawn() -> None:
    picture = grey(8, 8)
    draw_box(picture, (0.0, 0.0, 0.5, 0.5), "truth", (0.25, 0.25, 0.75, 0.75))
    assert drawn(picture)[:4] == ["   t    ", "   t    ", "   t    ", "tttt    "]
    assert not part_shown(picture, (0.9, 0.9, 1.0, 1.0), (0.0, 0.0, 0.5, 0.5))


@pytest.mark.parametrize(
    "box", [(-9e9, -9e9, 9e9, 9e9), (0.5, 0.5, 0.5, 0.5), (1.0, 1.0, 1.0, 1.0), (2.0, 2.0, 3.0, 3.0)]
)
def test_no_box_breaks_a_picture(box: tuple[float, float, float, float]) -> None:
    picture = grey(8, 8)
    draw_box(picture, box, "int8")
    assert len(picture.ink) == 64


@pytest.mark.parametrize(
    ("system", "no_color", "depth"),
    [
        ("truecolor", False, "true"),
        ("256", False, "256"),
        ("standard", False, "16"),
        ("truecolor", True, "none"),
        (None, False, "none"),
    ],
)
def test_the_terminal_says_how_many_colours_there_are(system: str | None, no_color: bool, depth: str) -> None:
    assert depth_of(system, no_color) == depth


def test_colours_of_fewer_depths_are_those_that_there_are() -> None:
    for value in range(0, 256, 5):
        for x in range(4):
            assert set(cube_colour(value, 255 - value, 128, x, 1)) <= set(CUBE)
            assert grey_colour(value, value, value, x, 2) in GREYS
    assert true_colour(255, 7, 3, 0, 0) == (252, 4, 0)


def test_dithering_keeps_the_brightness_of_an_area() -> None:
    mean = np.mean([cube_colour(115, 115, 115, x, y)[0] for x in range(4) for y in range(4)])
    assert abs(mean - 115) < 12


def test_without_colours_brightness_is_a_character_and_boxes_are_blocks() -> None:
    picture = canvas(bytes([0] * 12 + [255] * 12), 4, 2, (4, 2))
    draw_box(picture, (0.0, 0.0, 0.25, 1.0), "truth")
    (strip,) = half_block_strips(picture, INKS, "none")
    assert strip.text == "█==="
    assert all(segment.style is None for segment in strip)


def test_a_kitty_picture_comes_out_of_its_chunks_as_it_went_in() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, 3 * 60 * 40, np.uint8).tobytes()
    sent = kitty.transmission(77, rgb, 60, 40, 10, 5, tmux=False)
    pieces = re.findall(r"\x1b_G([^;]*);([^\x1b]*)\x1b\\", sent)
    assert "".join(f"\x1b_G{head};{body}\x1b\\" for head, body in pieces) == sent
    assert all(len(body) <= kitty.CHUNK for _, body in pieces)
    assert {"a=T", "U=1", "q=2", "f=24", "o=z", "s=60", "v=40", "c=10", "r=5", "i=77"} <= set(pieces[0][0].split(","))
    assert [head.split("m=")[1] for head, _ in pieces] == ["1"] * (len(pieces) - 1) + ["0"]
    assert zlib.decompress(b64decode("".join(body for _, body in pieces))) == rgb


def test_tmux_is_told_to_pass_a_kitty_picture_on() -> None:
    sent = kitty.transmission(1, bytes(3), 1, 1, 1, 1, tmux=True)
    assert sent.startswith("\x1bPtmux;\x1b\x1b_G") and sent.endswith("\x1b\x1b\\\x1b\\")


def test_kitty_placeholders_are_a_cell_each_and_say_row_and_column() -> None:
    strips = kitty.placeholder_strips(0x0A0B0C, 3, 2)
    assert [cell_len(strip.text) for strip in strips] == [3, 3]
    cells = strips[1].text.split(kitty.PLACEHOLDER)[1:]
    assert cells == [kitty.DIACRITICS[1] + kitty.DIACRITICS[column] for column in range(3)]
    (segment,) = strips[0]
    assert segment.style is not None and segment.style.color is not None
    assert tuple(segment.style.color.triplet or ()) == (10, 11, 12)


def test_the_diacritics_of_kitty_are_all_different_and_take_no_room() -> None:
    assert len(set(kitty.DIACRITICS)) == kitty.MOST_CELLS >= 120
    assert all(cell_len("a" + mark) == 1 for mark in kitty.DIACRITICS)


def decoded(sent: str, width: int, height: int) -> np.ndarray:
    """What a terminal draws of sixels: percent of red, green and blue a pixel."""
    body = re.fullmatch(r'\x1bP[0-9;]*q"1;1;\d+;\d+(.*)\x1b\\', sent, re.DOTALL).group(1)
    palette, drawn, x, y, colour = {}, np.zeros((height, width, 3)), 0, 0, 0
    for number, definition, repeat, character, control in re.findall(
        r"#(\d+)((?:;\d+){4})?|!(\d+)([?-~])|([$?-~-])", body
    ):
        if definition:
            palette[int(number)] = [int(value) for value in definition.split(";")[2:]]
        elif number:
            colour = int(number)
        elif control == "$":
            x = 0
        elif control == "-":
            x, y = 0, y + 6
        else:
            bits, times = ord(character or control) - 63, int(repeat or 1)
            for bit in range(6):
                if bits >> bit & 1:
                    drawn[y + bit, x : x + times] = palette[colour]
            x += times
    return drawn


def test_sixels_draw_the_picture() -> None:
    rng = np.random.default_rng(2)
    rgb = rng.choice([0, 51, 102, 153, 204, 255], (13, 22, 3)).astype(np.uint8)
    assert np.allclose(decoded(sixels(rgb), 22, 13), rgb / 2.55, atol=0.6)


def test_a_closer_look_keeps_the_proportions_and_stays_in_the_frame() -> None:
    x1, y1, x2, y2 = around((0.9, 0.9, 1.0, 1.0), 16 / 9)
    assert x2 - x1 == pytest.approx(y2 - y1)
    assert 0 <= x1 <= 0.9 and (x2, y2) == (1.0, 1.0)


def test_a_look_at_a_box_shows_all_of_it() -> None:
    x1, y1, x2, y2 = around((0.2, 0.4, 0.3, 0.5), 1.0)
    assert x1 < 0.2 and y1 < 0.4 and x2 > 0.3 and y2 > 0.5


def test_magnifying_ends_before_there_are_no_pixels_and_shrinking_at_the_whole() -> None:
    region = WHOLE
    for _ in range(20):
        region = scaled(region, 0.5)
    assert region[2] - region[0] == pytest.approx(SMALLEST)
    for _ in range(20):
        region = scaled(region, 2)
    assert region == WHOLE
    assert moved(WHOLE, 0.25, 0) == WHOLE
