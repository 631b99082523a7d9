"""The underside of what stands on something, which no view shows: hollowed a little, for things stand on their rims."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import ndimage

from scorp_ns.generate.symmetry.visual_hull import FusedVolume

HOLLOW = 0.01
"""The middle of an underside is so much higher than its rim, as a share of the diagonal."""

RIM = 0.02
"""So wide a rim touches the support, as a share of the diagonal."""

MOST_OF_BASE = 1 / 3
"""No more of the thickness of what is above it is taken from an underside."""


def hollow_underside(
    distances: Float[np.ndarray, "x y z"], volume: FusedVolume, diagonal: float
) -> Float[np.ndarray, "x y z"]:
    """The object whose underside, but for its rim, is off the support.

    A flat one would be wrong nearly everywhere: bottles, cups, pots and tools alike rest on feet or an edge.
    """
    grid = volume.grid
    heights = grid.origin[2] + grid.spacing * np.arange(grid.shape[2]) - volume.floor
    is_above = heights > 0
    solid = distances[:, :, is_above] < 0
    if not solid[:, :, 0].any():
        return distances
    thickness = grid.spacing * np.cumprod(solid, axis=2).sum(axis=2)
    to_edge = grid.spacing * np.asarray(ndimage.distance_transform_edt(thickness > 0))
    hollow = np.clip(to_edge - RIM * diagonal, 0, np.minimum(HOLLOW * diagonal, MOST_OF_BASE * thickness))
    return np.maximum(distances, np.where(thickness > 0, hollow, -volume.band)[:, :, None] - heights)
