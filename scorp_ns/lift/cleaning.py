"""An object without its floaters: what hangs on nothing of it, or lies far outside the rest."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.neighbours import find_neighbours, islands

GAP = 0.02
"""Islands no further apart than this share of the object's size are one."""

NUM_NEIGHBOURS = 8
"""A Gaussian's crowd: so many neighbours of the same object."""

STRAY = 2.0
"""Gaussians whose crowd is further away than this times the usual are strays."""


def clean_object(gaussians: Gaussians, weights: Float[Tensor, " n"], min_island: float) -> Bool[Tensor, " n"]:
    """The mask of an object's Gaussians that remain: those of its larger islands, less the strays.

    `weights` are their votes for the object; islands with a smaller share of them than `min_island` are dropped, but
    the largest never is.
    """
    kept = _not_stray(gaussians)
    held = weights.cpu().double().numpy() * kept
    if not held.any():
        return torch.from_numpy(kept)
    (chosen,) = np.nonzero(kept)
    numbers = islands(gaussians[torch.from_numpy(chosen)], GAP * _size(gaussians, kept))
    sums = np.bincount(numbers, held[chosen])
    is_large = (sums >= min_island * sums.sum()) | (sums == sums.max())
    kept[chosen] = is_large[numbers]
    return torch.from_numpy(kept)


def _size(gaussians: Gaussians, kept: Bool[np.ndarray, " n"]) -> float:
    """The diagonal of the box that holds all but a few per cent of the object."""
    low, high = np.quantile(gaussians.means.cpu().double().numpy()[kept], [0.02, 0.98], axis=0)
    return float(np.linalg.norm(high - low))


def _not_stray(gaussians: Gaussians) -> Bool[np.ndarray, " n"]:
    """Whose crowd is about as near as usual; a large Gaussian may be further from it."""
    points = gaussians.means.cpu().double().numpy()
    everyone = np.ones(len(points), bool)
    near = find_neighbours(points, everyone, everyone, NUM_NEIGHBOURS)
    if near.indices.size == 0:
        return everyone
    own_size = gaussians.scales.cpu().double().numpy().mean(axis=1)
    spread = near.distances.mean(axis=1)
    # Crowds of copies in one place say nothing of what is usual.
    usual = np.median(spread[spread > 0]) if spread.any() else 0.0
    return np.maximum(spread - own_size, 0) <= STRAY * usual
