"""How fast the CPU renderer is: against plain PyTorch in the same run, and its blending against compiled C.

CPU time of one thread, best of several. `python benchmarks/render_speed.py [--skip-dense]`
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from scorp_ns.render import rasterization
from scorp_ns.render.cpu import blend
from scorp_ns.render.cpu.threads import run_chunks

CASES = [
    (2_000, 160, 120, None),
    (10_000, 320, 240, None),
    (10_000, 640, 480, None),
    (50_000, 320, 240, 3),
    (200_000, 640, 480, 3),
]
"""Gaussians, width, height, harmonics degree: the table of the project's performance targets."""

DENSE_LIMIT = 10_000
"""More Gaussians than this take plain PyTorch minutes."""

SECONDS = 2.0
"""About how long each measurement repeats."""


def make_scene(n: int, width: int, height: int, degree: int | None) -> list[Tensor]:
    """A cloud four units before the camera that covers the image about as densely at any n."""
    generator = torch.Generator().manual_seed(0)
    means = torch.randn(n, 3, generator=generator) * torch.tensor([1.2, 0.9, 0.6]) + torch.tensor([0.0, 0.0, 4.0])
    scales = 0.5 * n ** (-1 / 3) * (0.4 * torch.randn(n, 3, generator=generator)).exp()
    colors = torch.rand(n, 3, generator=generator)
    if degree is not None:
        colors = 0.3 * torch.randn(n, (degree + 1) ** 2, 3, generator=generator)
    quats, opacities = torch.randn(n, 4, generator=generator), torch.randn(n, generator=generator).sigmoid()
    K = torch.tensor([[[1.1 * width, 0.0, width / 2], [0.0, 1.1 * width, height / 2], [0.0, 0.0, 1.0]]])
    return [*(t.requires_grad_() for t in (means, quats, scales, opacities, colors)), torch.eye(4)[None], K]


def best(function: Callable[[], Any]) -> float:
    """Least CPU milliseconds of a call."""
    times: list[float] = []
    start = time.monotonic()
    while len(times) < 3 or (time.monotonic() - start < SECONDS and len(times) < 100):
        before = time.process_time()
        function()
        times.append(1000 * (time.process_time() - before))
    return min(times)


def forward_and_backward(draw: Callable[[], Tensor]) -> tuple[float, float]:
    """Milliseconds of drawing alone, and of drawing and the gradient of an L1 loss."""
    return best(draw), best(lambda: (draw() - 0.5).abs().mean().backward())


def draw_dense(scene: list[Tensor], width: int, height: int) -> Tensor:
    """The image by plain PyTorch: every tile weighs all Gaussians whose square it touches at all its pixels at once."""
    means, quats, scales, opacities, colors, _, Ks = scene
    K = Ks[0]
    w, x, y, z = torch.nn.functional.normalize(quats, dim=-1).unbind(-1)
    zero = torch.zeros_like(w)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).reshape(-1, 3, 3)
    R = torch.eye(3) + 2 * w[:, None, None] * cross + 2 * cross @ cross
    depth = means[:, 2]
    zeros = torch.zeros_like(depth)
    J = torch.stack(
        [K[0, 0] / depth, zeros, -K[0, 0] * means[:, 0] / depth**2, zeros, K[1, 1] / depth,
         -K[1, 1] * means[:, 1] / depth**2], dim=-1,
    ).reshape(-1, 2, 3)  # fmt: skip
    axes = J @ R * scales[:, None]
    covariance = axes @ axes.mT + 0.3 * torch.eye(2)
    centres = means[:, :2] / depth[:, None] * torch.stack([K[0, 0], K[1, 1]]) + K[:2, 2]
    radius = 3 * torch.linalg.eigvalsh(covariance.detach())[:, 1].sqrt()
    conics = torch.linalg.inv(covariance)
    order = depth.argsort()
    rows = [
        torch.cat([
            _dense_tile(left, top, order, centres, conics, radius, opacities, colors) for left in range(0, width, 16)
        ], dim=1)
        for top in range(0, height, 16)
    ]  # fmt: skip
    return torch.cat(rows)


def _dense_tile(
    left: int, top: int, order: Tensor, centres: Tensor, conics: Tensor, radius: Tensor, opacities: Tensor,
    colors: Tensor,
) -> Tensor:  # fmt: skip
    middle = torch.tensor([left + 8.0, top + 8.0])
    near = (centres.detach() - middle).abs().amax(1) < radius + 8
    ids = order[near[order]]
    steps = torch.arange(16) + 0.5
    pixels = torch.stack(torch.meshgrid(left + steps, top + steps, indexing="xy"), dim=-1).reshape(-1, 1, 2)
    offsets = pixels - centres[ids]
    sigma = 0.5 * ((offsets[..., None, :] @ conics[ids])[..., 0, :] * offsets).sum(-1)
    alpha = (opacities[ids] * torch.exp(-sigma)).clamp(max=0.999)
    alpha = torch.where(alpha < 1 / 255, 0.0, alpha)
    before = torch.nn.functional.pad((1 - alpha).cumprod(1), (1, 0), value=1.0)[:, :-1]
    return ((alpha * before) @ colors[ids]).reshape(16, 16, 3)


def blend_times(draw: Callable[[], Tensor]) -> tuple[float, float]:
    """Milliseconds our forward and backward blending kernels take."""
    times: dict[str, list[float]] = defaultdict(list)

    def timed(function: Callable[..., Any], num_chunks: int, *args: Any) -> None:
        before = time.process_time()
        run_chunks(function, num_chunks, *args)
        times[function.__name__].append(1000 * (time.process_time() - before))

    blend.run_chunks = timed
    try:
        best(lambda: (draw() - 0.5).abs().mean().backward())
    finally:
        blend.run_chunks = run_chunks
    return min(times["blend_rgb"]), min(times["blend_rgb_backward"])


def compile_c() -> ctypes.CDLL | None:
    """The same loops in C, or None (said) without a compiler."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        print("No C compiler on PATH: the comparison with C is left out.")
        return None
    source, library = Path(__file__).with_name("blend_limit.c"), Path(tempfile.mkdtemp()) / "blend_limit.so"
    command = [compiler, "-O3", "-march=native", "-w", "-shared", "-fPIC", source, "-o", library, "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def c_times(library: ctypes.CDLL, image: Tensor) -> tuple[float, float]:
    """Milliseconds of the C loops on the records our forward pass left, and the check that they draw the same."""
    offsets, slots, records, drawn, _, tiles_x = image.grad_fn.inputs
    height, width = image.shape[1:3]
    ours, g_image = image.detach()[0].numpy(), np.sign(image.detach()[0].numpy() - 0.5) / image.numel()
    out, light = np.zeros_like(ours), np.zeros(ours.shape[:2], np.float32)
    slot_gradients = np.zeros((len(slots), 9), np.float32)

    def call(function: Any, *args: Any) -> None:
        function(*(arg.ctypes.data_as(ctypes.c_void_p) if isinstance(arg, np.ndarray) else arg for arg in args))

    def forward() -> None:
        call(library.forward, len(drawn), offsets, drawn, records, width, height, tiles_x, out, light)

    def backward() -> None:
        size = (width, height, tiles_x)
        call(library.backward, len(drawn), offsets, drawn, slots, records, *size, ours, g_image, slot_gradients)

    times = best(forward), best(backward)
    assert np.abs(out - ours).max() < 1e-4, "The C loops draw another image."
    return times


def main() -> None:
    torch.set_num_threads(1)
    library = compile_c()
    print("Gaussians, image           forward  f+b   | of plain PyTorch's | blend f, b   | of C's speed f, b")
    for n, width, height, degree in CASES:
        scene = make_scene(n, width, height, degree)

        def draw(
            scene: list[Tensor] = scene, size: tuple[int, int] = (width, height), d: int | None = degree
        ) -> Tensor:
            return rasterization(*scene, *size, sh_degree=d, packed=False)[0]

        ours, kernels = forward_and_backward(draw), blend_times(draw)
        name = f"{n}, {width}x{height}" + ("" if degree is None else f", SH {degree}")
        line = f"{name:25s} {ours[0]:7.1f} {ours[1]:6.1f} ms |"
        if n <= DENSE_LIMIT and "--skip-dense" not in sys.argv:
            dense = forward_and_backward(lambda s=scene, w=width, h=height: draw_dense(s, w, h))
            line += f" {dense[0] / ours[0]:6.0f}x {dense[1] / ours[1]:6.0f}x    |"
        else:
            line += f" {'':19s}|"
        line += f" {kernels[0]:5.1f} {kernels[1]:5.1f} ms |"
        if library is not None:
            limit = c_times(library, draw())
            line += (
                f" {limit[0] / kernels[0]:5.0%} {limit[1] / kernels[1]:5.0%}  (C: {limit[0]:.1f}, {limit[1]:.1f} ms)"
            )
        print(line, flush=True)


if __name__ == "__main__":
    main()
