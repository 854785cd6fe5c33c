"""Frames become tensors as their recipe says, and boxes find back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from calibtui.detector.preparation import place, prepare
from calibtui.workspace.settings import InputSettings

RECIPE = InputSettings(
    size=(64, 48), resize="letterbox", align="center", mean=(0, 0, 0), std=(1, 1, 1), scale=1.0, channels="rgb", pad=114
)


def plain(width, height, colour=(10, 20, 30)):
    return np.full((height, width, 3), colour, np.uint8)


@pytest.mark.parametrize(
    ("align", "rows", "columns"), [("center", slice(8, 40), slice(0, 64)), ("top-left", slice(0, 32), slice(0, 64))]
)
def test_letterbox_pads_around_the_frame(align, rows, columns):
    tensor, _ = prepare(plain(200, 100), replace(RECIPE, align=align))
    assert tensor.shape == (1, 3, 48, 64)
    assert tensor.dtype == np.float32
    inside = np.zeros((48, 64), bool)
    inside[rows, columns] = True
    assert (tensor[0, 0][inside] == 10).all()
    assert (tensor[0, :, ~inside] == 114).all()


def test_stretch_fills_the_input():
    tensor, placement = prepare(plain(200, 100), replace(RECIPE, resize="stretch"))
    assert (tensor[0] == np.array([10, 20, 30], np.float32)[:, None, None]).all()
    assert placement.offset == (0, 0)


def test_channels_scale_mean_and_deviation_are_applied_in_that_order():
    recipe = replace(RECIPE, channels="bgr", scale=0.5, mean=(1, 2, 3), std=(2, 4, 5), resize="stretch")
    tensor, _ = prepare(plain(64, 48), recipe)
    np.testing.assert_allclose(tensor[0, :, 0, 0], [(15 - 1) / 2, (10 - 2) / 4, (5 - 3) / 5], rtol=1e-6)


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("align", ["center", "top-left"])
@pytest.mark.parametrize("size", [(1, 1), (1, 900), (33, 17), (64, 48), (1920, 1080), (4000, 3)])
def test_boxes_find_back_to_the_frame(resize, align, size):
    recipe = replace(RECIPE, resize=resize, align=align)
    tensor, placement = prepare(plain(*size), recipe)
    assert tensor.shape == (1, 3, 48, 64)
    boxes = np.array([[0, 0, *size]], np.float32)
    there = boxes * np.array(placement.scale * 2, np.float32) + np.array(placement.offset * 2, np.float32)
    assert (there >= 0).all()
    assert (there <= np.array([64, 48, 64, 48]) + 1e-3).all()
    np.testing.assert_allclose(placement.to_frame(there), boxes, atol=1e-2)


def test_a_mark_in_the_frame_lies_where_the_placement_says():
    frame = plain(300, 200, (0, 0, 0))
    frame[90:110, 200:220] = 255
    tensor, placement = prepare(frame, RECIPE)
    rows, columns = np.nonzero(tensor[0, 0] * (tensor[0, 0] != 114) > 127)
    box = np.array([[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]], np.float32)
    np.testing.assert_allclose(placement.to_frame(box), [[200, 90, 220, 110]], atol=300 / 64)


def test_a_frame_of_the_input_s_own_size_is_not_resampled():
    frame = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    tensor, placement = prepare(frame, RECIPE)
    np.testing.assert_array_equal(tensor[0].transpose(1, 2, 0), frame)
    assert place((64, 48), RECIPE) == placement


def test_shrinking_averages_rather_than_skips():
    """Lines one px wide of black and white become grey, which a filter over the nearest four px would not do at a
    third."""
    frame = np.zeros((144, 192, 3), np.uint8)
    frame[::2] = 255
    tensor, _ = prepare(frame, RECIPE)
    assert np.abs(tensor[0, 0, 4:-4] - 127.5).max() < 40
