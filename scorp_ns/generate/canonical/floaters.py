"""Floaters: small pieces apart from the object, as generators and trainers leave them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float64

from scorp_ns.surfaces.components import clusters

GAP = 0.02
"""Pieces are separate if they are further apart than this, in diagonals of the bulk."""

SMALLEST_SHARE = 0.05
"""A separate piece is kept if it has at least this share of the largest one's weight."""

BULK = (0.02, 0.98)
"""Quantiles along each axis between which the bulk lies, so that floaters do not affect its size."""


def is_of_the_body(points: Float[np.ndarray, "n 3"], weights: Float64[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """A mask of the points in clusters that are not small beside the largest; weights are areas or opacities."""
    size = bulk_diagonal(points, weights)
    extent = float(np.ptp(points, axis=0).max())
    # Cells are numbered by 64-bit integers, and points may lie as far away as they like.
    cell = max(GAP * size, extent / 2**40)
    if not cell > 0:
        return np.ones(len(points), bool)
    labels = clusters(points, cell)
    totals = np.bincount(labels, weights)
    return (totals >= SMALLEST_SHARE * totals.max())[labels]


def bulk_diagonal(points: Float[np.ndarray, "n 3"], weights: Float64[np.ndarray, " n"]) -> float:
    """The diagonal of the box around all but the outermost points along each axis."""
    sizes = []
    for axis in range(3):
        order = np.argsort(points[:, axis])
        shares = np.cumsum(weights[order])
        low, high = (points[order[_at(shares, share)], axis] for share in BULK)
        sizes.append(float(high) - float(low))
    return float(np.linalg.norm(sizes))


def _at(shares: Float64[np.ndarray, " n"], share: float) -> int:
    return int(min(np.searchsorted(shares, share * shares[-1]), len(shares) - 1))
