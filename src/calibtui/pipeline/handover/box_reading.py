"""How each decoder's outputs are read, in a sentence or two, for people who read them without calibtui."""

from __future__ import annotations

from calibtui.detector.decoders.box_order import X_FIRST, Y_FIRST
from calibtui.detector.decoders.undecoded import NAME
from calibtui.detector.layout import Layout

_BY_DECODER = {
    "yolov5": "Table (1, N, 5 + C), three anchors a cell. A row is cx, cy, w, h in input px, objectness, C class "
    "scores; a class's score is objectness × class score.",
    "yolov8": "Table (1, 4 + C, N), or (1, N, 4 + C). A row is cx, cy, w, h in input px and C class scores in [0, 1].",
    "yolox": "Table (1, N, 5 + C), one row a cell of strides 8, 16, 32 (or with 64), row by row of each level. A row "
    "is the box, objectness, C class scores; a class's score is objectness × class score. A raw box is centre = (xy + "
    "cell) × stride, size = exp(wh) × stride; one decoded in the file is cx, cy, w, h in input px.",
    "nanodet": "Class scores and, for each side of the box, a distribution over distances: a side's distance from the "
    "cell's reference point is the expectation of the softmax over its bins × stride. Reference points: NanoDet (i + "
    "½) × stride − ½, NanoDet-Plus i × stride.",
    "picodet": "Class scores and, for each side of the box, a distribution over distances: a side's distance from the "
    "cell's reference point (i + ½) × stride is the expectation of the softmax over its bins × stride.",
    "ssd": "Boxes as x1, y1, x2, y2 beside scores: either final with labels counted from 0, or (1, N, 4) beside (1, N, "
    "C) or (1, C, N) scores in [0, 1].",
    "torchvision": "Final boxes x1, y1, x2, y2, labels counted from 1 (0 is the background) and scores.",
    "rtdetr": "One row a query: cx, cy, w, h in fractions of the input and C class scores (logits want a sigmoid) or "
    "one score and its class, or final labels, boxes and scores.",
    "detr": "One row a query: cx, cy, w, h in fractions of the input; scores are the softmax of C + 1 logits, the last "
    "of them for no object.",
    "fastestdet": "Map (1, 5 + C, h, w) at stride 16 of objectness, four box numbers, C class shares: centre = "
    "(tanh(xy) + cell) / cells, size = sigmoid(wh), in fractions of the input; score = objectness^0.6 × share^0.4 of "
    "the likeliest class.",
    "yolo-end2end": "One table of final detections: x1, y1, x2, y2, score, class (N, 6); or image, x1, y1, x2, y2, "
    "class, score (N, 7); or class, score, x1, y1, x2, y2 of PaddleDetection.",
}


def reading_of(layout: Layout) -> str:
    """What the outputs mean, up to boxes in input px and a score a class."""
    if ":" in layout.decoder:
        return (
            f"The function {layout.decoder}, which is not part of this hand-over, turns the outputs of one frame into "
            "boxes (x1, y1, x2, y2 in input px) and a score a class."
        )
    if layout.decoder == NAME:
        return "Nobody read boxes from these outputs here: the INT8 model was judged by the error of the outputs."
    reading = _BY_DECODER[layout.decoder]
    return reading.replace(X_FIRST, Y_FIRST) if layout.y_first else reading
