"""Bodies for simulators load in other programs, weigh what they should, and stand where they are put."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import mujoco
import numpy as np
import pytest
import torch
import trimesh
import yourdfpy
from scipy.spatial.transform import Rotation
from solid_shapes import box, joined

from scorp_ns.export.baking import vertex_normals
from scorp_ns.formats.write.robot_files import Floor, RigidBody, inertia_of, write_body, write_mjcf, write_urdf
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.surfaces.convex_parts import MOST_VERTICES, convex_parts
from scorp_ns.surfaces.marching import Grid, extract_surface
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.textured_mesh import TexturedMesh

DENSITY = 500.0
VOLUME = 0.6 * 0.3 * 0.1 + 0.1 * 0.3 * 0.3
"""Of an L: a plate, and a wall on one of its ends."""

UPRIGHT = np.array([0.0, 0.0, 1.0])


@cache
def angle() -> TexturedMesh:
    """The L, with its lowest points at z = 0."""
    solid = joined(box(0, 0, 0.05, (0.6, 0.3, 0.1)), box(0.25, 0, 0.25, (0.1, 0.3, 0.3)))
    grid = Grid.around(np.array([-0.3, -0.15, 0.0]), np.array([0.3, 0.15, 0.4]), 0.0125, 2)
    vertices, faces = extract_surface(solid(grid.points.astype(np.float64)).reshape(grid.shape), grid)
    surface = ColoredMesh(vertices, faces, np.full_like(vertices, 0.5))
    return TexturedMesh(
        name="an angle",
        surface=surface,
        corners=np.arange(len(vertices)),
        faces=faces,
        uvs=np.zeros((len(vertices), 2), np.float32),
        normals=vertex_normals(surface),
        texture=np.full((8, 8, 3), 128, np.uint8),
    )


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RigidBody]:
    """The folder of the body's files, and the body."""
    folder = tmp_path_factory.mktemp("body")
    return folder, write_body(folder / "simulation", angle(), convex_parts(angle().surface, 8), DENSITY)


def test_parts_are_convex_few_and_fill_the_body(body: tuple[Path, RigidBody]):
    folder, one = body
    parts = [trimesh.load(folder / one.path(part), process=False) for part in one.parts]
    assert 2 <= len(parts) <= 8
    for part in parts:
        assert part.is_watertight and part.is_convex and len(part.vertices) <= MOST_VERTICES
    assert sum(part.volume for part in parts) == pytest.approx(VOLUME, rel=0.1)


def test_no_more_parts_than_allowed():
    assert len(convex_parts(angle().surface, 1)) == 1


def test_inertia_is_that_of_the_solid():
    parts = [((0.6, 0.3, 0.1), (0, 0, 0.05)), ((0.1, 0.3, 0.3), (0.25, 0, 0.25))]
    masses = [DENSITY * np.prod(sides) for sides, _ in parts]
    center = np.average([place for _, place in parts], axis=0, weights=masses)
    found = inertia_of(angle().surface, DENSITY)
    assert found.mass == pytest.approx(sum(masses), rel=0.05)
    assert np.allclose(found.center, center, atol=0.01)
    vertical = sum(
        mass * ((sides[0] ** 2 + sides[1] ** 2) / 12 + (place[0] - center[0]) ** 2)
        for mass, (sides, place) in zip(masses, parts, strict=True)
    )
    assert found.tensor[2, 2] == pytest.approx(vertical, rel=0.1)


def test_urdf_loads_with_its_meshes_mass_and_parts(body: tuple[Path, RigidBody]):
    folder, one = body
    write_urdf(folder / "object.urdf", one)
    robot = yourdfpy.URDF.load(
        str(folder / "object.urdf"), build_collision_scene_graph=True, load_collision_meshes=True
    )
    assert robot.base_link == "base_link"
    assert np.allclose(robot.scene.bounds, angle().surface.bounds, atol=1e-5)
    assert np.allclose(robot.collision_scene.bounds, angle().surface.bounds, atol=0.02)
    link = robot.link_map["base_link"]
    assert link.inertial.mass == pytest.approx(DENSITY * VOLUME, rel=0.05)
    assert len(link.collisions) == len(one.parts)


def test_mjcf_loads_and_the_body_stays_on_the_floor(body: tuple[Path, RigidBody]):
    folder, one = body
    write_mjcf(folder / "object.xml", [one], UPRIGHT, [Floor(np.zeros(3), UPRIGHT)])
    model = mujoco.MjModel.from_xml_path(str(folder / "object.xml"))
    assert model.body("object").mass[0] == pytest.approx(DENSITY * VOLUME, rel=0.05)
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 500)
    assert np.abs(data.body("object").xpos).max() < 0.02
    assert abs(data.body("object").xquat[0]) > 0.99


def test_mjcf_puts_bodies_where_they_stand_and_lets_them_fall_down(body: tuple[Path, RigidBody]):
    """In a capture where down is along x."""
    folder, one = body
    turned = Similarity(
        torch.from_numpy(Rotation.from_euler("y", -90, degrees=True).as_matrix()),
        torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64),
        1.0,
    )
    placed = RigidBody(one.name, one.folder, one.shown, one.texture, one.parts, one.inertia, turned)
    write_mjcf(folder / "turned.xml", [placed], np.array([-1.0, 0.0, 0.0]))
    model = mujoco.MjModel.from_xml_path(str(folder / "turned.xml"))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    assert np.allclose(data.body("object").xmat.reshape(3, 3), turned.rotation.numpy(), atol=1e-6)
    center = data.body("object").xipos.copy()
    assert np.allclose(center, turned.apply(torch.from_numpy(one.inertia.center)).numpy(), atol=1e-4)
    mujoco.mj_step(model, data, 100)
    fallen = data.body("object").xipos - center
    assert fallen[0] > 0.05 and np.abs(fallen[1:]).max() < 1e-3
