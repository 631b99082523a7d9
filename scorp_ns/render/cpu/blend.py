"""The image from projected Gaussians, differentiable: the blending kernels run, and their gradients added up."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from scorp_ns.render.cpu.blend_features import blend_features, blend_features_backward
from scorp_ns.render.cpu.blend_math import COLOR
from scorp_ns.render.cpu.blend_rgb import blend_rgb, blend_rgb_backward
from scorp_ns.render.cpu.jit import even_chunks, kernel, run_chunks
from scorp_ns.render.cpu.tiles import TILE, TileLists

TILE_CHUNKS_PER_THREAD = 16
"""Tasks a thread's share of the tiles is split into; many, because tiles differ much in how full they are."""

ROW_CHUNKS_PER_THREAD = 4
"""Tasks a thread's share of the rows is split into when gradients are added up."""

GEOMETRY = 6
"""Gradients of an intersection before its channels: centre 2, conic 3, opacity."""


@kernel
def add_up(chunk, num_chunks, slot_ends, counts, opacities, slots, out):
    """Fill each row of `out` with the sum of the Gaussian's slots, in the order of its tiles.

    The kernels leave the opacity's gradient multiplied by the opacity, which is the same in all of them.
    """
    for row in range(out.shape[0] * chunk // num_chunks, out.shape[0] * (chunk + 1) // num_chunks):
        for k in range(out.shape[1]):
            out[row, k] = np.float32(0.0)
        for slot in range(slot_ends[row] - counts[row], slot_ends[row]):
            for k in range(out.shape[1]):
                out[row, k] += slots[slot, k]
        if counts[row] > 0:
            out[row, 5] /= opacities[row]


class BlendTiles(torch.autograd.Function):
    """Images [cameras, height, width, channels] and opacities [cameras, height, width, 1] of flat rows of Gaussians."""

    @staticmethod
    def forward(
        ctx: Any,
        means2d: Float[Tensor, "*rows 2"],
        conics: Float[Tensor, "*rows 3"],
        opacities: Float[Tensor, "*rows"],
        colors: Float[Tensor, "*rows d"],
        backgrounds: Float[Tensor, "c d"] | None,
        splats: np.ndarray,
        lists: TileLists,
        size: tuple[int, int, int],
        absgrad: bool,
    ) -> tuple[Tensor, Tensor]:
        """Draw; `splats` hold centres and conics in double precision, `size` is (cameras, height, width)."""
        channels = colors.shape[-1]
        colors_np = np.ascontiguousarray(colors.detach().reshape(-1, channels).numpy())
        behind = np.zeros((size[0], channels), np.float32)
        if backgrounds is not None:
            behind[:] = backgrounds.detach().numpy()
        image, transmittance, alphas = torch.empty((*size, channels)), torch.empty(size), torch.empty((*size, 1))
        # Torch's memory starts on a cache line, and records of three channels fill one each.
        records = torch.empty((lists.rows.shape[0], -(-(COLOR + channels) // 16) * 16)).numpy()
        drawn = np.empty(lists.offsets.shape[0] - 1, np.int32)
        tiles = (-(-size[1] // TILE), -(-size[2] // TILE))
        run_chunks(
            blend_rgb if channels == 3 else blend_features, even_chunks(TILE_CHUNKS_PER_THREAD),
            lists.offsets, lists.rows, splats, colors_np, behind, *tiles, records, drawn,
            image.numpy(), transmittance.numpy(), alphas.view(size).numpy(),
        )  # fmt: skip
        ctx.inputs = (lists.offsets, lists.slots, records, drawn, *tiles)
        ctx.lists, ctx.absgrad, ctx.means2d = lists, absgrad, means2d
        ctx.opacities = np.ascontiguousarray(opacities.detach().reshape(-1).numpy())
        ctx.shapes = (means2d.shape, conics.shape, opacities.shape, colors.shape)
        ctx.save_for_backward(image, transmittance, backgrounds)
        ctx.set_materialize_grads(False)
        return image, alphas

    @staticmethod
    def backward(ctx: Any, g_image: Tensor | None, g_alpha: Tensor | None) -> tuple[Tensor | None, ...]:
        """The gradients of centres, conics, opacities, channels and backgrounds; sets `absgrad` on the centres."""
        image, transmittance, backgrounds = ctx.saved_tensors
        channels, lists = image.shape[-1], ctx.lists
        # Small work is kept from torch's threads: on a busy machine they wait for each other longer than they work.
        g_image = torch.from_numpy(np.zeros(image.shape, np.float32)) if g_image is None else g_image.contiguous()
        g_light = np.zeros(image.shape[:3], np.float32) if g_alpha is None else g_alpha[..., 0].contiguous().numpy()
        slots = np.empty((lists.rows.shape[0], GEOMETRY + channels + 2 * ctx.absgrad), np.float32)
        run_chunks(
            blend_rgb_backward if channels == 3 else blend_features_backward, even_chunks(TILE_CHUNKS_PER_THREAD),
            *ctx.inputs, image.numpy(), transmittance.numpy(), g_image.numpy(), g_light,
            ctx.absgrad, slots,
        )  # fmt: skip
        sums = torch.empty((lists.counts.shape[0], slots.shape[1]))
        shared = (lists.slot_ends, lists.counts, ctx.opacities, slots, sums.numpy())
        run_chunks(add_up, even_chunks(ROW_CHUNKS_PER_THREAD), *shared)
        parts = (sums[:, :2], sums[:, 2:5], sums[:, 5], sums[:, GEOMETRY : GEOMETRY + channels])
        gradients = [part.reshape(shape) for part, shape in zip(parts, ctx.shapes, strict=True)]
        if ctx.absgrad:
            # Where gsplat puts it, and where its strategies look for it.
            ctx.means2d.absgrad = sums[:, GEOMETRY + channels :].reshape(ctx.shapes[0])
        behind = None
        if backgrounds is not None and ctx.needs_input_grad[4]:
            behind = torch.einsum("chw,chwd->cd", transmittance.double(), g_image.double()).float()
        return *gradients, behind, None, None, None, None
