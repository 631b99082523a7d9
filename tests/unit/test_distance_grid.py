"""Distances on a grid are those to the surface where it matters, and do not swell what is fitted by them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pose_requests import Trouble, make_case
from solid_shapes import thing_mesh

from scorp_ns.pose.config import ShapeConfig
from scorp_ns.pose.distance_grid import DistanceGrid
from scorp_ns.pose.shape_evidence import gather_shape_evidence
from scorp_ns.pose.shape_fit import fit_stretch
from scorp_ns.pose.shape_step import MARGIN, SPACING
from scorp_ns.surfaces.queries import SurfaceQueries


@pytest.mark.parametrize("thing", ["mug", "chair"])
def test_distances_near_thin_and_bulging_surfaces_are_not_too_large(thing: str):
    mesh = thing_mesh(thing)
    queries = SurfaceQueries(mesh)
    grid = DistanceGrid.of(queries, SPACING, MARGIN)
    random = np.random.default_rng(0)
    points = (mesh.sample(4000, 0).points + 0.01 * random.normal(size=(4000, 3))).astype(np.float32)
    errors = grid.distances(points.astype(np.float64)) - queries.signed_distances(points)
    assert abs(errors.mean()) < 3e-4
    assert np.abs(errors).max() < SPACING


def test_distances_far_from_the_surface_are_near_enough():
    mesh = thing_mesh("duck")
    queries = SurfaceQueries(mesh)
    grid = DistanceGrid.of(queries, SPACING, MARGIN)
    low, high = (corner - MARGIN * SPACING for corner in (mesh.bounds[0], mesh.bounds[1] + 2 * MARGIN * SPACING))
    points = np.random.default_rng(0).uniform(low, high, (4000, 3)).astype(np.float32)
    errors = grid.distances(points.astype(np.float64)) - queries.signed_distances(points)
    assert np.abs(errors).max() < 4 * SPACING


@pytest.mark.parametrize("thing", ["mug", "car"])
def test_a_right_shape_does_not_swell(thing: str):
    case = make_case(thing, seed=2, num_sights=8, trouble=Trouble())
    evidence = gather_shape_evidence(case.request, case.T_capture_proxy, 0)
    assert evidence is not None
    queries = SurfaceQueries(case.mesh)
    on_surface = queries.nearest(evidence.points.astype(np.float32)).points.astype(np.float64)
    evidence, free = replace(evidence, points=on_surface), ShapeConfig(typical_stretch=1.0)
    fit = fit_stretch(evidence, DistanceGrid.of(queries, SPACING, MARGIN), free)
    assert fit.warp.stretch.scale == pytest.approx(1, abs=0.003)
