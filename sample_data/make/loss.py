"""What the detector is trained to lower: task-aligned assignment, then class, box and distribution losses.

Assignment after Feng et al., TOOD (2021); CIoU after Zheng et al. (2020); distribution loss after Li et al. (2020).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as functional
from model import BINS
from torch import Tensor

ALIGN_CLASS, ALIGN_IOU, POSITIVES = 0.5, 6.0, 10
GAIN_BOX, GAIN_CLASS, GAIN_SIDES = 7.5, 0.5, 1.5


@dataclass(frozen=True, slots=True)
class Assignment:
    """Per anchor: `defect` (B, N) the row it answers for, `quality` (B, N) in [0, 1] (0: background)."""

    defect: Tensor
    quality: Tensor


def ciou(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """IoU and complete IoU of boxes (…, 4) x1, y1, x2, y2."""
    inner = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    size_a, size_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    iou = inner / (size_a.prod(-1) + size_b.prod(-1) - inner + 1e-7)
    hull = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    apart = ((a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) ** 2).sum(-1) / 4
    shape = torch.atan(size_b[..., 0] / (size_b[..., 1] + 1e-7)) - torch.atan(size_a[..., 0] / (size_a[..., 1] + 1e-7))
    v = (4 / math.pi**2) * shape**2
    with torch.no_grad():
        weight = v / (1 - iou + v + 1e-7)
    return iou, iou - apart / ((hull**2).sum(-1) + 1e-7) - weight * v


@torch.no_grad()
def assigned(boxes: Tensor, scores: Tensor, centres: Tensor, strides: Tensor, defects: Tensor) -> Assignment:
    """Each defect takes the anchors that already answer best for it.

    `boxes` (B, N, 4), `scores` (B, N, C), `defects` (B, M, 5).
    """
    labels, truth = defects[..., 0].long().clamp(min=0), defects[..., 1:]
    real = defects[..., 0] >= 0
    iou = ciou(truth[:, :, None], boxes[:, None])[0]
    score = torch.gather(scores.transpose(1, 2), 1, labels[..., None].expand(-1, -1, scores.shape[1]))
    points = centres.T[None, None]
    inside = torch.cat((points - truth[:, :, None, :2], truth[:, :, None, 2:] - points), -1).amin(-1)
    middle = (truth[..., :2] + truth[..., 2:])[:, :, None] / 2
    near = (points - middle).abs().amax(-1) < strides * 0.75
    allowed = ((inside > 0) | near) & real[..., None]
    align = score**ALIGN_CLASS * iou**ALIGN_IOU * allowed
    kept = torch.zeros_like(align, dtype=torch.bool)
    kept.scatter_(2, align.topk(POSITIVES, 2).indices, True)
    kept &= allowed & (align > 1e-12)
    best_defect = (iou * kept).argmax(1)
    kept &= torch.arange(truth.shape[1])[None, :, None] == best_defect[:, None]
    align = align * kept
    top_align, top_iou = align.amax(2, keepdim=True), (iou * kept).amax(2, keepdim=True)
    quality = (align / (top_align + 1e-12) * top_iou).amax(1)
    return Assignment(best_defect, quality)


def loss(sides: Tensor, logits: Tensor, centres: Tensor, strides: Tensor, defects: Tensor) -> tuple[Tensor, Tensor]:
    """Total loss of a batch and its parts (box, class, sides); shapes as in Detector.raw, defects (B, M, 5) in px."""
    batch, _, count = sides.shape
    distribution = sides.view(batch, 4, BINS, count).permute(0, 3, 1, 2)
    distances = distribution.softmax(-1) @ torch.arange(BINS, dtype=torch.float32)
    points, scale = centres.T[None], strides[None, :, None]
    boxes = torch.cat((points - distances[..., :2] * scale, points + distances[..., 2:] * scale), -1)
    logits = logits.transpose(1, 2)
    choice = assigned(boxes.detach(), logits.detach().sigmoid(), centres, strides, defects)
    rows = choice.defect[..., None].expand(-1, -1, 5)
    target = torch.gather(defects, 1, rows)
    positive, weight = choice.quality > 0, choice.quality
    total = weight.sum().clamp(min=1.0)
    wanted = functional.one_hot(target[..., 0].long().clamp(min=0), logits.shape[2]) * weight[..., None]
    class_loss = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / total
    box_loss = ((1 - ciou(boxes[positive], target[positive][:, 1:])[1]) * weight[positive]).sum() / total
    place, size = points.expand(batch, -1, -1)[positive], scale.expand(batch, -1, -1)[positive]
    reach = torch.cat((place - target[positive][:, 1:3], target[positive][:, 3:] - place), -1) / size
    side_loss = (distribution_loss(distribution[positive], reach) * weight[positive]).sum() / total
    parts = torch.stack((GAIN_BOX * box_loss, GAIN_CLASS * class_loss, GAIN_SIDES * side_loss))
    return parts.sum(), parts.detach()


def distribution_loss(logits: Tensor, reach: Tensor) -> Tensor:
    """Cross entropy on the two bins beside the true distance, weighted by nearness.

    `logits` (P, 4, BINS); `reach` (P, 4) in strides.
    """
    reach = reach.clamp(0, BINS - 1.01)
    low = reach.floor()
    share = reach - low
    log_p = logits.log_softmax(-1)
    below = torch.gather(log_p, 2, low.long()[..., None])[..., 0]
    above = torch.gather(log_p, 2, low.long()[..., None] + 1)[..., 0]
    return -(below * (1 - share) + above * share).mean(-1)
