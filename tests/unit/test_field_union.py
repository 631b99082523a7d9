"""Unions of placed fields answer in the world's frame and units, from the nearest field."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import Float
from test_affine import some_placement
from test_field_distillation import field_of, solid
from test_similarity import some_similarity
from torch import Tensor

from scorp_ns.errors import OutputError
from scorp_ns.fields.union import FieldUnion
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.surfaces.queries import SurfaceQueries


def placed_at(x: float, scale: float = 1.0) -> Similarity:
    return Similarity(torch.eye(3, dtype=torch.float64), torch.tensor([x, 0.0, 0.0], dtype=torch.float64), scale)


def some_points(n: int = 2000, spread: float = 2.0) -> Float[Tensor, "n 3"]:
    return spread * (2 * torch.rand(n, 3, generator=torch.Generator().manual_seed(7)) - 1)


def test_distances_scale_with_the_placement():
    T_world_proxy = some_similarity(3)
    points = some_points(spread=0.6)
    found = FieldUnion([(field_of("torus"), T_world_proxy)]).sdf(T_world_proxy.apply(points))
    torch.testing.assert_close(found, T_world_proxy.scale * field_of("torus").sdf(points), rtol=1e-4, atol=1e-5)


def test_a_stretched_field_encloses_what_it_is_stretched_to_and_never_overstates_a_distance():
    placement = some_placement(2)
    points = placement.apply(some_points(spread=0.6))
    found = FieldUnion([(field_of("torus"), placement)]).sdf(points)
    inside = field_of("torus").sdf(placement.inverse().apply(points))
    assert torch.equal(found < 0, inside < 0) and (found < 0).any()
    stretched = solid("torus").moved(placement)
    true = torch.from_numpy(SurfaceQueries(stretched).signed_distances(points.numpy()))
    outside = true > 0
    assert (found[outside] <= true[outside] + 0.02 * placement.scale).all()


def test_the_union_is_the_least_of_its_fields():
    placements = [("torus", placed_at(-0.4)), ("box", placed_at(0.5, 1.5)), ("sphere", placed_at(1.7, 0.5))]
    points = some_points()
    union = FieldUnion([(field_of(name), pose) for name, pose in placements])
    each = [FieldUnion([(field_of(name), pose)]).sdf(points) for name, pose in placements]
    least, nearest = torch.stack(each).min(dim=0)
    torch.testing.assert_close(union.sdf(points), least)
    assert set(nearest.tolist()) == {0, 1, 2}


def test_colors_are_those_of_the_nearest_field():
    union = FieldUnion([(field_of("box"), placed_at(-1)), (field_of("sphere"), placed_at(1))])
    offsets = some_points(100, spread=0.2)
    place = torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(union.color(offsets - place), field_of("box").color(offsets), atol=1e-4, rtol=0)
    torch.testing.assert_close(union.color(offsets + place), field_of("sphere").color(offsets), atol=1e-4, rtol=0)


def test_the_exporter_finds_distances_in_the_first_column():
    union = FieldUnion([(field_of("box"), placed_at(0))])
    points = some_points(60).reshape(3, 20, 3)
    found = union.forward_geonetwork(points)
    assert torch.equal(found[..., 0].reshape(-1), union.sdf(points.reshape(-1, 3)))


def test_distance_is_differentiable_in_the_world():
    union = FieldUnion([(field_of("sphere"), placed_at(-1, 2.0)), (field_of("sphere"), placed_at(1, 0.5))])
    points = some_points(200).requires_grad_()
    (gradient,) = torch.autograd.grad(union.sdf(points).sum(), points)
    assert gradient.isfinite().all()
    assert gradient.norm(dim=1).median() == pytest.approx(1, abs=0.1)


def test_an_empty_union_says_what_to_do():
    with pytest.raises(OutputError, match="No proxy is placed"):
        FieldUnion([]).forward_geonetwork(some_points(10))
