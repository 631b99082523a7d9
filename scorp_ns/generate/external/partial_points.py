"""The seen part of an object's surface as a point cloud with normals and colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy.ndimage import binary_erosion

from scorp_ns.products import VISIBLE, ObjectCrop, ObjectFrame

CELLS = 96
"""Voxels along the diagonal of an object's box; each keeps one point."""

BOX_MARGIN = 0.1
"""Largest distance of a point from the box, as a share of the diagonal: anything farther off is behind the object."""

STEEPEST = 0.1
"""Least cosine between a surface's normal and its ray: steeper surfaces are depth jumps at the object's edges."""

NEIGHBOURS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)

Vectors = Float32[np.ndarray, "n 3"]


def partial_points(windows: Sequence[ObjectCrop], frame: ObjectFrame) -> tuple[Vectors, Vectors, Vectors]:
    """Points in the capture's frame, unit normals towards the cameras that saw them, and sRGB colours in [0, 1].

    The points of all photographs in one voxel are averaged.
    """
    parts = [np.concatenate(_seen_in(window), axis=1) for window in windows]
    rows = np.concatenate(parts) if parts else np.empty((0, 9))
    local = (rows[:, :3] - frame.center.cpu().numpy()) @ frame.rotation.cpu().numpy()
    reach = frame.extent.cpu().numpy() / 2 + BOX_MARGIN * frame.diagonal
    is_inside = (np.abs(local) <= reach).all(axis=1)
    means = _cell_means(rows[is_inside], local[is_inside], frame.diagonal / CELLS)
    points, normals, colors = np.split(means.astype(np.float32), 3, axis=1)
    lengths = np.linalg.norm(normals, axis=1, keepdims=True)
    kept = lengths[:, 0] > STEEPEST
    return points[kept], (normals / np.maximum(lengths, STEEPEST))[kept], colors[kept]


def _seen_in(
    window: ObjectCrop,
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]:
    """The unprojected points, normals and colours of the object's pixels whose neighbours are its own."""
    is_known = (window.trimap == VISIBLE) & np.isfinite(window.depth) & (window.depth > 0)
    chosen: Bool[np.ndarray, "h w"] = binary_erosion(is_known, NEIGHBOURS)
    camera, pose = window.camera.numpy(), window.camera.pose.cpu().numpy()
    rays = camera.local_directions(*camera.pixel_centers())
    places = rays * np.where(is_known, window.depth, 0)[..., None]
    across = np.roll(places, -1, axis=1) - np.roll(places, 1, axis=1)
    down = np.roll(places, -1, axis=0) - np.roll(places, 1, axis=0)
    normals = np.cross(down, across)[chosen]
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), np.finfo(float).tiny)
    directions = rays[chosen] / np.linalg.norm(rays[chosen], axis=1, keepdims=True)
    is_faced = (normals * directions).sum(axis=1) < -STEEPEST
    points = places[chosen][is_faced] @ pose[:3, :3].T + pose[:3, 3]
    return points, normals[is_faced] @ pose[:3, :3].T, window.photograph[chosen][is_faced] / 255


def _cell_means(
    rows: Float64[np.ndarray, "n 9"], local: Float64[np.ndarray, "n 3"], side: float
) -> Float64[np.ndarray, "m 9"]:
    """The mean of the rows in each voxel."""
    if not len(rows):
        return rows
    _, owners, counts = np.unique(np.floor(local / side), axis=0, return_inverse=True, return_counts=True)
    owners = owners.reshape(-1)
    sums = [np.bincount(owners, weights=column, minlength=len(counts)) for column in rows.T]
    return np.stack(sums, axis=1) / counts[:, None]
