"""A small one-stage detector of the YOLOv8 family: C2f backbone, two-way feature pyramid, decoupled anchor-free heads.

The blocks follow the published layout (Jocher et al., Ultralytics YOLOv8, 2023); box sides are read as distributions
over bins (Li et al., Generalized Focal Loss, 2020). About 0.37 million parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

STRIDES = (8, 16, 32)
BINS = 16


class ConvUnit(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)
        self.act = nn.SiLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))

    def fold(self) -> None:
        """Writes the trained normalisation into the convolution's weight and a new bias."""
        norm = self.norm
        if not isinstance(norm, nn.BatchNorm2d):
            return
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        self.conv.weight.data *= gain[:, None, None, None]
        self.conv.bias = nn.Parameter(norm.bias - norm.running_mean * gain)
        self.norm = nn.Identity()


class Bottleneck(nn.Module):
    def __init__(self, width: int, residual: bool) -> None:
        super().__init__()
        self.first, self.second = ConvUnit(width, width), ConvUnit(width, width)
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        y = self.second(self.first(x))
        return x + y if self.residual else y


class C2f(nn.Module):
    """Splits the channels, sends one half through bottlenecks, joins every intermediate result."""

    def __init__(self, inputs: int, outputs: int, residual: bool = True) -> None:
        super().__init__()
        half = self.half = outputs // 2
        self.enter = ConvUnit(inputs, outputs, 1)
        self.block = Bottleneck(half, residual)
        self.leave = ConvUnit(3 * half, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        left, right = self.enter(x).split(self.half, 1)
        return self.leave(torch.cat((left, right, self.block(right)), 1))


class SPPF(nn.Module):
    """Three chained 5×5 max-pools: context of the whole frame at stride 32."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.enter, self.leave = ConvUnit(width, width // 2, 1), ConvUnit(width * 2, width, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.enter(x)
        y = self.pool(x)
        z = self.pool(y)
        return self.leave(torch.cat((x, y, z, self.pool(z)), 1))


class Head(nn.Module):
    """One scale's branches: (B, 4 × BINS, h, w) side distributions and (B, classes, h, w) class logits."""

    def __init__(self, inputs: int, hidden: int, classes: int) -> None:
        super().__init__()
        self.sides = nn.Sequential(ConvUnit(inputs, hidden), ConvUnit(hidden, hidden), nn.Conv2d(hidden, 4 * BINS, 1))
        self.classes = nn.Sequential(ConvUnit(inputs, hidden), ConvUnit(hidden, hidden), nn.Conv2d(hidden, classes, 1))
        nn.init.constant_(self.sides[-1].bias, 1.0)
        nn.init.constant_(self.classes[-1].bias, -5.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.sides(x), self.classes(x)


class SideExpectation(nn.Module):
    """(B, 4 × BINS, N) logits to (B, 4, N) distances in strides, by a 1×1 convolution with the weights 0 … BINS − 1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(BINS, 1, 1, bias=False).requires_grad_(False)
        self.conv.weight.data[:] = torch.arange(BINS, dtype=torch.float32)[None, :, None, None]

    def forward(self, x: Tensor) -> Tensor:
        count = int(x.shape[2])
        bins = x.reshape(-1, 4, BINS, count).transpose(2, 1).softmax(1)
        return self.conv(bins).reshape(-1, 4, count)


class Detector(nn.Module):
    """Frames (B, 3, S, S) in [0, 1] to (B, 4 + classes, N): cx, cy, w, h in input px, then class scores in [0, 1]."""

    def __init__(self, classes: int, widths: tuple[int, ...] = (12, 16, 32, 48, 64)) -> None:
        super().__init__()
        w1, w2, w3, w4, w5 = widths
        self.stem = ConvUnit(3, w1, 3, 2)
        self.stage2 = nn.Sequential(ConvUnit(w1, w2, 3, 2), C2f(w2, w2))
        self.stage3 = nn.Sequential(ConvUnit(w2, w3, 3, 2), C2f(w3, w3))
        self.stage4 = nn.Sequential(ConvUnit(w3, w4, 3, 2), C2f(w4, w4))
        self.stage5 = nn.Sequential(ConvUnit(w4, w5, 3, 2), C2f(w5, w5), SPPF(w5))
        self.up = nn.Upsample(scale_factor=2)
        self.down4, self.down3 = C2f(w5 + w4, w4, residual=False), C2f(w4 + w3, w3, residual=False)
        self.rise4, self.join4 = ConvUnit(w3, w3, 3, 2), C2f(w3 + w4, w4, residual=False)
        self.rise5, self.join5 = ConvUnit(w4, w4, 3, 2), C2f(w4 + w5, w5, residual=False)
        self.heads = nn.ModuleList(Head(w, 32, classes) for w in (w3, w4, w5))
        self.expectation = SideExpectation()
        self.count = classes

    def raw(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Side logits (B, 4 × BINS, N), class logits (B, C, N), anchor centres (2, N) in px, strides (N,) in px."""
        p3 = self.stage3(self.stage2(self.stem(x)))
        p4 = self.stage4(p3)
        p5 = self.stage5(p4)
        f4 = self.down4(torch.cat((self.up(p5), p4), 1))
        n3 = self.down3(torch.cat((self.up(f4), p3), 1))
        n4 = self.join4(torch.cat((self.rise4(n3), f4), 1))
        n5 = self.join5(torch.cat((self.rise5(n4), p5), 1))
        outputs = [head(n) for head, n in zip(self.heads, (n3, n4, n5), strict=True)]
        grids = [(int(s.shape[2]), int(s.shape[3])) for s, _ in outputs]
        sides = torch.cat([s.reshape(-1, 4 * BINS, h * w) for (s, _), (h, w) in zip(outputs, grids, strict=True)], 2)
        logits = torch.cat([c.reshape(-1, self.count, h * w) for (_, c), (h, w) in zip(outputs, grids, strict=True)], 2)
        centres, strides = anchors(grids)
        return sides, logits, centres, strides

    def forward(self, x: Tensor) -> Tensor:
        sides, logits, centres, strides = self.raw(x)
        near, far = self.expectation(sides).split(2, 1)
        low, high = centres / strides - near, centres / strides + far
        boxes = torch.cat(((low + high) / 2, high - low), 1) * strides
        return torch.cat((boxes, logits.sigmoid()), 1)

    def fold(self) -> None:
        """Folds every batch normalisation; for export only."""
        for module in self.modules():
            if isinstance(module, ConvUnit):
                module.fold()


def anchors(grids: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
    """Cell centres (2, N) and strides (N,), both px, of the pyramid whose (rows, columns) are given."""
    centres, strides = [], []
    for (rows, columns), stride in zip(grids, STRIDES, strict=True):
        y, x = torch.meshgrid(torch.arange(rows) + 0.5, torch.arange(columns) + 0.5, indexing="ij")
        centres.append(torch.stack((x.flatten(), y.flatten())) * stride)
        strides.append(torch.full((rows * columns,), float(stride)))
    return torch.cat(centres, 1), torch.cat(strides)
