"""The layouts of NanoDet and PicoDet are told by themselves, and known objects come back in frame px."""

from __future__ import annotations

import numpy as np

from .scene import CLASSES, FRAME, OBJECTS, assert_found, cells_of, placed


class TestNanodet:
    BINS = 8

    def levels(self, strides, along, beside, how):
        """(scores, sides) of each level; a distance in one cell's units is spread over the two bins around it."""
        spread = []
        for stride in strides:
            cells = cells_of((stride,))
            scores = np.full((len(cells), CLASSES), 1e-4, np.float32)
            sides = np.random.default_rng(stride).normal(0, 1, (len(cells), 4, self.BINS)).astype(np.float32)
            spread.append((cells, scores, sides))
        for (box, label, score), level in zip(OBJECTS, (-1, -1), strict=True):
            cells, scores, sides = spread[level if strides[-1] <= 32 else -2]
            x1, y1, x2, y2 = placed(box, how)
            stride = cells[0][2]
            near = [((x + along) * stride + beside, (y + along) * stride + beside) for x, y, _ in cells]
            index = int(np.argmin([(px - (x1 + x2) / 2) ** 2 + (py - (y1 + y2) / 2) ** 2 for px, py in near]))
            px, py = near[index]
            scores[index, label] = score
            for side, distance in enumerate((px - x1, py - y1, x2 - px, y2 - py)):
                low, share = divmod(distance / stride, 1.0)
                logits = np.full(self.BINS, -40.0)
                logits[int(low)] = np.log(max(1 - share, 1e-9))
                logits[int(low) + 1] = np.log(max(share, 1e-9))
                sides[index, side] = logits
        return [(scores, sides.reshape(len(scores), -1)) for _, scores, sides in spread]

    def test_pairs_for_each_stride(self, write_model, load):
        levels = self.levels((8, 16, 32), 0.5, -0.5, "center")
        outputs = {f"cls_pred_stride_{s}": level[0][None] for s, level in zip((8, 16, 32), levels, strict=True)}
        outputs |= {f"dis_pred_stride_{s}": level[1][None] for s, level in zip((8, 16, 32), levels, strict=True)}
        detector = load(write_model(outputs))
        assert detector.layout.decoder == "nanodet"
        assert detector.layout.input.mean == (103.53, 116.28, 123.675)
        assert_found(detector.detect(FRAME))

    def test_pairs_without_telling_names_in_any_order(self, write_model, load):
        levels = self.levels((8, 16, 32), 0.5, -0.5, "center")
        values = [value[None] for level in levels[::-1] for value in level[::-1]]
        outputs = {str(number): value for number, value in enumerate(values)}
        assert_found(load(write_model(outputs)).detect(FRAME))

    def test_logits_get_their_sigmoid(self, write_model, load):
        levels = self.levels((8, 16, 32), 0.5, -0.5, "center")
        outputs = {}
        for stride, (scores, sides) in zip((8, 16, 32), levels, strict=True):
            outputs[f"cls{stride}"] = np.log(scores / (1 - scores))[None]
            outputs[f"reg{stride}"] = sides[None]
        assert_found(load(write_model(outputs)).detect(FRAME))

    def test_nanodet_plus_in_one_table_counts_from_the_cell_corner(self, write_model, load):
        levels = self.levels((8, 16, 32, 64), 0.0, 0.0, "stretch")
        table = np.concatenate([np.concatenate(level, axis=1) for level in levels])
        detector = load(write_model({"output": table[None]}))
        assert detector.layout.decoder == "nanodet"
        assert len(detector.classes) == CLASSES
        assert_found(detector.detect(FRAME))

    def test_nanodet_m_in_one_table_counts_from_the_cell_centre(self, write_model, load):
        levels = self.levels((8, 16, 32), 0.5, -0.5, "center")
        table = np.concatenate([np.concatenate(level, axis=1) for level in levels])
        assert_found(load(write_model({"output": table[None]})).detect(FRAME))

    def test_picodet_has_four_levels(self, write_model, load):
        levels = self.levels((8, 16, 32, 64), 0.5, 0.0, "stretch")
        outputs = {f"transpose_{2 * i}": level[0][None] for i, level in enumerate(levels)}
        outputs |= {f"transpose_{2 * i + 1}": level[1][None] for i, level in enumerate(levels)}
        detector = load(write_model(outputs))
        assert detector.layout.decoder == "picodet"
        assert_found(detector.detect(FRAME))
