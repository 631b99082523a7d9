"""Surfaces far from all seen points are moved inwards, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import Float

from scorp_ns.generate.symmetry.shrink_unseen import CLOSE, EXCESS, MOST, MOST_OF_DEPTH, shrink_unseen
from scorp_ns.generate.symmetry.visual_hull import FusedVolume
from scorp_ns.surfaces.marching import Grid

DIAGONAL = 1.0
SPACING = 0.01
TOP = 0.4
HALF = 0.15


def block(floor: float = 0.0, half: float = HALF) -> tuple[Float[np.ndarray, "x y z"], FusedVolume]:
    """Distances to an upright block that stands on the floor, and the space around it; x is its narrow side."""
    low, high = np.array([-HALF, -HALF, floor]), np.array([HALF, HALF, floor + TOP])
    grid = Grid.around(low, high, SPACING, 3)
    x, y, z = grid.points.reshape(*grid.shape, 3).transpose(3, 0, 1, 2)
    distances = np.maximum(np.maximum(abs(x) - half, abs(y) - HALF), np.maximum(floor - z, z - floor - TOP))
    nothing = np.zeros(grid.shape)
    return distances, FusedVolume(grid, band=0.04, visual_hull=distances, tsdf=nothing, weight=nothing, floor=floor)


def side(y: float, floor: float) -> Float[np.ndarray, "n 3"]:
    """Points all over one of its wide sides."""
    x, z = np.meshgrid(np.linspace(-HALF, HALF, 61), np.linspace(floor, floor + TOP, 81))
    return np.stack([x.ravel(), np.full(x.size, y), z.ravel()], axis=1)


def shift(known: Float[np.ndarray, "n 3"], at: tuple[float, float, float], floor: float = 0.0, half: float = HALF):
    """By how much the surface at a place moves inwards."""
    distances, volume = block(floor, half)
    moved = shrink_unseen(distances, known, volume, DIAGONAL) - distances
    return float(volume.at(moved, np.array([at]), np.nan)[0])


@pytest.mark.parametrize("floor", [0.0, -0.37])
@pytest.mark.parametrize("away", [0.03, 0.05, 0.08])
def test_a_surface_shrinks_the_more_the_further_it_is_from_seen_points(away: float, floor: float):
    found = shift(side(-HALF, floor), (HALF, away - HALF, floor + TOP / 2), floor)
    assert found == pytest.approx(EXCESS * (away - CLOSE * DIAGONAL), abs=EXCESS * SPACING)


def test_what_was_seen_stays_where_it_is():
    distances, volume = block()
    known = side(-HALF, 0.0)
    moved = shrink_unseen(distances, known, volume, DIAGONAL) - distances
    assert np.abs(volume.at(moved, known, np.nan)).max() < EXCESS * SPACING


def test_nothing_shrinks_further_than_was_measured():
    assert shift(side(-HALF, 0.0), (0.0, HALF, TOP / 2)) == pytest.approx(MOST * DIAGONAL)


def test_what_stands_on_something_keeps_its_foot():
    distances, volume = block()
    moved = shrink_unseen(distances, side(-HALF, 0.0), volume, DIAGONAL) - distances
    heights = volume.grid.points[:, 2].reshape(volume.grid.shape)
    assert np.abs(moved[heights < (CLOSE + SPACING / 100) * DIAGONAL]).max() < EXCESS * SPACING / 10


def test_what_is_thin_stays():
    half = 0.02
    distances, volume = block(half=half)
    drawn = shrink_unseen(distances, side(-HALF, 0.0), volume, DIAGONAL)
    assert (drawn[distances <= -half + SPACING / 2] < 0).all()
    assert shift(side(-HALF, 0.0), (half, HALF / 2, TOP / 2), half=half) == pytest.approx(MOST_OF_DEPTH * half)


def test_an_unseen_object_is_left_alone():
    distances, volume = block()
    assert np.array_equal(shrink_unseen(distances, np.zeros((0, 3)), volume, DIAGONAL), distances)
