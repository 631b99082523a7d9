"""Components of a triangulation: edges that do or do not match, patches, and clusters that lie apart."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int64
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from scorp_ns.surfaces.remeshing import edge_keys

NEIGHBOUR_CELLS = 1.8
"""Cells count as neighbours up to this distance between their centres, in cells: those that share a face, an edge or
a corner."""


def has_matched_edges(corners: Int64[np.ndarray, "f 3"]) -> bool:
    """True if the surface is closed and faces one way: each edge is passed as often in one direction as in the other.

    Vertices at one place must have one number.
    """
    return not unmatched_edges(corners).any()


def unmatched_edges(corners: Int64[np.ndarray, "f 3"]) -> Int64[np.ndarray, "f 3"]:
    """Passes of each edge of each triangle in its direction, less those in the other."""
    signs = np.sign(np.roll(corners, -1, axis=1) - corners)
    _, edges = np.unique(edge_keys(corners), return_inverse=True)
    surplus = np.bincount(edges, signs.ravel()).astype(np.int64)
    return surplus[edges].reshape(-1, 3) * signs


def orient_patches(
    corners: Int64[np.ndarray, "f 3"],
) -> tuple[Bool[np.ndarray, " f"], Int64[np.ndarray, " f"]]:
    """The mask of triangles to turn for all of a patch to face one way, and the patch of each.

    A patch is what hangs together by edges of exactly two triangles; of one that cannot be oriented, none is turned.
    """
    number = len(corners)
    starts, ends = corners.ravel(), np.roll(corners, -1, axis=1).ravel()
    _, edges, counts = np.unique(edge_keys(corners), return_inverse=True, return_counts=True)
    order = np.argsort(edges, kind="stable")
    pairs = order[counts[edges[order]] == 2].reshape(-1, 2)
    faces = pairs // 3
    is_opposed = (starts < ends)[pairs[:, 0]] == (starts < ends)[pairs[:, 1]]
    # Each triangle is there twice, as it is and turned; the two ways of facing of a patch fall apart.
    first = np.concatenate([faces[:, 0], faces[:, 0] + number])
    second = np.concatenate([faces[:, 1] + number * is_opposed, faces[:, 1] + number * ~is_opposed])
    ways = _labels(first, second, 2 * number)
    patches = _labels(faces[:, 0], faces[:, 1], number)
    _, firsts = np.unique(patches, return_index=True)
    as_is, is_orientable = ways[firsts][patches] == ways[:number], ways[:number] != ways[number:]
    return ~as_is & is_orientable, patches


def clusters(points: Float[np.ndarray, "n 3"], cell: float) -> Int64[np.ndarray, " n"]:
    """The cluster of each point: points in neighbouring cells of a grid belong together."""
    cells = np.floor((points - points.min(axis=0)) / cell).astype(np.int64)
    filled, places = np.unique(cells, axis=0, return_inverse=True)
    pairs = KDTree(filled).query_pairs(NEIGHBOUR_CELLS, output_type="ndarray")
    return _labels(pairs[:, 0], pairs[:, 1], len(filled))[places.ravel()]


def _labels(
    first: Int64[np.ndarray, " e"], second: Int64[np.ndarray, " e"], number: int
) -> Int64[np.ndarray, " number"]:
    """The connected component of each of so many nodes."""
    links = coo_matrix((np.ones(len(first), bool), (first, second)), (number, number))
    return connected_components(links, directed=False)[1].astype(np.int64)
