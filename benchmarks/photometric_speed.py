"""How much faster our SSIM + L1 is than pytorch-msssim's, forward and backward, both in this run on the same threads.

python benchmarks/photometric_speed.py [threads]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

import pytorch_msssim
import torch
from torch import Tensor

from scorp_ns.render.photometric import photometric_loss

SIZES = ((160, 120), (320, 240), (640, 480))
ROUNDS = 15


def msssim_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """The same loss as nerfstudio's splatfacto writes it."""
    score = pytorch_msssim.SSIM(data_range=1.0, size_average=True, channel=3)
    similarity = score(prediction.permute(2, 0, 1)[None], target.permute(2, 0, 1)[None])
    return 0.8 * (prediction - target).abs().mean() + 0.2 * (1 - similarity)


def milliseconds(loss: Callable[[Tensor, Tensor], Tensor], prediction: Tensor, target: Tensor) -> float:
    """Time of one forward and backward pass."""
    prediction.grad = None
    start = time.perf_counter()
    loss(prediction, target).backward()
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    torch.set_num_threads(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    print(
        f"SSIM + L1, forward and backward, {torch.get_num_threads()} thread(s), median of {ROUNDS} alternating rounds"
    )
    print(f"{'image':>10} {'scorp ms':>10} {'msssim ms':>10} {'ratio':>7}")
    for width, height in SIZES:
        target = torch.rand(height, width, 3)
        prediction = (target + 0.1 * torch.randn_like(target)).requires_grad_()
        milliseconds(photometric_loss, prediction, target)  # Compiles.
        milliseconds(msssim_loss, prediction, target)
        # Alternating, so that a busy moment of the machine hits both.
        pairs = [
            [milliseconds(loss, prediction, target) for loss in (photometric_loss, msssim_loss)] for _ in range(ROUNDS)
        ]
        ours, theirs = (statistics.median(times) for times in zip(*pairs, strict=True))
        print(f"{width:>6}x{height:<4}{ours:>9.2f} {theirs:>10.2f} {theirs / ours:>6.1f}x")


if __name__ == "__main__":
    main()
