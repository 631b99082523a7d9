"""Depth and silhouettes of meshes are those of the shapes they stand for."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
import trimesh

from scorp_ns.cameras import Camera
from scorp_ns.evaluate.mesh_views import MeshCaster, MeshView
from scorp_ns.evaluate.meshes import Mesh

WIDTH, HEIGHT = 64, 48
K = torch.tensor([[80.0, 0, 31.0], [0, 75.0, 25.0], [0, 0, 1]])
FACETS = 2e-3
"""How far a finely triangulated unit sphere is from a round one."""


def ball(radius: float = 1.0, subdivisions: int = 5) -> Mesh:
    solid = trimesh.creation.icosphere(subdivisions, radius)
    return Mesh(np.array(solid.vertices, np.float64), np.array(solid.faces, np.int64))


def shifted(mesh: Mesh, *step: float) -> Mesh:
    return Mesh(mesh.vertices + np.array(step), mesh.faces)


def wall(distance: float) -> Mesh:
    """A large square across the z axis."""
    corners = np.array([[-9.0, -9, distance], [9, -9, distance], [9, 9, distance], [-9, 9, distance]])
    return Mesh(corners, np.array([[0, 1, 2], [0, 2, 3]]))


def turned_camera() -> torch.Tensor:
    """A camera that looks about, some way off the origin."""
    viewmat = torch.eye(4)
    viewmat[:3, :3] = torch.linalg.matrix_exp(torch.tensor([[0, -0.4, 0.3], [0.4, 0, -0.2], [-0.3, 0.2, 0]]))
    viewmat[:3, 3] = torch.tensor([0.2, -0.1, 4.0])
    return viewmat


def seen(*meshes: Mesh, viewmat: torch.Tensor | None = None) -> MeshView:
    return MeshCaster(meshes).view(Camera(torch.eye(4) if viewmat is None else viewmat, K, WIDTH, HEIGHT))


def pixel_rays() -> torch.Tensor:
    """Directions at pixel centres in the camera's frame, 1 long along its axis."""
    x = (torch.arange(WIDTH) + 0.5 - K[0, 2]) / K[0, 0]
    y = (torch.arange(HEIGHT) + 0.5 - K[1, 2]) / K[1, 1]
    return torch.stack([*torch.meshgrid(x, y, indexing="xy"), torch.ones(HEIGHT, WIDTH)], dim=-1).double()


def test_a_wall_across_the_axis_has_one_depth():
    view = seen(wall(3.0))
    assert view.silhouette.all()
    torch.testing.assert_close(view.depth, torch.full((HEIGHT, WIDTH), 3.0))


def test_a_sphere_is_seen_as_the_formula_says():
    viewmat = turned_camera()
    rays, center = pixel_rays(), viewmat[:3, 3].double()
    along, length = rays @ center, (rays**2).sum(dim=-1)
    discriminant = along**2 - length * (center @ center - 1)
    expected = (along - discriminant.clamp_min(0).sqrt()) / length
    view = seen(ball(), viewmat=viewmat)
    is_clear = discriminant.abs() > 0.1
    assert torch.equal(view.silhouette[is_clear], discriminant[is_clear] > 0)
    is_inside = is_clear & (discriminant > 0)
    assert is_inside.sum() > 500
    torch.testing.assert_close(view.depth[is_inside].double(), expected[is_inside], rtol=0, atol=FACETS)
    assert view.depth[~view.silhouette].isinf().all()


def test_pixels_are_judged_by_their_centres():
    half = Mesh(np.array([[0.0, -9, 1], [9, -9, 1], [9, 9, 1], [0, 9, 1]]), np.array([[0, 1, 2], [0, 2, 3]]))
    for shift, first in ((-0.01, 31), (0.51, 32)):
        moved = shifted(half, shift / K[0, 0].item(), 0, 0)
        assert seen(moved).silhouette[HEIGHT // 2].nonzero()[0].item() == first


def test_the_nearest_mesh_hides_the_others():
    near, far = shifted(ball(0.3), 0, 0, 2), wall(5.0)
    view = seen(far, near)
    alone = seen(near)
    assert torch.equal(view.surface == 1, alone.silhouette)
    assert torch.equal(view.surface == 0, ~alone.silhouette)
    assert torch.equal(view.depth[alone.silhouette], alone.depth[alone.silhouette])


def test_what_is_behind_the_camera_is_not_seen():
    view = seen(shifted(ball(), 0, 0, -3))
    assert not view.silhouette.any() and (view.surface == -1).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_cameras_of_any_precision_see_the_same(dtype: torch.dtype):
    view = MeshCaster([ball()]).view(Camera(turned_camera(), K, WIDTH, HEIGHT).to(dtype))
    assert (view.silhouette == seen(ball(), viewmat=turned_camera()).silhouette).float().mean() > 0.999


def test_a_captures_views_take_seconds():
    meshes = [ball(subdivisions=6), shifted(ball(subdivisions=6), 1.5, 0, 0)]
    assert len(meshes[0].faces) > 80_000
    start = time.perf_counter()
    caster = MeshCaster(meshes)
    for _ in range(8):
        caster.view(Camera(turned_camera(), K, WIDTH, HEIGHT).resized(320, 240))
    assert time.perf_counter() - start < 5
