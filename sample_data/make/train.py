"""Trains the detector on frames of the world and writes its weights.

    python sample_data/make/train.py --cache /tmp/world_train.npz --weights /tmp/detector.pt

Needs PyTorch (CPU), which the product does not. Neither pool nor evaluation frames are seen: their seeds differ.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
from loss import loss
from model import Detector
from stations import CLASSES
from torch import Tensor
from training_set import flipped, training_set

ROWS = slice(16, 240)
"""Rows of the letterboxed frame that are trained on: the picture and a strip of its padding, not all of the grey."""


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--until", type=int, help="end after this many epochs of the schedule")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def rate_at(step: int, steps: int, peak: float) -> float:
    """Learning rate: linear warm-up over the first 5 % of steps, then half a cosine down to 1 % of `peak`."""
    warm = max(1, steps // 20)
    if step < warm:
        return peak * (step + 1) / warm
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (step - warm) / (steps - warm))))


def batch_of(rng: np.random.Generator, pixels: np.ndarray, defects: np.ndarray) -> tuple[Tensor, Tensor]:
    """Frames (B, 3, 224, INPUT_PX) in [0, 1], mirrored and jittered in brightness by up to 10 %, and their defects."""
    pixels, defects = flipped(rng, pixels, defects)
    frames = torch.from_numpy(pixels[:, ROWS]).permute(0, 3, 1, 2).float() / 255.0
    gain = torch.from_numpy(rng.uniform(0.9, 1.1, (len(pixels), 1, 1, 1)).astype(np.float32))
    defects[..., [2, 4]] -= ROWS.start
    return (frames * gain).clamp(0, 1).to(memory_format=torch.channels_last), torch.from_numpy(defects)


def optimiser_of(model: Detector) -> torch.optim.Optimizer:
    """AdamW with decay on the convolutions' weights alone."""
    learnt = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in learnt if p.ndim > 1], "weight_decay": 0.02},
        {"params": [p for p in learnt if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups)


@torch.no_grad()
def follow(average: Detector, model: Detector, step: int) -> None:
    """Moves the exponential moving average towards `model`; young averages move faster."""
    keep = 0.998 * (1 - math.exp(-(step + 1) / 300))
    for slow, fast in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if slow.dtype.is_floating_point:
            slow.mul_(keep).add_(fast, alpha=1 - keep)
        else:
            slow.copy_(fast)


def train(chosen: argparse.Namespace) -> Detector:
    """The averaged detector after `epochs` passes over the training set."""
    pixels, defects = training_set(chosen.cache, chosen.frames, 2)
    torch.manual_seed(chosen.seed)
    rng = np.random.default_rng(chosen.seed)
    model, average = Detector(len(CLASSES)), Detector(len(CLASSES))
    average.load_state_dict(model.state_dict())
    model.to(memory_format=torch.channels_last).train()
    optimiser = optimiser_of(model)
    per_epoch = len(pixels) // chosen.batch
    steps = per_epoch * chosen.epochs
    started = time.monotonic()
    for step in range(steps if chosen.until is None else per_epoch * chosen.until):
        if step % per_epoch == 0:
            order, shown = rng.permutation(len(pixels)), torch.zeros(3)
        rows = order[(step % per_epoch) * chosen.batch :][: chosen.batch]
        for group in optimiser.param_groups:
            group["lr"] = rate_at(step, steps, chosen.rate)
        frames, truth = batch_of(rng, pixels[rows], defects[rows])
        with torch.autocast("cpu", torch.bfloat16):
            sides, logits, centres, strides = model.raw(frames)
        total, parts = loss(sides.float(), logits.float(), centres, strides, truth)
        optimiser.zero_grad()
        total.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
        optimiser.step()
        follow(average, model, step)
        shown = shown + parts
        if (step + 1) % per_epoch == 0:
            means = " ".join(f"{v / per_epoch:.3f}" for v in shown.tolist())
            print(
                f"epoch {(step + 1) // per_epoch}: box, class, sides {means}; {time.monotonic() - started:.0f} s",
                flush=True,
            )
            torch.save(average.state_dict(), chosen.weights)
    return average


def main() -> None:
    torch.set_num_threads(1)
    train(options())


if __name__ == "__main__":
    main()
