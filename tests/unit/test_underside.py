"""The underside of a completed object leaves its support but for a rim, and no more than it can spare."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import Float

from scorp_ns.generate.symmetry.standing import HOLLOW, MOST_OF_BASE, RIM, hollow_underside
from scorp_ns.generate.symmetry.visual_hull import Space
from scorp_ns.surfaces.marching import Grid

DIAGONAL = 1.0
SPACING = 0.004


def slab(thickness: float, floor: float = 0.0) -> tuple[Float[np.ndarray, "x y z"], Space]:
    """Distances to a square slab that stands on the floor, and the space around it."""
    grid = Grid.around(np.array([-0.15, -0.15, floor]), np.array([0.15, 0.15, floor + 0.1]), SPACING, 3)
    x, y, z = grid.points.reshape(*grid.shape, 3).transpose(3, 0, 1, 2)
    distances = np.maximum(np.maximum(abs(x), abs(y)) - 0.15, np.maximum(floor - z, z - floor - thickness))
    nothing = np.zeros(grid.shape)
    return distances, Space(grid, band=0.04, hull=distances, surface=nothing, weight=nothing, floor=floor)


def underside(distances: Float[np.ndarray, "x y z"], space: Space) -> Float[np.ndarray, "x y"]:
    """How high above the floor the object begins over each place, between the grid's points; inf where it does not."""
    heights = space.grid.origin[2] + space.grid.spacing * np.arange(space.grid.shape[2]) - space.floor
    first = (distances < 0).argmax(axis=2)
    rows, columns = np.indices(first.shape)
    inner, outer = distances[rows, columns, first], distances[rows, columns, first - 1]
    starts = heights[first] - SPACING * inner / (inner - outer)
    return np.where((distances < 0).any(axis=2), starts, np.inf)


@pytest.mark.parametrize("floor", [0.0, -0.37])
def test_the_middle_of_an_underside_is_off_the_support_and_its_rim_is_on_it(floor: float):
    distances, space = slab(thickness=0.09, floor=floor)
    found = underside(hollow_underside(distances, space, DIAGONAL), space)
    middle = len(found) // 2
    assert found[middle, middle] == pytest.approx(HOLLOW * DIAGONAL, abs=SPACING / 2)
    row = found[:, middle][np.isfinite(found[:, middle])]
    assert (row[: int(RIM * DIAGONAL / SPACING)] < SPACING / 2).all()


def test_what_is_thin_stays_whole():
    distances, space = slab(thickness=0.012)
    hollowed = hollow_underside(distances, space, DIAGONAL)
    found = underside(hollowed, space)
    assert (np.isfinite(found) == np.isfinite(underside(distances, space))).all()
    assert found[np.isfinite(found)].max() < MOST_OF_BASE * 0.012 + SPACING / 2


def test_what_hangs_in_the_air_is_left_alone():
    distances, space = slab(thickness=0.09)
    lifted = np.roll(distances, 3, axis=2)
    lifted[:, :, :3] = 0.04
    assert np.array_equal(hollow_underside(lifted, space, DIAGONAL), lifted)
