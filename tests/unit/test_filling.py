"""Seed points for the empty parts of images."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from scorp_ns.gaussians.filling import CELLS_ACROSS, NUM_GUIDES, fill_views

WIDTH, HEIGHT, FOCAL = 64, 48, 60.0


def cameras_along_x(*xs: float) -> tuple[Tensor, Tensor, Tensor]:
    """Poses, intrinsics and image sizes of cameras that look along -z, side by side."""
    camera_to_worlds = torch.eye(4)[:3].repeat(len(xs), 1, 1)
    camera_to_worlds[:, 0, 3] = torch.tensor(xs)
    K = torch.tensor([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])
    return camera_to_worlds, K.expand(len(xs), 3, 3), torch.tensor([[WIDTH, HEIGHT]]).expand(len(xs), 2)


def some_wall(depth: float, number: int = 5) -> Tensor:
    """Points in the middle of a wall before the camera at the origin."""
    return torch.cat([0.05 * torch.rand(number, 2) + 0.01, torch.full((number, 1), -depth)], dim=1)


def cells_of(points: Tensor, camera_x: float) -> set[tuple[int, int]]:
    x, y, z = (points - torch.tensor([camera_x, 0, 0])).T
    columns, rows = FOCAL * x / -z + WIDTH / 2, HEIGHT / 2 - FOCAL * y / -z
    is_seen = (columns >= 0) & (columns < WIDTH) & (rows >= 0) & (rows < HEIGHT)
    size = WIDTH / CELLS_ACROSS
    return set(zip((columns[is_seen] // size).int().tolist(), (rows[is_seen] // size).int().tolist(), strict=True))


def test_every_cell_of_every_view_has_a_point_on_the_wall():
    points, colors = fill_views(some_wall(3.0), torch.full((5, 3), 200.0), *cameras_along_x(0, 1.3))
    torch.testing.assert_close(points[:, 2], torch.full((len(points),), -3.0))
    all_cells = CELLS_ACROSS * math.ceil(HEIGHT * CELLS_ACROSS / WIDTH)
    assert len(cells_of(points, 0)) == len(cells_of(points, 1.3)) == all_cells
    torch.testing.assert_close(colors, torch.full((len(points), 3), 200.0))


def test_the_captures_own_points_stay_first_and_as_they_are():
    wall, colors = some_wall(2.0), torch.randint(0, 256, (5, 3), dtype=torch.uint8)
    points, filled_colors = fill_views(wall, colors, *cameras_along_x(0))
    torch.testing.assert_close(points[:5], wall)
    assert (
        filled_colors.dtype == torch.uint8 and len(filled_colors) == len(points) and (filled_colors[:5] == colors).all()
    )


def test_new_points_lie_behind_rather_than_before():
    near_and_far = torch.cat([some_wall(1.0, NUM_GUIDES - 1), some_wall(4.0, 1)])
    points, _ = fill_views(near_and_far, torch.zeros(NUM_GUIDES, 3), *cameras_along_x(0))
    assert (points[NUM_GUIDES:, 2] < -3.9).all()


def test_views_without_enough_seed_points_add_nothing():
    behind = some_wall(-3.0)
    points, colors = fill_views(behind, torch.zeros(0, 3), *cameras_along_x(0))
    torch.testing.assert_close(points, behind)
    assert colors.shape == (0, 3)
    filled, colors = fill_views(some_wall(3.0), torch.zeros(0, 3), *cameras_along_x(0))
    assert len(filled) > 5 and colors.shape == (0, 3)
