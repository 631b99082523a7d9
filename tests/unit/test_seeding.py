"""The Gaussians a scene starts from."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from scorp_ns.errors import CaptureError
from scorp_ns.gaussians.seeding import (
    LONE_RADIUS,
    SH_C0,
    SMALLEST_RADIUS_SHARE,
    random_points,
    random_quaternions,
    seed_gaussians,
)


def grid_points(side: int, spacing: float) -> Tensor:
    axis = torch.arange(side) * spacing
    return torch.cartesian_prod(axis, axis, axis)


def radii(points: Tensor) -> Tensor:
    return seed_gaussians(points, None, sh_degree=0)["scales"].exp()[:, 0]


def test_gaussians_have_splatfactos_names_and_shapes() -> None:
    gaussians = seed_gaussians(torch.rand(20, 3), torch.randint(0, 256, (20, 3), dtype=torch.uint8), sh_degree=3)
    shapes = {name: tuple(value.shape) for name, value in gaussians.items()}
    assert shapes == {
        "means": (20, 3),
        "scales": (20, 3),
        "quats": (20, 4),
        "features_dc": (20, 3),
        "features_rest": (20, 15, 3),
        "opacities": (20, 1),
    }
    assert all(value.dtype == torch.float32 for value in gaussians.values())
    torch.testing.assert_close(torch.sigmoid(gaussians["opacities"]), torch.full((20, 1), 0.1))


def test_means_are_a_copy_of_the_points() -> None:
    points = torch.rand(5, 3)
    means = seed_gaussians(points, None, sh_degree=0)["means"]
    means += 1
    assert (points < 1).all()


def test_scale_is_the_mean_distance_to_three_neighbours() -> None:
    points = torch.rand(200, 3)
    distances = torch.cdist(points.double(), points.double()).sort(dim=1).values[:, 1:4]
    expected = distances.mean(dim=1)
    is_ordinary = expected < expected.quantile(0.98)
    torch.testing.assert_close(radii(points)[is_ordinary], expected[is_ordinary].float())


def test_copies_of_points_do_not_shrink_them() -> None:
    points = grid_points(4, spacing=0.5)
    torch.testing.assert_close(radii(points.repeat(5, 1)), torch.full((5 * 64,), 0.5))


def test_near_copies_stay_visible() -> None:
    points = torch.cat([grid_points(4, spacing=0.5), torch.full((4, 3), 9.0) + 1e-6 * torch.eye(4)[:, :3]])
    assert radii(points).min() >= 0.999 * SMALLEST_RADIUS_SHARE * 0.5


@pytest.mark.parametrize("num_ordinary", [4, 64])
def test_far_outlier_does_not_become_a_giant(num_ordinary: int) -> None:
    points = torch.cat([grid_points(4, spacing=0.5)[:num_ordinary], torch.tensor([[1e4, 0.0, 0.0]])])
    assert radii(points).max() < 2.0


@pytest.mark.parametrize("num_points", [1, 2, 3])
def test_a_handful_of_points_has_finite_scales(num_points: int) -> None:
    points = torch.eye(3)[:num_points]
    expected = LONE_RADIUS if num_points == 1 else math.sqrt(2)
    torch.testing.assert_close(radii(points), torch.full((num_points,), expected))


def test_points_all_at_one_place_have_finite_scales() -> None:
    torch.testing.assert_close(radii(torch.zeros(10, 3)), torch.full((10,), LONE_RADIUS))


def test_colours_survive_the_round_trip_through_spherical_harmonics() -> None:
    colors = torch.randint(0, 256, (30, 3), dtype=torch.uint8)
    features = seed_gaussians(torch.rand(30, 3), colors, sh_degree=2)["features_dc"]
    torch.testing.assert_close(255 * (0.5 + SH_C0 * features), colors.float(), atol=1e-3, rtol=0)


def test_colours_survive_the_round_trip_through_logits_within_half_a_level() -> None:
    colors = torch.tensor([[0, 128, 255]], dtype=torch.uint8)
    features = seed_gaussians(torch.rand(1, 3), colors, sh_degree=0)["features_dc"]
    torch.testing.assert_close(255 * torch.sigmoid(features), colors.float(), atol=0.51, rtol=0)
    assert features.abs().max() < 7


@pytest.mark.parametrize("colors", [None, torch.zeros(0, 3)])
def test_points_without_colours_are_grey(colors: Tensor | None) -> None:
    features = seed_gaussians(torch.rand(5, 3), colors, sh_degree=1)["features_dc"]
    torch.testing.assert_close(features, torch.zeros(5, 3))


def test_rotations_are_uniform() -> None:
    quats = random_quaternions(20_000, torch.Generator().manual_seed(0))
    torch.testing.assert_close(quats.norm(dim=1), torch.ones(20_000))
    torch.testing.assert_close(quats.T @ quats / 20_000, torch.eye(4) / 4, atol=0.01, rtol=0)


def test_the_same_seed_gives_the_same_gaussians() -> None:
    points = torch.rand(10, 3)
    torch.manual_seed(3)
    first = seed_gaussians(points, None, sh_degree=1)
    torch.manual_seed(3)
    second = seed_gaussians(points, None, sh_degree=1)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("points", [torch.zeros(0, 3), torch.tensor([[0.0, 0.0, math.nan]])])
def test_unusable_points_are_refused_in_words(points: Tensor) -> None:
    with pytest.raises(CaptureError):
        seed_gaussians(points, None, sh_degree=0)


def look_at(origin: Tensor, target: Tensor) -> Tensor:
    """The OpenGL camera-to-world matrix at `origin` that looks at `target`, z up."""
    back = torch.nn.functional.normalize(origin - target, dim=0)
    right = torch.nn.functional.normalize(torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0]), back), dim=0)
    return torch.stack([right, torch.linalg.cross(back, right), back, origin], dim=1)


def ring(radius: float, center: Tensor, inward: bool = True) -> Tensor:
    """Twelve cameras on a circle that look at its centre, or away from it."""
    angles = torch.arange(12) * (2 * math.pi / 12)
    offsets = radius * torch.stack([angles.cos(), angles.sin(), torch.full_like(angles, 0.3)], dim=1)
    return torch.stack([look_at(center + o, center if inward else center + 2 * o) for o in offsets])


def depths_in_any_view(points: Tensor, cameras: Tensor, tan_half_fov: float = 0.5) -> Tensor:
    """Each point's depth in each camera; NaN where it is not in view."""
    local = torch.einsum("cji,ncj->nci", cameras[:, :, :3], points[:, None] - cameras[:, :, 3])
    depth = -local[..., 2]
    is_seen = (depth > 0) & (local[..., :2].abs() <= 1.001 * tan_half_fov * depth[..., None]).all(dim=-1)
    return torch.where(is_seen, depth, torch.nan)


@pytest.mark.parametrize("center", [torch.zeros(3), torch.tensor([40.0, -7.0, 3.0])])
def test_random_points_are_densest_where_the_cameras_look_together(center: Tensor) -> None:
    points = random_points(ring(2.0, center), 20_000, torch.Generator().manual_seed(0))
    distance = (points - center).norm(dim=1)
    num_inner, num_outer = (distance < 1.5).sum(), ((distance > 4.5) & (distance < 6)).sum()
    inner_density, outer_density = num_inner / 1.5**3, num_outer / (6**3 - 4.5**3)
    assert num_inner > 0.03 * len(points)
    assert inner_density > 4 * outer_density


def forward_facing() -> Tensor:
    origins = torch.cartesian_prod(torch.linspace(-0.5, 0.5, 4), torch.zeros(1), torch.linspace(-0.3, 0.3, 3))
    return torch.stack([look_at(origin, origin + torch.tensor([0.0, 1.0, 0.0])) for origin in origins])


@pytest.mark.parametrize(
    "cameras",
    [ring(1.0, torch.zeros(3)), ring(0.5, torch.zeros(3), inward=False), forward_facing(), forward_facing()[:1]],
    ids=["inward ring", "outward ring", "forward-facing", "single camera"],
)
def test_every_random_point_is_seen(cameras: Tensor) -> None:
    points = random_points(cameras, 2000, torch.Generator().manual_seed(0))
    depths = depths_in_any_view(points, cameras)
    assert (~depths.isnan()).any(dim=1).all()


@pytest.mark.parametrize("cameras", [forward_facing(), ring(0.5, torch.zeros(3), inward=False)])
def test_random_points_cover_all_depths_where_axes_do_not_meet(cameras: Tensor) -> None:
    points = random_points(cameras, 2000, torch.Generator().manual_seed(0))
    nearest_view = depths_in_any_view(points, cameras).nan_to_num(math.inf).min(dim=1).values
    shares = [((nearest_view > low) & (nearest_view < 3 * low)).float().mean() for low in (0.1, 0.3, 1.0, 3.0)]
    assert min(shares) > 0.1


def test_the_same_seed_gives_the_same_random_points() -> None:
    cameras = forward_facing()
    torch.manual_seed(5)
    first = random_points(cameras, 100)
    torch.manual_seed(5)
    assert torch.equal(first, random_points(cameras, 100))
