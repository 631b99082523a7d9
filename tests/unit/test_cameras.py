"""nerfstudio's cameras and ours see the same points at the same pixels."""

from __future__ import annotations

import torch
from nerfstudio.cameras.cameras import Cameras
from random_cameras import random_camera_to_worlds

from scorp_ns.cameras import downscaled_view, viewmats_from_camera_to_worlds


def test_points_on_a_ray_project_to_its_pixel():
    torch.manual_seed(0)
    camera_to_worlds = random_camera_to_worlds(4)
    cameras = Cameras(camera_to_worlds, fx=50.0, fy=60.0, cx=20.0, cy=15.0, width=40, height=30)
    viewmats = viewmats_from_camera_to_worlds(camera_to_worlds)
    for index in range(4):
        rays = cameras.generate_rays(camera_indices=index)
        points = (rays.origins + 3.0 * rays.directions)[7, 11]
        in_camera = viewmats[index, :3, :3] @ points + viewmats[index, :3, 3]
        pixel = cameras.get_intrinsics_matrices()[index] @ (in_camera / in_camera[2])
        assert in_camera[2] > 0
        torch.testing.assert_close(pixel[:2], torch.tensor([11.5, 7.5]), rtol=1e-4, atol=1e-4)


def test_world_to_camera_inverts_camera_to_world():
    torch.manual_seed(1)
    camera_to_worlds = random_camera_to_worlds(3)
    viewmats = viewmats_from_camera_to_worlds(camera_to_worlds)
    centres = torch.einsum("bij,bj->bi", viewmats[:, :3, :3], camera_to_worlds[:, :, 3]) + viewmats[:, :3, 3]
    torch.testing.assert_close(centres, torch.zeros(3, 3), atol=1e-5, rtol=0)


def test_downscaling_keeps_the_field_of_view():
    K = torch.tensor([[[100.0, 0, 50], [0, 110, 40], [0, 0, 1]]])
    smaller, width, height = downscaled_view(K, 101, 80, 2)
    assert (width, height) == (50, 40)
    torch.testing.assert_close(smaller[0, 0], torch.tensor([50.0, 0, 25]))
    assert smaller[0, 2, 2] == 1
