"""Triangulations made finer or coarser."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64, Int64

NeedsSplit = Callable[
    [Float64[np.ndarray, "v 3"], Float64[np.ndarray, "v k"], Int64[np.ndarray, "f 3"]], Bool[np.ndarray, "f 3"]
]
"""The mask of triangles' edges to be split: the k-th runs from corner k to the next."""

MOST_ROUNDS = 24
"""Each halves edges; from the diagonal down to float32's precision there is no more to halve."""


def places_of(vertices: Float64[np.ndarray, "v 3"], tolerance: float = 0.0) -> Int64[np.ndarray, " v"]:
    """A number for each vertex that those at the same place share; places are rounded to the tolerance."""
    rounded = np.round(vertices / tolerance) if tolerance > 0 else vertices
    # Adding 0 makes -0 and 0 the same bytes.
    rows = np.ascontiguousarray(rounded + 0.0, np.float64).view(np.dtype((np.void, 24))).ravel()
    _, places = np.unique(rows, return_inverse=True)
    return places.astype(np.int64)


def refine(
    vertices: Float64[np.ndarray, "v 3"],
    attributes: Float64[np.ndarray, "v k"],
    faces: Int64[np.ndarray, "f 3"],
    needs_split: NeedsSplit,
    most_faces: int,
) -> tuple[Float64[np.ndarray, "w 3"], Float64[np.ndarray, "w k"], Int64[np.ndarray, "g 3"]]:
    """The triangles with edges halved until none needs it, or there would be too many triangles.

    Vertices may lie at the same place with different attributes, as along the seams of textures; what lies together is
    split together, so that no cracks open.
    """
    vertices, attributes = vertices.astype(np.float64), attributes.astype(np.float64)
    places = places_of(vertices)
    for _ in range(MOST_ROUNDS):
        is_split = _shared(places, faces, needs_split(vertices, attributes, faces))
        if not is_split.any() or len(faces) + int(is_split.sum()) > most_faces:
            break
        vertices, attributes, places, middles = _halve(vertices, attributes, places, faces, is_split)
        faces = _split(faces, middles)
    return vertices, attributes, faces


def cluster(
    vertices: Float64[np.ndarray, "v 3"],
    attributes: Float64[np.ndarray, "v k"],
    faces: Int64[np.ndarray, "f 3"],
    most_faces: int,
) -> tuple[Float64[np.ndarray, "w 3"], Float64[np.ndarray, "w k"], Int64[np.ndarray, "g 3"]]:
    """The surface with the vertices in each cell of a grid made one, on the finest grid that leaves few enough.

    What is closed stays closed, at any number of triangles and in little memory.
    """
    low, size = vertices.min(axis=0), float(np.ptp(vertices, axis=0).max())
    coarse, fine = 8, 4096
    best = _clustered(vertices, attributes, faces, low, size / coarse)
    while fine - coarse > max(1, coarse // 16):
        middle = round((coarse * fine) ** 0.5)
        tried = _clustered(vertices, attributes, faces, low, size / middle)
        if len(tried[2]) <= most_faces:
            coarse, best = middle, tried
        else:
            fine = middle
    return best


def _clustered(
    vertices: Float64[np.ndarray, "v 3"],
    attributes: Float64[np.ndarray, "v k"],
    faces: Int64[np.ndarray, "f 3"],
    low: Float64[np.ndarray, " 3"],
    cell: float,
) -> tuple[Float64[np.ndarray, "w 3"], Float64[np.ndarray, "w k"], Int64[np.ndarray, "g 3"]]:
    """The surface with the vertices of each cell at their mean."""
    cells = np.floor((vertices - low) / cell).astype(np.int64)
    _, groups = np.unique((cells[:, 0] << 42) | (cells[:, 1] << 21) | cells[:, 2], return_inverse=True)
    counts = np.bincount(groups)
    values = np.concatenate([vertices, attributes], axis=1)
    means = np.stack([np.bincount(groups, column) / counts for column in values.T], axis=1)
    joined = groups[faces]
    is_kept = (joined != np.roll(joined, 1, axis=1)).all(axis=1)
    return means[:, :3], means[:, 3:], joined[is_kept].astype(np.int64)


def _shared(
    places: Int64[np.ndarray, " v"], faces: Int64[np.ndarray, "f 3"], is_wanted: Bool[np.ndarray, "f 3"]
) -> Bool[np.ndarray, "f 3"]:
    """Edges that are wanted by any of the triangles that have them."""
    keys = edge_keys(places[faces])
    return np.isin(keys, keys[is_wanted.ravel()]).reshape(-1, 3)


def edge_keys(corners: Int64[np.ndarray, "f 3"]) -> Int64[np.ndarray, " n"]:
    """One number for each edge of each triangle, the same for both directions."""
    first, second = corners.ravel(), np.roll(corners, -1, axis=1).ravel()
    return np.minimum(first, second) * (int(corners.max(initial=0)) + 1) + np.maximum(first, second)


def _halve(
    vertices: Float64[np.ndarray, "v 3"],
    attributes: Float64[np.ndarray, "v k"],
    places: Int64[np.ndarray, " v"],
    faces: Int64[np.ndarray, "f 3"],
    is_split: Bool[np.ndarray, "f 3"],
) -> tuple[Float64[np.ndarray, "w 3"], Float64[np.ndarray, "w k"], Int64[np.ndarray, " w"], Int64[np.ndarray, "f 3"]]:
    """Everything with the edges' middles added, and for each edge its middle, -1 where it has none."""
    starts, ends = faces.ravel(), np.roll(faces, -1, axis=1).ravel()
    chosen = np.flatnonzero(is_split)
    pairs = np.stack([np.minimum(starts, ends), np.maximum(starts, ends)], axis=1)[chosen]
    _, first, inverse = np.unique(pairs[:, 0] * len(vertices) + pairs[:, 1], return_index=True, return_inverse=True)
    ends_of = pairs[first]
    keys = edge_keys(places[faces])[chosen][first]
    _, shared = np.unique(keys, return_inverse=True)
    middles = np.full(faces.size, -1, np.int64)
    middles[chosen] = len(vertices) + inverse
    return (
        np.concatenate([vertices, vertices[ends_of].mean(axis=1)]),
        np.concatenate([attributes, attributes[ends_of].mean(axis=1)]),
        np.concatenate([places, int(places.max()) + 1 + shared]),
        middles.reshape(-1, 3),
    )


def _split(faces: Int64[np.ndarray, "f 3"], middles: Int64[np.ndarray, "f 3"]) -> Int64[np.ndarray, "g 3"]:
    """The triangles with their middles as corners: 1, 2, 3 or 4 of each."""
    counts = (middles >= 0).sum(axis=1)
    # Turned so that a single middle lies on the first edge, and of two the first two edges have them.
    turns = np.where(counts == 1, (middles >= 0).argmax(axis=1), ((middles < 0).argmax(axis=1) + 1) % 3)
    order = (turns[:, None] + np.arange(3)) % 3
    a, b, c = np.take_along_axis(faces, order, axis=1).T
    ab, bc, ca = np.take_along_axis(middles, order, axis=1).T
    patterns = {
        0: [(a, b, c)],
        1: [(a, ab, c), (ab, b, c)],
        2: [(ab, b, bc), (a, ab, bc), (a, bc, c)],
        3: [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)],
    }
    return np.concatenate(
        [np.stack(corners, axis=1)[counts == number] for number, pattern in patterns.items() for corners in pattern]
    )
