"""Which Gaussians and pixels are clear of every hard decision, so that float32 and float64 must decide alike."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from oracles.dense_projection import TILE, Splats, View, splat, view_colors
from oracles.dense_renderer import (
    MAX_ALPHA,
    MIN_ALPHA,
    MIN_TRANSMITTANCE,
    limited_alphas,
    raw_alphas,
    tile_image,
    tile_members,
    tile_pixels,
)
from torch import Tensor

BAND = 1e-4
"""Relative distance from a limit within which a float32 renderer may decide either way."""
PIXEL_BAND = 1e-3
"""The same for positions and radii, in pixels."""
DEPTH_BAND = 2e-6
"""Relative depth difference below which float32 may order two Gaussians either way."""


def _near_integer(values: Float[Tensor, "..."], band: float) -> Bool[Tensor, "..."]:  # noqa: UP037
    return (values - values.round()).abs() < band


@torch.no_grad()
def steady_splats(splats: Splats, view: View) -> Bool[Tensor, " v"]:
    """Whether rounding, tile coverage, the covariance bound and depth order are clear for each splat."""
    squares = torch.cat([splats.means2d - splats.radii[:, None], splats.means2d + splats.radii[:, None]], dim=1)
    size = torch.tensor([view.width, view.height] * 2, dtype=squares.dtype)
    slack = 0.15 * size[:2]
    from_bound = torch.minimum((splats.means2d + slack).abs(), (splats.means2d - size[:2] - slack).abs())
    behind = splats.depths.diff(prepend=splats.depths.new_zeros(1))
    unsteady = _near_integer(splats.extents, PIXEL_BAND)
    unsteady |= _near_integer(squares / TILE, PIXEL_BAND / TILE).any(1)
    unsteady |= ((squares - size).abs() < PIXEL_BAND).any(1)
    unsteady |= (from_bound < PIXEL_BAND).any(1)
    unsteady |= behind < DEPTH_BAND * splats.depths
    return ~unsteady


@torch.no_grad()
def steady_gaussians(
    means: Float[Tensor, "n 3"],
    quats: Float[Tensor, "n 4"],
    scales: Float[Tensor, "n 3"],
    colors: Float[Tensor, "n ..."],
    views: list[View],
    sh_degree: int | None,
) -> Bool[Tensor, " n"]:
    """Whether each Gaussian is clear of every decision made about it as a whole, in all views."""
    steady = torch.ones(len(means), dtype=torch.bool)
    for view in views:
        splats = splat(means, quats, scales, view)
        steady[splats.ids] &= steady_splats(splats, view)
        if sh_degree is not None:
            # The colour before the clamp decides, so the clamp is moved out of the way.
            seen = view_colors(means, _lifted(colors), view, sh_degree) - 10
            steady &= (seen.abs() > BAND).all(1)
    return steady


def _lifted(coefficients: Float[Tensor, "n k 3"]) -> Float[Tensor, "n k 3"]:
    """Coefficients of colours ten higher, out of the clamp's reach; degree zero's basis is 1 / sqrt(4 pi)."""
    lifted = coefficients.clone()
    lifted[:, 0] += 10 * (4 * torch.pi) ** 0.5
    return lifted


@torch.no_grad()
def steady_pixels(splats: Splats, strengths: Float[Tensor, " v"], view: View) -> Bool[Tensor, "h w"]:
    """Whether each pixel is clear of the limits on alpha and on transmittance, at every Gaussian it reaches."""
    members, counts = tile_members(view, splats)
    gathered = [table[members].split(counts) for table in (splats.means2d, splats.conics, strengths)]
    tiles = []
    for pixels, centres, conics, own in zip(tile_pixels(view, splats.means2d), *gathered, strict=True):
        raw = raw_alphas(pixels[:, None] - centres, conics, own)
        alphas, _ = limited_alphas(raw)
        after = torch.cumprod(1 - alphas, dim=1)
        before = torch.nn.functional.pad(after, (1, 0), value=1.0)[:, :-1]
        close = ((raw / MIN_ALPHA - 1).abs() < BAND) | ((raw / MAX_ALPHA - 1).abs() < BAND)
        close |= (after / MIN_TRANSMITTANCE - 1).abs() < 10 * BAND
        # Behind the pixel's end nothing is decided any more.
        close &= before > MIN_TRANSMITTANCE * (1 - 10 * BAND)
        tiles.append(~close.any(dim=1, keepdim=True))
    return tile_image(tiles, view)[..., 0]
