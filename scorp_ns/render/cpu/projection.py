"""Gaussians projected into images, and their colours there, as differentiable functions of parameters and poses."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from scorp_ns.render.cpu import harmonics_kernels, projection_kernels
from scorp_ns.render.cpu.jit import run_chunks

CLAMP_MARGIN = 0.3
"""Margin beyond the image's border in which slopes are not clamped, in halves of the field of view's tangent."""


def num_chunks(count: int) -> int:
    """Tasks that so many Gaussians make."""
    return -(-count // projection_kernels.CHUNK)


def zeros(shape: tuple[int, ...]) -> Tensor:
    """A float32 tensor of zeros that the system hands out as such, rather than one that torch's threads fill."""
    return torch.from_numpy(np.zeros(shape, np.float32))


def lenses(Ks: Tensor, width: int, height: int) -> np.ndarray:
    """float64 [cameras, 8]: focal lengths, principal point, then the largest and smallest slopes in x and in y."""
    K = Ks.detach().double().numpy()
    fx, fy, cx, cy = K[:, 0, 0], K[:, 1, 1], K[:, 0, 2], K[:, 1, 2]
    margin_x, margin_y = CLAMP_MARGIN * 0.5 * width / fx, CLAMP_MARGIN * 0.5 * height / fy
    right, left = (width - cx) / fx + margin_x, -cx / fx - margin_x
    bottom, top = (height - cy) / fy + margin_y, -cy / fy - margin_y
    return np.stack([fx, fy, cx, cy, right, left, bottom, top], axis=1)


class Project(torch.autograd.Function):
    """Radii, centres, depths, conics, compensations and splats, all [cameras, gaussians, ...].

    Differentiable in everything but the lenses. The splats are centres and conics again, in double precision and
    without a gradient, with room for what `tiles` adds.
    """

    @staticmethod
    def forward(
        ctx: Any,
        means: Tensor,
        quats: Tensor,
        scales: Tensor,
        viewmats: Tensor,
        lens: np.ndarray,
        limits: tuple[float, float, float, float, float, float],
    ) -> tuple[Tensor, ...]:
        """Project; `limits` are near, far, smallest radius, blur, width and height."""
        shape = (viewmats.shape[0], means.shape[0])
        inputs = [tensor.detach().contiguous().numpy() for tensor in (means, quats, scales)]
        views = viewmats.detach().double().contiguous().numpy()
        radii = torch.empty(shape, dtype=torch.int32)
        means2d, depths, conics = torch.empty((*shape, 2)), torch.empty(shape), torch.empty((*shape, 3))
        compensations, splats = torch.empty(shape), torch.empty((*shape, 8), dtype=torch.float64)
        outputs = (radii, means2d, depths, conics, compensations, splats)
        run_chunks(
            projection_kernels.project, num_chunks(shape[1]), *inputs, views, lens, limits,
            *(output.numpy() for output in outputs),
        )  # fmt: skip
        ctx.inputs, ctx.views, ctx.lens, ctx.blur, ctx.radii = inputs, views, lens, limits[3], radii.numpy()
        ctx.mark_non_differentiable(radii, splats)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of means, quaternions, scales and poses."""
        g_means2d, g_depths, g_conics, g_compensations = (g.contiguous().numpy() for g in gradients[1:5])
        outputs = [zeros(array.shape) for array in ctx.inputs]
        chunks = num_chunks(outputs[0].shape[0])
        poses = np.zeros((chunks, ctx.views.shape[0], 12))
        run_chunks(
            projection_kernels.project_backward, chunks, *ctx.inputs, ctx.views, ctx.lens, ctx.blur, ctx.radii,
            g_means2d, g_depths, g_conics, g_compensations, *(output.numpy() for output in outputs), poses,
        )  # fmt: skip
        g_views = torch.zeros((ctx.views.shape[0], 4, 4))
        g_views[:, :3] = torch.from_numpy(poses.sum(0).reshape(-1, 3, 4)).float()
        return (*outputs, g_views, None, None)


class Harmonics(torch.autograd.Function):
    """Colours [cameras, gaussians, 3] = max(SH + 0.5, 0) seen from camera centres; black where nothing is drawn."""

    @staticmethod
    def forward(ctx: Any, means: Tensor, centres: Tensor, coefficients: Tensor, degree: int, radii: Tensor) -> Tensor:
        """Evaluate; `coefficients` are [gaussians, K, 3] for all cameras or [cameras, gaussians, K, 3]."""
        table = coefficients.detach().contiguous().numpy()
        table = table[None] if table.ndim == 3 else table
        ctx.inputs = (
            degree,
            means.detach().contiguous().numpy(),
            centres.detach().double().contiguous().numpy(),
            table,
        )
        ctx.radii = radii.numpy()
        colors = torch.empty((*radii.shape, 3))
        chunks = num_chunks(means.shape[0])
        scratch = np.empty((chunks, 16))
        run_chunks(harmonics_kernels.harmonics, chunks, *ctx.inputs, ctx.radii, scratch, colors.numpy())
        ctx.shape, ctx.colors = coefficients.shape, colors.numpy()
        return colors

    @staticmethod
    def backward(ctx: Any, g_colors: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients of means, camera centres and coefficients."""
        chunks = num_chunks(ctx.radii.shape[1])
        g_means, g_table = zeros(ctx.inputs[1].shape), zeros(ctx.inputs[3].shape)
        g_centres, scratch = np.zeros((chunks, *ctx.inputs[2].shape)), np.empty((chunks, 2, 16))
        run_chunks(
            harmonics_kernels.harmonics_backward, chunks, *ctx.inputs, ctx.radii, scratch, ctx.colors,
            g_colors.contiguous().numpy(), g_means.numpy(), g_table.numpy(), g_centres,
        )  # fmt: skip
        return g_means, torch.from_numpy(g_centres.sum(0)), g_table.reshape(ctx.shape), None, None
