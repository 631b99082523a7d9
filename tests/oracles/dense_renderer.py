"""The referee: a dense float64 renderer with gsplat's image definition, differentiated by autograd.

Slow and plain on purpose. Each tile weighs all its Gaussians at all its pixels in one matrix.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from math import ceil

import torch
from jaxtyping import Bool, Float, Int, Shaped
from oracles.dense_projection import TILE, Splats, View, project, tile_boxes, view_colors
from torch import Tensor
from torch.utils.checkpoint import checkpoint

MIN_ALPHA = 1 / 255
MAX_ALPHA = 0.999
MIN_TRANSMITTANCE = 1e-4


def render_dense(
    means: Float[Tensor, "n 3"],
    quats: Float[Tensor, "n 4"],
    scales: Float[Tensor, "n 3"],
    opacities: Float[Tensor, " n"],
    colors: Float[Tensor, "*views_n_k d"],
    viewmats: Float[Tensor, "c 4 4"],
    Ks: Float[Tensor, "c 3 3"],
    width: int,
    height: int,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    radius_clip: float = 0.0,
    eps2d: float = 0.3,
    sh_degree: int | None = None,
    backgrounds: Float[Tensor, "c d"] | None = None,
    render_mode: str = "RGB",
    rasterize_mode: str = "classic",
) -> tuple[Float[Tensor, "c h w x"], Float[Tensor, "c h w 1"], Float[Tensor, "c n 2"]]:
    """Image, alpha and projected means, in the inputs' precision.

    After a backward pass `means2d.grad` is the gradient of the projected means and `means2d.absgrad` the sum over
    pixels of its absolute value.
    """
    images, alphas, splats_of_views = [], [], []
    means2d = means.new_zeros(len(viewmats), len(means), 2)
    for c in range(len(viewmats)):
        view = View(viewmats[c], Ks[c], width, height, near_plane, far_plane, radius_clip, eps2d)
        splats = project(means, quats, scales, view)
        splats_of_views.append((view, splats))
        means2d = means2d.index_put((torch.tensor(c), splats.ids), splats.means2d)
    if means2d.requires_grad:
        means2d.retain_grad()
    means2d.absgrad = torch.zeros_like(means2d)
    per_view = colors.dim() == (3 if sh_degree is None else 4)
    for c, (view, splats) in enumerate(splats_of_views):
        own_colors = colors[c] if per_view else colors
        values = channel_values(means, own_colors, view, splats, sh_degree, render_mode)
        strengths = opacities[splats.ids] * (splats.compensations if rasterize_mode == "antialiased" else 1)
        image, alpha = blend_tiles(view, splats, means2d[c, splats.ids], strengths, values, means2d.absgrad[c])
        background = None if backgrounds is None else backgrounds[c]
        images.append(finish(image, alpha, background, render_mode))
        alphas.append(alpha)
    return torch.stack(images), torch.stack(alphas), means2d


def channel_values(
    means: Float[Tensor, "n 3"],
    colors: Float[Tensor, "n ..."],
    view: View,
    splats: Splats,
    sh_degree: int | None,
    render_mode: str,
) -> Float[Tensor, "v x"]:
    """What each splat adds to the image's channels: its colour or features, its depth, or both."""
    depths = splats.depths[:, None]
    if render_mode in ("D", "ED"):
        return depths
    seen = colors[splats.ids]
    if sh_degree is not None:
        seen = view_colors(means[splats.ids], seen, view, sh_degree)
    return seen if render_mode == "RGB" else torch.cat([seen, depths], dim=-1)


def finish(
    image: Float[Tensor, "h w x"], alpha: Float[Tensor, "h w 1"], background: Float[Tensor, " d"] | None, mode: str
) -> Float[Tensor, "h w x"]:
    """The image over its background; depth has background zero, expected depth is divided by alpha."""
    if background is not None and mode.startswith("RGB"):
        behind = (1 - alpha) * background
        image = image + torch.nn.functional.pad(behind, (0, image.shape[-1] - behind.shape[-1]))
    if not mode.endswith("ED"):
        return image
    return torch.cat([image[..., :-1], image[..., -1:] / alpha.clamp(min=1e-10)], dim=-1)


def tile_members(view: View, splats: Splats) -> tuple[Int[Tensor, " m"], list[int]]:
    """The splats of each tile, row by row and nearest first, as one list; and how many belong to each tile."""
    tiles_x, tiles_y = ceil(view.width / TILE), ceil(view.height / TILE)
    first, last = tile_boxes(splats, tiles_x, tiles_y)
    columns = torch.arange(tiles_x, device=first.device)[:, None]
    rows = torch.arange(tiles_y, device=first.device)[:, None]
    in_column = (columns >= first[:, 0]) & (columns < last[:, 0])
    in_row = (rows >= first[:, 1]) & (rows < last[:, 1])
    touches = (in_row[:, None] & in_column[None]).flatten(0, 1)
    return touches.nonzero()[:, 1], touches.sum(1).tolist()


def tile_pixels(view: View, like: Tensor) -> Iterator[Float[Tensor, "p 2"]]:
    """The pixel centres of each tile, in the order of `tile_members`."""
    offsets = torch.arange(TILE, dtype=like.dtype, device=like.device) + 0.5
    for y in range(0, view.height, TILE):
        for x in range(0, view.width, TILE):
            yield torch.cartesian_prod(y + offsets, x + offsets).flip(-1)


def raw_alphas(
    offsets: Float[Tensor, "p m 2"], conics: Float[Tensor, "m 2 2"], strengths: Float[Tensor, " m"]
) -> Float[Tensor, "p m"]:
    """Opacity times exp(-d^T C d / 2), before any limit."""
    return strengths * torch.exp(-0.5 * torch.einsum("pmi,mij,pmj->pm", offsets, conics, offsets))


def limited_alphas(raw: Float[Tensor, "p m"]) -> tuple[Float[Tensor, "p m"], Bool[Tensor, "p m"]]:
    """Alphas after the two limits, and whether a pixel still took part when it came to each of them."""
    alphas = torch.where(raw < MIN_ALPHA, 0.0, raw.clamp(max=MAX_ALPHA))
    reached = torch.cumprod(1 - alphas.detach(), dim=1) > MIN_TRANSMITTANCE
    return alphas, reached


def blend_pixels(
    offsets: Float[Tensor, "p m 2"],
    conics: Float[Tensor, "m 2 2"],
    strengths: Float[Tensor, " m"],
    values: Float[Tensor, "m x"],
) -> tuple[Float[Tensor, "p x"], Float[Tensor, "p 1"]]:
    """Front-to-back blend of one tile: sum_i T_i a_i v_i, and 1 - T_end."""
    alphas, reached = limited_alphas(raw_alphas(offsets, conics, strengths))
    alphas = torch.where(reached, alphas, 0.0)
    after = torch.cumprod(1 - alphas, dim=1)
    before = torch.nn.functional.pad(after[:, :-1], (1, 0), value=1.0)
    return (before * alphas) @ values, 1 - after[:, -1:]


def blend_tiles(
    view: View,
    splats: Splats,
    means2d: Float[Tensor, "v 2"],
    strengths: Float[Tensor, " v"],
    values: Float[Tensor, "v x"],
    absgrad: Float[Tensor, "n 2"],
) -> tuple[Float[Tensor, "h w x"], Float[Tensor, "h w 1"]]:
    """Image and alpha of one view; tiles are recomputed in the backward pass so that memory holds one at a time."""
    members, counts = tile_members(view, splats)
    gathered = [table[members].split(counts) for table in (splats.ids, means2d, splats.conics, strengths, values)]
    tiles = []
    for pixels, ids, centres, *records in zip(tile_pixels(view, means2d), *gathered, strict=True):
        if len(ids) == 0:
            tiles.append(pixels.new_zeros(len(pixels), values.shape[1] + 1))
            continue
        note = partial(_add_pulls, absgrad, ids)
        blended = checkpoint(_blend_tile, pixels, centres, *records, note, use_reentrant=False)
        tiles.append(torch.cat(blended, dim=-1))
    image = tile_image(tiles, view)
    return image[..., :-1], image[..., -1:]


def tile_image(tiles: list[Shaped[Tensor, "p x"]], view: View) -> Shaped[Tensor, "h w x"]:
    """The image made of the tiles, row by row, without what reaches over its right and lower edge."""
    columns, rows = ceil(view.width / TILE), ceil(view.height / TILE)
    grid = torch.stack(tiles).reshape(rows, columns, TILE, TILE, -1).transpose(1, 2)
    return grid.reshape(rows * TILE, columns * TILE, -1)[: view.height, : view.width]


def _blend_tile(
    pixels: Float[Tensor, "p 2"],
    centres: Float[Tensor, "m 2"],
    conics: Float[Tensor, "m 2 2"],
    strengths: Float[Tensor, " m"],
    values: Float[Tensor, "m x"],
    note: Callable[[Float[Tensor, "p m 2"]], None],
) -> tuple[Float[Tensor, "p x"], Float[Tensor, "p 1"]]:
    """`blend_pixels` of one tile; `note` hears how each pixel pulls at each mean when gradients come back."""
    offsets = pixels[:, None] - centres
    if offsets.requires_grad:
        offsets.register_hook(note)
    return blend_pixels(offsets, conics, strengths, values)


def _add_pulls(absgrad: Float[Tensor, "n 2"], ids: Int[Tensor, " m"], gradient: Float[Tensor, "p m 2"]) -> None:
    absgrad.index_add_(0, ids, gradient.abs().sum(0))
