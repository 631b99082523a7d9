"""Surface Gaussians lie flat and evenly on a field's surface, and draw an object as wide as it is."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation
from test_field_distillation import SMALL, SOLIDS, field_of, solid

from scorp_ns.cameras import Camera
from scorp_ns.errors import GenerationError
from scorp_ns.evaluate.mesh_views import MeshCaster
from scorp_ns.evaluate.meshes import Mesh
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.fields.surface_gaussians import mesh_of, surface_gaussians
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.render import render
from scorp_ns.surfaces.queries import SurfaceQueries

SIDE, FOCAL, DISTANCE = 165, 450.0, 3.0
"""Cameras for which the diagonal is 150 pixels long."""


@cache
def gaussians_of(name: str) -> Gaussians:
    return surface_gaussians(field_of(name), SMALL)


@pytest.mark.parametrize("name", SOLIDS)
def test_gaussians_cover_the_silhouette_and_no_more(name: str):
    gaussians = gaussians_of(name)
    caster = MeshCaster([Mesh(solid(name).vertices.astype(np.float64), solid(name).faces)])
    overlaps = []
    for rotation in Rotation.random(4, random_state=0).as_matrix():
        viewmat = torch.eye(4)
        viewmat[:3, :3] = torch.from_numpy(rotation)
        viewmat[2, 3] = DISTANCE
        camera = Camera.square(viewmat, FOCAL, SIDE)
        drawn, expected = render(gaussians, camera).is_solid, caster.view(camera).silhouette
        overlaps.append(float((drawn & expected).sum() / (drawn | expected).sum()))
    assert np.mean(overlaps) > 0.965


def test_there_are_as_many_as_the_density_says_and_none_are_close():
    gaussians = gaussians_of("torus")
    expected = solid("torus").face_areas.sum() * SMALL.gaussians_per_area
    assert len(gaussians) == pytest.approx(expected, rel=0.03)
    distances, _ = KDTree(gaussians.means.numpy()).query(gaussians.means.numpy(), k=2)
    assert np.quantile(distances[:, 1], 0.02) > 0.45 / SMALL.gaussians_per_area**0.5


def test_they_are_flat_along_the_normal_and_a_little_inside():
    gaussians = gaussians_of("sphere")
    outwards = torch.nn.functional.normalize(gaussians.means, dim=1)
    axes = torch.from_numpy(Rotation.from_quat(gaussians.quats.numpy()[:, [1, 2, 3, 0]]).as_matrix()[:, :, 2]).float()
    assert (axes * outwards).sum(dim=1).median() > 0.99
    assert torch.all(gaussians.scales[:, 2] < gaussians.scales[:, :2].amin(dim=1))
    insets = 1 / 12**0.5 - gaussians.means.norm(dim=1)
    assert insets.mean() == pytest.approx(SMALL.gaussian_inset, abs=5e-4)


def test_they_have_the_surface_s_colors():
    gaussians = gaussians_of("box")
    nearest = SurfaceQueries(solid("box")).nearest(gaussians.means.numpy())
    assert (gaussians.base_colors - torch.from_numpy(nearest.colors)).abs().mean() < 3 / 255


def test_equal_seeds_give_equal_gaussians():
    first, second = gaussians_of("box"), surface_gaussians(field_of("box"), SMALL)
    assert torch.equal(first.means, second.means) and torch.equal(first.harmonics, second.harmonics)


def test_the_mesh_of_a_field_is_closed_and_faces_outwards():
    mesh = mesh_of(field_of("torus"), 1 / 64)
    closed = trimesh.Trimesh(mesh.vertices, mesh.faces)
    truth = solid("torus")
    assert closed.is_watertight
    assert closed.volume == pytest.approx(trimesh.Trimesh(truth.vertices, truth.faces).volume, rel=0.02)


def test_a_field_without_an_inside_says_so():
    state = dict(field_of("sphere").state_dict())
    state["distances"] = state["distances"].abs() + 1
    with pytest.raises(GenerationError, match="no surface"):
        mesh_of(ProxyField.from_state(state, SMALL), 1 / 32)
