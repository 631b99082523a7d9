"""The colour residual that one map for a whole object leaves: fitted where photographs look, fading out beside it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

from scorp_ns.appearance.config import TuneConfig
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import VISIBLE, ObjectCrop
from scorp_ns.render import render
from scorp_ns.render.photometric import photometric_loss

SEEN = 0.3
"""Points that are trusted more than this hand their residual on to their surroundings."""

NEIGHBOURS = 16
"""Trusted points that a residual is handed on from."""

FEW = 8
"""Photographs, or one more, that say how well colours match: as many as tell, since this is but for reports."""

NEAR = 0.004
"""Trusted points closer than this share of the diagonal count alike."""


@torch.enable_grad()
def fit_residual(
    surface: Gaussians,
    colors: Float[Tensor, "n 3"],
    observed: Float[Tensor, "n 3"],
    trust: Float[Tensor, " n"],
    sights: Sequence[ObjectCrop],
    gains: Float[Tensor, "views 3"],
    config: TuneConfig,
) -> Float[Tensor, "n 3"]:
    """The residual of the surface's colours that makes it look, under the masks, as the photographs do.

    The surface is in the sights' frame. Points of no trust (0, of at most 1) keep their colours; others start from the
    observed ones, which neighbours blur when they are drawn. Only the object's own visible pixels count, of
    photographs at the mean exposure.
    """
    start = torch.where(trust[:, None] > 0, observed, colors)
    change = torch.zeros_like(colors, requires_grad=True)
    optimizer = torch.optim.Adam([change], lr=config.learning_rate)
    targets = [_target(sight, gain).to(colors) for sight, gain in zip(sights, gains, strict=True)]
    for index in _order(len(sights), config.iterations):
        optimizer.zero_grad()
        _loss(surface, start + trust[:, None] * change, sights[index], targets[index]).backward()
        optimizer.step()
    return (start + trust[:, None] * change.detach()).clamp(0, 1) - colors


@torch.no_grad()
def photographic_error(
    surface: Gaussians, colors: Float[Tensor, "n 3"], sights: Sequence[ObjectCrop], gains: Float[Tensor, "views 3"]
) -> float:
    """The error of the surface in these colours under some photographs' masks: L1 and SSIM."""
    chosen = range(0, len(sights), max(1, len(sights) // FEW))
    losses = [_loss(surface, colors, sights[index], _target(sights[index], gains[index])) for index in chosen]
    return float(torch.stack(losses).mean())


def _order(number: int, steps: int) -> list[int]:
    """The window that each step looks at: all of them before any comes again, and always the same."""
    generator = torch.Generator().manual_seed(0)
    rounds = [torch.randperm(number, generator=generator) for _ in range(-(-steps // number))]
    return torch.cat([torch.zeros(0, dtype=torch.long), *rounds])[:steps].tolist()


def _target(sight: ObjectCrop, gain: Float[Tensor, " 3"]) -> Float[Tensor, "h w 3"]:
    return (torch.from_numpy(sight.photograph).float() / 255 / gain.cpu()).clamp(0, 1)


def _loss(
    surface: Gaussians, colors: Float[Tensor, "n 3"], sight: ObjectCrop, target: Float[Tensor, "h w 3"]
) -> Float[Tensor, ""]:
    """The error of a render against its photograph; where the object is not visible they count as equal."""
    drawn = render(surface, sight.camera, channels=colors)
    is_visible = torch.from_numpy(sight.trimap == VISIBLE).to(colors.device)
    over_target = drawn.colors + (1 - drawn.alpha[..., None]) * target
    return photometric_loss(torch.where(is_visible[..., None], over_target, target), target)


def spread_residual(
    points: Float[Tensor, "n 3"],
    normals: Float[Tensor, "n 3"],
    residual: Float[Tensor, "n 3"],
    trust: Float[Tensor, " n"],
    at: Float[Tensor, "m 3"],
    normals_at: Float[Tensor, "m 3"],
    reach: float,
) -> Float[Tensor, "m 3"]:
    """The residual at other places of the surface: that of the trusted points around them, less the further they are.

    The two sides of a thin wall are far from each other, as their normals are opposite. Lengths are in diagonals.
    """
    trusted = trust > SEEN
    if not bool(trusted.any()):
        return torch.zeros_like(at)
    tree = KDTree(_places(points[trusted], normals[trusted], reach))
    count = min(NEIGHBOURS, int(trusted.sum()))
    found = tree.query(_places(at, normals_at, reach), count)
    distances, indices = (np.asarray(part).reshape(len(at), count) for part in found)
    weights = torch.from_numpy(1 / (distances**2 + NEAR**2)).float()
    near = (weights[..., None] * residual[trusted].cpu()[torch.from_numpy(indices)]).sum(dim=1)
    fading = torch.from_numpy(np.exp(-((distances[:, 0].clip(NEAR) - NEAR) ** 2) / reach**2)).float()
    return (near / weights.sum(dim=1, keepdim=True) * fading[:, None]).to(residual)


def _places(points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], reach: float) -> np.ndarray:
    return torch.cat([points, reach * normals], dim=1).cpu().numpy()
