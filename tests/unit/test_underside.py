"""The underside of a completed object leaves its support but for a rim, and no more than it can spare."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import Float

from scorp_ns.generate.symmetry.shrink_unseen import HOLLOW, MOST_OF_BASE, RIM, hollow_underside
from scorp_ns.generate.symmetry.visual_hull import FusedVolume
from scorp_ns.surfaces.marching import Grid

DIAGONAL = 1.0
SPACING = 0.004


def slab(thickness: float, floor: float = 0.0) -> tuple[Float[np.ndarray, "x y z"], FusedVolume]:
    """Distances to a square slab that stands on the floor, and the space around it."""
    grid = Grid.around(np.array([-0.15, -0.15, floor]), np.array([0.15, 0.15, floor + 0.1]), SPACING, 3)
    x, y, z = grid.points.reshape(*grid.shape, 3).transpose(3, 0, 1, 2)
    distances = np.maximum(np.maximum(abs(x), abs(y)) - 0.15, np.maximum(floor - z, z - floor - thickness))
    nothing = np.zeros(grid.shape)
    return distances, FusedVolume(grid, band=0.04, visual_hull=distances, tsdf=nothing, weight=nothing, floor=floor)


def underside(distances: Float[np.ndarray, "x y z"], volume: FusedVolume) -> Float[np.ndarray, "x y"]:
    """How high above the floor the object begins over each place, between the grid's points; inf where it does not."""
    heights = volume.grid.origin[2] + volume.grid.spacing * np.arange(volume.grid.shape[2]) - volume.floor
    first = (distances < 0).argmax(axis=2)
    rows, columns = np.indices(first.shape)
    inner, outer = distances[rows, columns, first], distances[rows, columns, first - 1]
    starts = heights[first] - SPACING * inner / (inner - outer)
    return np.where((distances < 0).any(axis=2), starts, np.inf)


@pytest.mark.parametrize("floor", [0.0, -0.37])
def test_the_middle_of_an_underside_is_off_the_support_and_its_rim_is_on_it(floor: float):
    distances, volume = slab(thickness=0.09, floor=floor)
    found = underside(hollow_underside(distances, volume, DIAGONAL), volume)
    middle = len(found) // 2
    assert found[middle, middle] == pytest.approx(HOLLOW * DIAGONAL, abs=SPACING / 2)
    row = found[:, middle][np.isfinite(found[:, middle])]
    assert (row[: int(RIM * DIAGONAL / SPACING)] < SPACING / 2).all()


def test_what_is_thin_stays_whole():
    distances, volume = slab(thickness=0.012)
    hollowed = hollow_underside(distances, volume, DIAGONAL)
    found = underside(hollowed, volume)
    assert (np.isfinite(found) == np.isfinite(underside(distances, volume))).all()
    assert found[np.isfinite(found)].max() < MOST_OF_BASE * 0.012 + SPACING / 2


def test_what_hangs_in_the_air_is_left_alone():
    distances, volume = slab(thickness=0.09)
    lifted = np.roll(distances, 3, axis=2)
    lifted[:, :, :3] = 0.04
    assert np.array_equal(hollow_underside(lifted, volume, DIAGONAL), lifted)
