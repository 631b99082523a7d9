"""Rays lead back to the camera that casts them."""

from __future__ import annotations

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from random_cameras import random_camera_to_worlds

from scorp_ns.data.datamanager import _ray_image
from scorp_ns.host.ray_grids import normals_from_points, ray_grid


@pytest.fixture
def cameras() -> Cameras:
    torch.manual_seed(2)
    return Cameras(random_camera_to_worlds(2), fx=90.0, fy=80.0, cx=31.0, cy=22.0, width=64, height=48)


def grid_of(rays):
    return ray_grid(rays.origins, rays.directions, rays.metadata["directions_norm"], rays.pixel_area)


def test_all_rays_of_an_image_give_its_camera_back(cameras: Cameras):
    grid = grid_of(cameras.generate_rays(camera_indices=1))
    assert (grid.width, grid.height, grid.stride) == (64, 48, 1)
    torch.testing.assert_close(grid.K, cameras.get_intrinsics_matrices()[1], rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(grid.T_world_opengl, cameras.camera_to_worlds[1], rtol=1e-4, atol=1e-4)


def test_a_sparse_grid_of_rays_gives_the_full_resolution_and_its_stride(cameras: Cameras):
    torch.manual_seed(0)
    rays = _ray_image(cameras[0:1], num_rays=64 * 48 // 9)
    grid = grid_of(rays)
    assert grid.stride == 3
    assert grid.K[0, 0].item() == pytest.approx(90, rel=1e-3)
    picked = grid.pick(torch.zeros(grid.height, grid.width, 1))
    assert picked.shape[:2] == rays.origins.shape[:2]


def test_scattered_rays_are_not_taken_for_an_image(cameras: Cameras):
    rays = cameras.generate_rays(camera_indices=0)
    shuffled = rays.flatten()[torch.randperm(64 * 48)].reshape((48, 64))
    assert grid_of(shuffled) is None
    assert grid_of(rays.flatten()[:1]) is None


def test_normals_of_a_plane_face_the_viewer(cameras: Cameras):
    rays = cameras.generate_rays(camera_indices=0)
    plane_normal = -rays.directions[24, 32]
    depth = (rays.directions @ plane_normal).reciprocal()[..., None] * -2.0
    normals = normals_from_points(rays.origins + rays.directions * depth, rays.directions)
    torch.testing.assert_close(normals, plane_normal.expand_as(normals), atol=1e-3, rtol=0)
