"""Distilled fields say how far points are from the mesh, on which side, and in which colour."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import trimesh

from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.distillation import distill, with_agreed_signs
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries

SMALL = FieldConfig(base_spacing=1 / 32, num_samples=20_000, distance_resolutions=(64, 128), log2_table_size=15)
"""Quick to fit, and fine enough for smooth shapes."""

SURFACE = 0.005
"""The mean error that a field may have, in diagonals."""

SOLIDS = {
    "sphere": trimesh.creation.icosphere(4),
    "box": trimesh.creation.box((3, 2, 1)),
    "torus": trimesh.creation.torus(2, 0.6),
}


def solid(name: str) -> ColoredMesh:
    """A solid of unit diagonal, whose red grows along x."""
    mesh = SOLIDS[name]
    low, high = mesh.bounds
    vertices = ((mesh.vertices - (low + high) / 2) / np.linalg.norm(high - low)).astype(np.float32)
    colors = np.stack([vertices[:, 0] + 0.5, np.full(len(vertices), 0.2), np.full(len(vertices), 0.9)], axis=1)
    return ColoredMesh(vertices, np.asarray(mesh.faces, np.int64), colors.astype(np.float32))


@cache
def field_of(name: str) -> ProxyField:
    return distill(solid(name), SMALL)


@pytest.mark.parametrize("name", SOLIDS)
def test_distances_are_those_of_the_mesh_inside_and_outside(name: str):
    points = np.random.default_rng(5).uniform(-0.5, 0.5, (4000, 3)).astype(np.float32)
    expected = torch.from_numpy(SurfaceQueries(solid(name)).signed_distances(points))
    low, high = field_of(name).bounds
    in_box = ((torch.from_numpy(points) > low) & (torch.from_numpy(points) < high)).all(dim=1)
    error = (field_of(name).sdf(torch.from_numpy(points)) - expected).abs().detach()
    assert (expected < 0).any() and (expected > 0).any()
    assert error[in_box].mean() < SURFACE / 2
    assert error[in_box & (expected.abs() < 0.01)].max() < 2 * SURFACE
    # Far from the surface the dense grid is interpolated, which errs most where two sides are equally near.
    assert error[in_box].max() < SMALL.base_spacing


@pytest.mark.parametrize("name", SOLIDS)
def test_the_zero_set_lies_on_the_mesh(name: str):
    points = torch.from_numpy(solid(name).sample(5000, seed=9).points.astype(np.float32))
    assert field_of(name).sdf(points).abs().mean() < SURFACE / 5


@pytest.mark.parametrize("name", ["sphere", "torus"])
def test_distance_grows_along_the_normal(name: str):
    samples = solid(name).sample(2000, seed=9)
    points = torch.from_numpy(samples.points.astype(np.float32)).requires_grad_()
    (gradient,) = torch.autograd.grad(field_of(name).sdf(points).sum(), points)
    along = (gradient * torch.from_numpy(samples.normals)).sum(dim=1)
    assert along.mean() == pytest.approx(1, abs=0.05)
    assert (along > 0.5).float().mean() > 0.99


@pytest.mark.parametrize("name", SOLIDS)
def test_colors_are_those_of_the_mesh(name: str):
    samples = solid(name).sample(5000, seed=9)
    colors = field_of(name).color(torch.from_numpy(samples.points.astype(np.float32)))
    assert (colors - torch.from_numpy(samples.colors)).abs().mean() < 3 / 255


def test_far_points_are_far_and_have_colors():
    directions = torch.nn.functional.normalize(torch.randn(200, 3, generator=torch.Generator().manual_seed(1)), dim=1)
    near, far = (field_of("sphere").sdf(length * directions).detach() for length in (10.0, 1e4))
    radius = 1 / 12**0.5
    assert torch.all(near >= 10 - radius - 0.01) and torch.all(near < 1.1 * (10 - radius))
    assert torch.all(far >= 0.999e4) and torch.all(far < 1.01e4)
    colors = field_of("sphere").color(1e4 * directions)
    assert torch.all((colors >= 0) & (colors <= 1))


def test_distance_has_no_jump_at_the_border_of_the_box():
    _, high = field_of("box").bounds
    steps = torch.linspace(-1e-4, 1e-4, 21)[:, None] * torch.tensor([1.0, 1.0, 0.0])
    distances = field_of("box").sdf(high + steps).detach()
    assert distances.diff().abs().max() < 1e-4


def test_equal_seeds_give_equal_fields():
    first, second, other = (distill(solid("box"), SMALL, seed=seed).state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_distilling_leaves_the_random_numbers_of_others_alone():
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    distill(solid("box"), SMALL)
    assert torch.equal(torch.rand(3), expected)


def test_a_state_rebuilds_the_field_exactly():
    field = field_of("torus")
    again = ProxyField.from_state({name: value.clone() for name, value in field.state_dict().items()}, SMALL)
    points = torch.rand(1000, 3, generator=torch.Generator().manual_seed(2)) * 2 - 1
    assert torch.equal(field.sdf(points), again.sdf(points))
    assert torch.equal(field.color(points), again.color(points))


def test_points_on_the_wrong_side_are_outvoted():
    axis = np.linspace(-1, 1, 21)
    radii = np.linalg.norm(np.stack(np.meshgrid(axis, axis, axis)), axis=0)
    right = (radii - 0.55).astype(np.float32)
    wrong = right.copy()
    wrong[2, 3, 4:9] *= -1
    wrong[10, 10, 10] *= -1
    np.testing.assert_array_equal(with_agreed_signs(wrong, 0.1), right)


def test_progress_is_told_to_the_end():
    shares: list[float] = []
    distill(solid("box"), SMALL, lambda share, _: shares.append(share))
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1


@pytest.mark.parametrize(
    ("name", "value"), [("base_spacing", float("nan")), ("gaussians_per_area", 0.0), ("color_resolutions", (64, 32))]
)
def test_settings_out_of_bounds_are_refused(name: str, value: object):
    with pytest.raises(ValueError, match=rf"proxy\.{name} is .*; it must be"):
        FieldConfig(**{name: value})
