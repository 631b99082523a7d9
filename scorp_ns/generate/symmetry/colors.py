"""Vertex colours: from the photographs, from symmetric partners, and by harmonic interpolation in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int64
from scipy import ndimage, sparse
from scipy.sparse.linalg import cg
from scipy.spatial import KDTree

from scorp_ns.cameras import PIXEL_CENTER
from scorp_ns.generate.symmetry.symmetry_score import Motion
from scorp_ns.generate.symmetry.view_evidence import ViewEvidence

DEPTH_TOLERANCE = 0.03
"""A photograph shows a point if its depth agrees to this share of the diagonal."""

PARTNER_REACH = 0.04
"""A point's partner lies so near to its image, as a share of the diagonal."""

NORMAL_LENGTH = 0.06
"""Unit normals are scaled by this share of the diagonal when they are compared together with positions."""

LEAST_WEIGHT = 0.05
"""Points that photographs show less squarely than this have no colour of their own."""

GRAY = 0.5
"""The colour where nothing is coloured."""


def photographed_colors(
    vertices: Float[np.ndarray, "v 3"],
    normals: Float[np.ndarray, "v 3"],
    views: Sequence[ViewEvidence],
    diagonal: float,
) -> tuple[Float[np.ndarray, "v 3"], Float[np.ndarray, " v"]]:
    """The mean colour in the photographs that show each point, weighted by cosine, and the sum of the weights."""
    total, weights = np.zeros(vertices.shape), np.zeros(len(vertices))
    for one in views:
        columns, rows, z, within = one.project(vertices)
        height, width = one.depth.shape
        column, row = columns.clip(0, width - 1).astype(int), rows.clip(0, height - 1).astype(int)
        near = np.abs(one.depth[row, column] - z) < DEPTH_TOLERANCE * diagonal
        ways = one.camera.center - vertices
        facing = (normals * ways).sum(axis=1) / np.maximum(np.linalg.norm(ways, axis=1), 1e-12)
        weight = np.where(within & near, one.weight[row, column] * np.clip(facing, 0, 1) ** 2, 0.0)
        places = np.stack([rows, columns]) - PIXEL_CENTER
        for channel in range(3):
            values = ndimage.map_coordinates(one.photograph[..., channel] / 255.0, places, order=1, mode="nearest")
            total[:, channel] += weight * values
        weights += weight
    return total / np.maximum(weights, 1e-9)[:, None], weights


def partner_colors(
    vertices: Float[np.ndarray, "v 3"],
    normals: Float[np.ndarray, "v 3"],
    colors: Float[np.ndarray, "v 3"],
    is_known: Bool[np.ndarray, " v"],
    motions: Sequence[Motion],
    diagonal: float,
) -> tuple[Float[np.ndarray, "v 3"], Bool[np.ndarray, " v"]]:
    """Colours completed by those of symmetric partners, and a mask of the points that have one now."""
    colors, has_color = colors.copy(), is_known.copy()
    if not is_known.any():
        return colors, has_color
    # Normals count as well: the two sides of a thin wall are near each other, but not alike.
    length = NORMAL_LENGTH * diagonal
    tree, known = KDTree(np.hstack([vertices, length * normals])[is_known]), colors[is_known]
    total, weights = np.zeros(colors.shape), np.zeros(len(colors))
    lacking = np.nonzero(~is_known)[0]
    for motion in motions:
        images = motion(vertices[lacking])
        turned = motion(vertices[lacking] + length * normals[lacking]) - images
        distances, nearest = tree.query(np.hstack([images, turned]), distance_upper_bound=PARTNER_REACH * diagonal)
        nearest = np.minimum(nearest, len(known) - 1)
        weight = np.clip(1 - distances / (PARTNER_REACH * diagonal), 0, 1)
        total[lacking] += weight[:, None] * known[nearest]
        weights[lacking] += weight
    found = weights > LEAST_WEIGHT
    colors[found] = total[found] / weights[found, None]
    return colors, has_color | found


def spread_colors(
    colors: Float[np.ndarray, "v 3"], has_color: Bool[np.ndarray, " v"], faces: Int64[np.ndarray, "f 3"]
) -> Float[np.ndarray, "v 3"]:
    """Colours for all points: unknown ones solve Laplace's equation on the mesh graph, by conjugate gradients."""
    if not has_color.any():
        return np.full(colors.shape, GRAY)
    if has_color.all():
        return colors
    number = len(colors)
    ends = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    ends = np.concatenate([ends, ends[:, ::-1]])
    near = sparse.csr_matrix((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(number, number))
    laplacian = sparse.csr_matrix(sparse.diags(np.asarray(near.sum(axis=1)).ravel() + 1e-6) - near)
    lacking = ~has_color
    inner, outer = laplacian[lacking][:, lacking], laplacian[lacking][:, has_color]
    mean = colors[has_color].mean(axis=0)
    filled = colors.copy()
    scales = sparse.diags(1 / inner.diagonal())
    for channel in range(3):
        wanted = -outer @ (colors[has_color, channel] - mean[channel])
        filled[lacking, channel] = mean[channel] + cg(inner, wanted, rtol=1e-3, maxiter=600, M=scales)[0]
    return filled
