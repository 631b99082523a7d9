"""Placements compose, invert, and do to points, meshes and Gaussians what their matrix says."""

from __future__ import annotations

import numpy as np
import pytest
import tolerances
import torch
from ball_proxies import ball_mesh
from oracles.dense_projection import covariances, harmonics
from test_similarity import some_similarity
from test_transform import some_directions, some_gaussians, turn_about

from scorp_ns.gaussians.affine import Affine, place_gaussians
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.transform import transform_gaussians


def some_placement(seed: int = 0) -> Affine:
    rotation, axes = turn_about(seed % 3, 0.7 + seed), turn_about((seed + 1) % 3, 1.9 - seed)
    return Affine.from_parts(
        rotation=rotation,
        translation=torch.tensor([1.0, -2.0, 0.5 + seed], dtype=torch.float64),
        factors=torch.tensor([2.0, 1.6, 2.5], dtype=torch.float64),
        axes=axes,
    )


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
    similarity, points, gaussians = some_similarity(4), some_points(), some_gaussians()
    placement = Affine.from_similarity(similarity)
    assert_same(placement.apply(points), similarity.apply(points))
    assert_same(placement.similarity.matrix, similarity.matrix)
    one, other = place_gaussians(gaussians, placement), transform_gaussians(gaussians, similarity)
    assert_same(one.means, other.means)
    assert_same(covariances(one.quats, one.scales), covariances(other.quats, other.scales))
    assert_same(one.harmonics, other.harmonics)


def test_a_mirroring_similarity_is_no_placement():
    mirror = Similarity(-torch.eye(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64), 1.0)
    with pytest.raises(AssertionError):
        Affine.from_similarity(mirror)


def test_gaussians_keep_their_share_of_the_stretched_space():
    placement, gaussians = some_placement(), some_gaussians()
    placed = place_gaussians(gaussians, placement)
    expected = placement.linear @ covariances(gaussians.quats, gaussians.scales) @ placement.linear.T
    assert_same(covariances(placed.quats, placed.scales), expected)
    assert_same(placed.means, placement.apply(gaussians.means))
    assert torch.equal(placed.opacities, gaussians.opacities)


def test_colours_turn_with_the_rotation():
    placement, gaussians, directions = some_placement(), some_gaussians(), some_directions()
    placed = place_gaussians(gaussians, placement)
    before = torch.einsum("dk,nkc->ndc", harmonics(directions, 3), gaussians.harmonics)
    after = torch.einsum("dk,nkc->ndc", harmonics(directions @ placement.rotation.T, 3), placed.harmonics)
    assert_same(after, before)


def test_a_mesh_is_placed_by_its_vertices():
    mesh, placement = ball_mesh(spacing=0.05), some_placement()
    moved = mesh.moved(placement)
    np.testing.assert_allclose(moved.vertices, placement.apply(torch.from_numpy(mesh.vertices)).numpy())
    outwards = ((moved.sample(500).points - placement.translation.numpy()) * moved.sample(500).normals).sum(axis=1)
    assert (outwards > 0).all()
