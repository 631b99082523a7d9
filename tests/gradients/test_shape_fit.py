"""Derivatives by which shapes are fitted agree with finite differences."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from ball_proxies import ball_mesh
from pose_requests import Trouble, make_case
from tolerances import FINITE_DIFFERENCE

from scorp_ns.gaussians.affine import Affine
from scorp_ns.pose.config import ShapeConfig
from scorp_ns.pose.deformation import Lattice, Warp
from scorp_ns.pose.distance_grid import DistanceGrid
from scorp_ns.pose.shape_evidence import ShapeEvidence, gather_shape_evidence
from scorp_ns.pose.shape_fit import _bent, bend_equations, stretch_equations
from scorp_ns.surfaces.queries import SurfaceQueries

STEP = 1e-7
SOFTNESS = 0.05


@pytest.fixture(scope="module")
def scene() -> tuple[ShapeEvidence, DistanceGrid]:
    case = make_case("mug", seed=4, trouble=Trouble())
    evidence = gather_shape_evidence(case.request, case.T_capture_proxy, 0)
    assert evidence is not None
    return evidence.of(np.arange(2)), DistanceGrid.of(SurfaceQueries(case.mesh), 1 / 32, 4)


def test_slopes_of_distances():
    grid = DistanceGrid.of(SurfaceQueries(ball_mesh()), 1 / 32, 4)
    points = np.random.default_rng(0).uniform(-0.6, 0.6, (200, 3))
    # Points in the thin shell around the grid have the gradient of the nearest point within it.
    points = points[(grid.distances(points) < 0.15)]
    _, slopes = grid.slopes(points)
    for axis in range(3):
        step = STEP * np.eye(3)[axis]
        rise = (grid.distances(points + step) - grid.distances(points - step)) / (2 * STEP)
        assert np.median(np.abs(rise - slopes[:, axis])) < FINITE_DIFFERENCE


def test_a_stretch(scene: tuple[ShapeEvidence, DistanceGrid]):
    # The logarithm of the stretch is taken to first order, which is exact at no stretch at all.
    unknowns = np.concatenate([1.01 * np.eye(3).ravel(), [0.003, -0.002, 0.004, 0.005]])
    assert_gradient(partial(stretch_equations, *scene, ShapeConfig()), unknowns)


def test_a_bend(scene: tuple[ShapeEvidence, DistanceGrid]):
    lattice = Lattice.around(np.full(3, -0.2), np.full(3, 0.2), 0.35)
    random = np.random.default_rng(1)
    unknowns = np.concatenate([0.002 * random.standard_normal(3 * lattice.number), [0.0]])
    start = Warp(Affine(torch.eye(3).double(), torch.tensor([0.002, 0.001, -0.003], dtype=torch.float64)))
    equations = partial(bend_equations, *scene, ShapeConfig(), partial(_bent, start, lattice))
    # How depths change things is only exact where nothing is bent.
    assert_gradient(equations, unknowns, range(0, len(unknowns) - 1, 199))
    assert_gradient(equations, np.zeros(len(unknowns)), range(len(unknowns) - 1, len(unknowns)))


def assert_gradient(equations: partial, unknowns: np.ndarray, chosen: range | None = None) -> None:
    """The right side is minus half of the gradient, by central differences one unknown after the other."""
    _, _, right = equations(unknowns, SOFTNESS)
    assert np.linalg.norm(right) > 1e-3
    for index in chosen or range(len(unknowns)):
        step = STEP * np.eye(len(unknowns))[index]
        rise = (equations(unknowns + step, SOFTNESS)[0] - equations(unknowns - step, SOFTNESS)[0]) / (2 * STEP)
        assert abs(rise + 2 * right[index]) < 2e-4 * np.linalg.norm(right), index
