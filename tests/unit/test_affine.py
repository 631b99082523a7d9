"""Placements compose, invert, and do to points and meshes what their matrix says."""

from __future__ import annotations

import numpy as np
import pytest
import tolerances
import torch
from ball_proxies import ball_mesh
from test_similarity import some_similarity
from test_transform import turn_about

from scorp_ns.gaussians.affine import Affine
from scorp_ns.gaussians.similarity import Similarity


def some_placement(seed: int = 0) -> Affine:
    rotation, axes = turn_about(seed % 3, 0.7 + seed), turn_about((seed + 1) % 3, 1.9 - seed)
    factors = torch.tensor([2.0, 1.6, 2.5], dtype=torch.float64)
    translation = torch.tensor([1.0, -2.0, 0.5 + seed], dtype=torch.float64)
    return Affine(rotation @ axes.T @ torch.diag(factors) @ axes, translation)


def some_points() -> torch.Tensor:
    return torch.randn(50, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def assert_same(one: torch.Tensor, other: torch.Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=0, atol=tolerances.REFERENCE)


def test_composition_does_one_after_the_other():
    first, second, points = some_placement(0), some_placement(1), some_points()
    assert_same((second @ first).apply(points), second.apply(first.apply(points)))


def test_the_inverse_undoes_a_placement():
    placement, points = some_placement(), some_points()
    assert_same(placement.inverse().apply(placement.apply(points)), points)
    assert_same((placement @ placement.inverse()).linear, torch.eye(3, dtype=torch.float64))


def test_rotation_scale_and_factors_are_those_it_is_made_of():
    placement = some_placement()
    assert_same(placement.rotation, turn_about(0, 0.7))
    assert placement.scale == pytest.approx((2.0 * 1.6 * 2.5) ** (1 / 3))
    assert_same(placement.factors, torch.tensor([2.5, 2.0, 1.6], dtype=torch.float64))


def test_a_similarity_is_a_placement_that_does_the_same():
    similarity, points = some_similarity(4), some_points()
    placement = Affine.from_similarity(similarity)
    assert_same(placement.apply(points), similarity.apply(points))
    assert_same(placement.similarity.matrix, similarity.matrix)


def test_a_mirroring_similarity_is_no_placement():
    mirror = Similarity(-torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64), 1.0)
    with pytest.raises(AssertionError):
        Affine.from_similarity(mirror)


def test_a_mesh_is_placed_by_its_vertices():
    mesh, placement = ball_mesh(spacing=0.05), some_placement()
    moved = mesh.moved(placement)
    np.testing.assert_allclose(moved.vertices, placement.apply(torch.from_numpy(mesh.vertices)).numpy())
    outwards = ((moved.sample(500).points - placement.translation.numpy()) * moved.sample(500).normals).sum(axis=1)
    assert (outwards > 0).all()
