"""nerfstudio's cameras, the renderer's and ours see the same points at the same pixels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from random_cameras import random_camera_to_worlds

from scorp_ns.cameras import Camera, viewmat_at, viewmats_from_camera_to_worlds
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.render import render

ROTATION = torch.linalg.matrix_exp(torch.tensor([[0, -0.4, 0.3], [0.4, 0, -0.2], [-0.3, 0.2, 0]], dtype=torch.float64))
K = torch.tensor([[50.0, 0, 20.3], [0, 60, 15.8], [0, 0, 1]], dtype=torch.float64)


def camera(dtype: torch.dtype = torch.float64) -> Camera:
    """A camera that looks about, some way off the origin."""
    return Camera(viewmat_at(ROTATION, ROTATION.T @ torch.tensor([0.2, -0.1, -4.0]).double()), K, 40, 30).to(dtype)


def depth_map(of: Camera) -> torch.Tensor:
    return 1 + torch.rand(of.height, of.width, generator=torch.Generator().manual_seed(0)).to(of.K)


def blob(mean: torch.Tensor) -> Gaussians:
    """One small, opaque, white Gaussian."""
    return Gaussians(
        means=mean[None].float(),
        quats=torch.tensor([[1.0, 0, 0, 0]]),
        scales=torch.full((1, 3), 0.01),
        opacities=torch.tensor([0.9]),
        harmonics=torch.full((1, 1, 3), 1.5),
    )


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
    K = torch.tensor([[100.0, 0, 50], [0, 110, 40], [0, 0, 1]])
    smaller = Camera(torch.eye(4), K, 101, 80).downscaled(2)
    assert (smaller.width, smaller.height) == (50, 40)
    torch.testing.assert_close(smaller.K[0], torch.tensor([50.0, 0, 25]))
    assert smaller.K[2, 2] == 1


@pytest.mark.parametrize(("dtype", "pixels"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_unprojected_pixels_project_to_their_centres(dtype: torch.dtype, pixels: float):
    one = camera(dtype)
    points = one.unproject(depth_map(one), torch.ones(30, 40, dtype=torch.bool))
    places = torch.stack([centers.flatten() for centers in one.pixel_centers()], dim=1)
    assert points.dtype == dtype and bool(one.contains(points).all())
    torch.testing.assert_close(one.project(points), places, rtol=0, atol=pixels)
    torch.testing.assert_close(places[0], torch.full((2,), 0.5, dtype=dtype), rtol=0, atol=0)


def test_rays_through_pixel_centres_lead_to_what_the_pixels_show():
    one = camera()
    depth = depth_map(one)
    directions = one.directions(*one.pixel_centers())
    points = one.center + depth[..., None] * directions
    expected = one.unproject(depth, torch.ones(30, 40, dtype=torch.bool)).reshape(30, 40, 3)
    torch.testing.assert_close(points, expected, rtol=0, atol=1e-13)
    rows, columns = torch.nonzero(depth > 1.5, as_tuple=True)
    torch.testing.assert_close(one.pixel_directions(columns, rows), directions[rows, columns], rtol=0, atol=1e-14)


def test_unprojection_takes_the_chosen_pixels_row_by_row():
    one, chosen = camera(), depth_map(camera()) > 1.5
    whole = one.unproject(depth_map(one), torch.ones_like(chosen))
    assert torch.equal(one.unproject(depth_map(one), chosen), whole[chosen.flatten()])


def test_arrays_see_what_tensors_see():
    one, other = camera(), camera().numpy()
    depth, chosen = depth_map(one), depth_map(one) > 1.5
    points = one.unproject(depth, chosen)
    np.testing.assert_allclose(other.unproject(depth.numpy(), chosen.numpy()), points.numpy(), rtol=0, atol=1e-14)
    np.testing.assert_allclose(other.project(points.numpy()), one.project(points).numpy(), rtol=0, atol=1e-12)
    rays = other.directions(*other.pixel_centers())
    np.testing.assert_allclose(rays, one.directions(*one.pixel_centers()).numpy(), rtol=0, atol=1e-14)
    np.testing.assert_allclose(other.center, one.pose[:3, 3].numpy(), rtol=0, atol=1e-14)
    assert other.contains(points.numpy()).all() and not other.contains(2 * other.center[None] - points.numpy()).any()


@pytest.mark.parametrize("place", [(12.5, 9.5), (30.5, 20.5), (20.0, 15.0)])
def test_the_renderer_draws_a_point_where_the_camera_projects_it(place: tuple[float, float]):
    one = camera()
    columns, rows = (torch.tensor([value], dtype=torch.float64) for value in place)
    mean = one.center + 3.0 * one.directions(columns, rows)[0]
    drawn = render(blob(mean), one, "RGB+ED")
    shares = drawn.alpha.double() / drawn.alpha.double().sum()
    found = torch.stack([(centers * shares).sum() for centers in one.pixel_centers()])
    torch.testing.assert_close(found, torch.tensor(place, dtype=torch.float64), rtol=0, atol=0.02)
    torch.testing.assert_close(one.project(mean[None].double())[0], torch.tensor(place).double(), rtol=0, atol=1e-9)
    torch.testing.assert_close(drawn.depth[drawn.is_solid], torch.full_like(drawn.depth[drawn.is_solid], 3.0))


def test_a_window_at_another_resolution_shows_the_same_points():
    one, points = camera(), camera().unproject(depth_map(camera()), torch.ones(30, 40, dtype=torch.bool))
    window = one.cropped(-3, 5, 20, 10).resized(60, 30)
    assert (window.width, window.height) == (60, 30) and torch.equal(one.K, K)
    expected = 3 * (one.project(points) - torch.tensor([-3.0, 5.0]))
    torch.testing.assert_close(window.project(points), expected, rtol=0, atol=1e-11)


def test_a_camera_sees_a_moved_world_as_before():
    one = camera()
    to_world = Similarity(ROTATION @ ROTATION, torch.tensor([0.3, 1.0, -0.5], dtype=torch.float64), 2.5)
    points = one.unproject(depth_map(one), depth_map(one) > 1.5)
    moved = to_world.camera_in_source(one)
    torch.testing.assert_close(moved.project(to_world.inverse().apply(points)), one.project(points), rtol=0, atol=1e-10)
    depths = moved.to_camera(to_world.inverse().apply(points))[:, 2]
    torch.testing.assert_close(depths, one.to_camera(points)[:, 2] / 2.5, rtol=0, atol=1e-12)


def test_projection_and_unprojection_can_be_differentiated():
    one = camera()
    points = one.unproject(depth_map(one), depth_map(one) > 1.9).requires_grad_()
    assert torch.autograd.gradcheck(one.project, (points,))
    depth = depth_map(one).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: one.unproject(values, depth_map(one) > 1.9), (depth,))
    pose = one.viewmat.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda viewmat: replace(one, viewmat=viewmat).project(points.detach()), (pose,))


def test_a_render_of_nothing_is_its_background():
    nothing = blob(torch.zeros(3))[torch.zeros(1, dtype=torch.bool)]
    drawn = render(nothing, camera(), background=0.25)
    assert drawn.colors.shape == (30, 40, 3) and bool((drawn.colors == 0.25).all())
    assert not drawn.alpha.any() and not drawn.is_solid.any()


def test_a_render_hands_gradients_to_gaussians_channels_and_camera():
    one = camera(torch.float32)
    mean = (one.center + 3.0 * one.directions(torch.tensor([20.2]), torch.tensor([15.1]))[0]).requires_grad_()
    channels = torch.tensor([[0.5, 2.0]], requires_grad=True)
    viewmat = one.viewmat.clone().requires_grad_()
    one = replace(one, viewmat=viewmat)
    drawn = render(blob(mean), one, "RGB+ED", channels=channels, background=torch.tensor([0.1, 0.2]), absgrad=True)
    drawn.info["means2d"].retain_grad()
    assert drawn.colors.shape == (30, 40, 2)
    (drawn.colors[:15].sum() + drawn.depth.sum()).backward()
    for leaf in (mean, channels, viewmat, drawn.info["means2d"]):
        assert leaf.grad is not None and bool(leaf.grad.any())
    assert bool((drawn.info["means2d"].absgrad >= drawn.info["means2d"].grad.abs()).all())


def test_colours_may_be_drawn_at_a_lower_degree():
    turning = replace(blob(camera().center + 3.0 * ROTATION[2]), harmonics=torch.rand(1, 9, 3))
    plain = replace(turning, harmonics=turning.harmonics[:, :1])
    assert torch.equal(render(turning, camera(), sh_degree=0).colors, render(plain, camera()).colors)
    assert not torch.equal(render(turning, camera()).colors, render(plain, camera()).colors)
