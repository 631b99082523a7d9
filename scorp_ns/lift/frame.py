"""The upright box around an object."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from scipy.spatial import ConvexHull, QhullError
from torch import Tensor

from scorp_ns.products import ObjectFrame, Support

TRIM = 0.005
"""So much of the points may stick out of the box on each side."""

SMALLEST = 1e-9
"""Even a single point gets a box with sides of this length."""

THINNEST = 1e-3
"""A box's shortest side is at least this share of its longest."""


def fit_frame(points: Float[Tensor, "n 3"], up: Float[Tensor, " 3"], support: Support | None) -> ObjectFrame:
    """The box with its z axis up that has the smallest footprint, standing on the support where there is one."""
    z = (up if support is None else support.up).double().cpu().numpy()
    body = points.double().cpu().numpy()
    across = _any_perpendicular(z)
    x = _smallest_footprint_axis(body, across, np.cross(z, across))
    rotation = np.stack([x, np.cross(z, x), z], axis=1)
    local = body @ rotation
    low, high = np.quantile(local, [TRIM, 1 - TRIM], axis=0)
    if support is not None:
        low[2] = min(low[2], support.point.double().cpu().numpy() @ z)
    extent = np.maximum(high - low, max(THINNEST * (high - low).max(), SMALLEST))
    center = rotation @ ((low + high) / 2)
    return ObjectFrame(*(torch.from_numpy(value).float() for value in (rotation, center, extent)))


def _any_perpendicular(axis: Float[np.ndarray, " 3"]) -> Float[np.ndarray, " 3"]:
    """The unit vector across the axis that is nearest to the coordinate axis most across."""
    across = np.eye(3)[np.abs(axis).argmin()]
    across -= (across @ axis) * axis
    return across / np.linalg.norm(across)


def _smallest_footprint_axis(
    points: Float[np.ndarray, "n 3"], x: Float[np.ndarray, " 3"], y: Float[np.ndarray, " 3"]
) -> Float[np.ndarray, " 3"]:
    """The direction of one side of the smallest rectangle around the points' shadow; a hull's edge gives it."""
    shadow = np.stack([points @ x, points @ y], axis=1)
    try:
        corners = shadow[ConvexHull(shadow).vertices]
    except QhullError:
        return x
    edges = np.diff(corners, axis=0, append=corners[:1])
    edges /= np.linalg.norm(edges, axis=1, keepdims=True)
    areas = [np.ptp(corners @ edge) * np.ptp(corners @ np.array([-edge[1], edge[0]])) for edge in edges]
    along = edges[int(np.argmin(areas))]
    return along[0] * x + along[1] * y
