"""Neighbours among Gaussians, and their connected components."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int, Int64
from scipy import sparse
from scipy.spatial import KDTree

from scorp_ns.gaussians.splats import Gaussians

TOUCH = 2.0
"""Gaussians touch where their centres are no further apart than so many standard deviations of both together."""

CELLS = 5
"""Crowds are told apart in cells whose sides are the gap divided by this."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest Gaussians of some Gaussians."""

    of: Int64[np.ndarray, " m"]
    """Whose neighbours: indices into the set."""
    indices: Int64[np.ndarray, "m k"]
    """Their neighbours: indices into the same set, nearest first, themselves left out."""
    distances: Float[np.ndarray, "m k"]


def find_neighbours(
    points: Float[np.ndarray, "n 3"], of: Bool[np.ndarray, " n"], among: Bool[np.ndarray, " n"], number: int
) -> Neighbours:
    """The nearest `among` the chosen ones of each of the others, as many as there are up to `number`."""
    (asked,), (candidates,) = np.nonzero(of), np.nonzero(among)
    number = min(number, len(candidates) - 1)
    if number < 1 or len(asked) == 0:
        return Neighbours(asked, np.empty((len(asked), 0), np.int64), np.empty((len(asked), 0)))
    distances, found = KDTree(points[candidates]).query(points[asked], k=number + 1)
    found = candidates[found]
    # Whoever is among the candidates is found first, or tied with copies at its own place.
    keep = found != asked[:, None]
    keep[keep.all(axis=1), -1] = False
    shape = (len(asked), number)
    return Neighbours(asked, found[keep].reshape(shape), distances[keep].reshape(shape))


def islands(gaussians: Gaussians, gap: float, num_neighbours: int = 12) -> Int[np.ndarray, " n"]:
    """The number of the island each Gaussian is part of: those that touch, or nearly do, hang together."""
    points = gaussians.means.cpu().double().numpy()
    everyone = np.ones(len(points), bool)
    near = find_neighbours(points, everyone, everyone, num_neighbours)
    radii = TOUCH * gaussians.scales.cpu().double().numpy().mean(axis=1)
    linked = near.distances <= radii[near.of][:, None] + radii[near.indices] + gap
    touching = np.stack([np.repeat(near.of, near.indices.shape[1])[linked.ravel()], near.indices[linked]], axis=1)
    rows, columns = np.concatenate([touching, _close_pairs(points, gap)]).T
    links = sparse.coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(points), len(points)))
    return sparse.csgraph.connected_components(links, directed=False)[1]


def _close_pairs(points: Float[np.ndarray, "n 3"], gap: float) -> Int64[np.ndarray, "pairs 2"]:
    """Pairs no further apart than the gap, which in a crowd need not be among the nearest neighbours.

    A crowd in one small cell speaks with one voice, so that there are few pairs; who is nearer than three tenths
    of the gap, which is left of it after two cells' diagonals, is linked for certain.
    """
    if gap <= 0:
        return np.empty((0, 2), np.int64)
    _, speakers, cells = np.unique(np.floor(points * (CELLS / gap)), axis=0, return_index=True, return_inverse=True)
    members = np.stack([speakers[cells.ravel()], np.arange(len(points))], axis=1)
    return np.concatenate([members, speakers[KDTree(points[speakers]).query_pairs(gap, output_type="ndarray")]])
