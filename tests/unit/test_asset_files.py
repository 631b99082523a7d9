"""Assets in files of all kinds keep their places and colours."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest
import trimesh
from asset_making import (
    TETRAHEDRON,
    TETRAHEDRON_FACES,
    ball,
    gltf,
    splat_properties,
    tetrahedron_gltf,
    write_glb,
    write_ply,
)
from PIL import Image

from scorp_ns.formats.read.limits import KEPT_TRIANGLES
from scorp_ns.formats.read.parts import to_linear, to_srgb
from scorp_ns.formats.read.reading import AssetFile, read_asset, read_asset_file
from scorp_ns.formats.splat_ply import write_splats
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.surfaces.components import has_matched_edges
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries
from scorp_ns.surfaces.remeshing import places_of

HALVES = np.repeat(np.array([[[255, 0, 0], [0, 0, 255]]], np.uint8), 8, axis=1).repeat(4, axis=0)
"""A picture that is red on the left and blue on the right."""


def mesh_in(path: Path) -> ColoredMesh:
    shape = read_asset(path, "mug")
    assert isinstance(shape, ColoredMesh)
    return shape


def notes_of(path: Path) -> str:
    asset: AssetFile = read_asset_file(path, "mug")
    return " ".join(asset.notes)


def assert_halves(mesh: ColoredMesh) -> None:
    """A square whose left half is red, and whose right half is blue."""
    points = np.array([[x, y, 0] for x in (0.1, 0.4, 0.6, 0.9) for y in (0.1, 0.5, 0.9)], np.float32)
    colors = SurfaceQueries(mesh).nearest(points).colors
    assert colors == pytest.approx(np.array([[1, 0, 0]] * 6 + [[0, 0, 1]] * 6), abs=0.02)


@pytest.mark.parametrize("suffix", ["glb", "gltf", "obj", "ply"])
def test_vertex_colours_survive_every_format(suffix: str, tmp_path: Path) -> None:
    given = ball()
    made = trimesh.Trimesh(given.vertices, given.faces, process=False)
    made.visual.vertex_colors = np.round(given.colors * 255).astype(np.uint8)
    if suffix == "gltf":
        for name, content in trimesh.exchange.gltf.export_gltf(trimesh.Scene([made])).items():
            (tmp_path / name).write_bytes(content)
        path = tmp_path / "model.gltf"
    else:
        path = tmp_path / f"ball.{suffix}"
        made.export(path)
    mesh = mesh_in(path)
    assert len(mesh.faces) == len(given.faces)
    assert mesh.colors == pytest.approx(mesh.vertices / 2 + 0.5, abs=0.01)
    assert notes_of(path) == ""


def test_nodes_place_turn_scale_mirror_and_repeat_their_meshes(tmp_path: Path) -> None:
    nodes = [
        {"children": [1, 2, 3], "translation": [10, 0, 0]},
        {"mesh": 0, "scale": [2, 2, 2], "rotation": [0, 0, 0.5**0.5, 0.5**0.5]},
        {"mesh": 0, "matrix": [-1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 5, 0, 1]},
        {"mesh": 0, "translation": [0, 0, 7]},
        {"mesh": 0, "translation": [0, 0, 1000]},
    ]
    mesh = mesh_in(write_glb(tmp_path / "a.glb", *tetrahedron_gltf(nodes=nodes)))
    assert len(mesh.faces) == 12, "the node that is not in the scene is not shown"
    corners = mesh.vertices[mesh.faces].astype(np.float64)
    volumes = np.einsum(
        "nd,nd->n", corners[:, 0] - (10, 2, 3), np.cross(corners[:, 1] - (10, 2, 3), corners[:, 2] - (10, 2, 3))
    )
    assert volumes.sum() / 6 == pytest.approx((8 + 1 + 1) / 6), "all face outwards"
    low, high = mesh.bounds
    assert low == pytest.approx([8, 0, 0]) and high == pytest.approx([11, 6, 8])


@pytest.mark.parametrize(("mode", "order"), [(5, [0, 1, 2, 3]), (6, [0, 1, 3, 2])])
def test_strips_and_fans_become_triangles_that_face_one_way(mode: int, order: list[int], tmp_path: Path) -> None:
    square = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]], np.float32)
    description, binary = gltf({"POSITION": square, "indices": np.array(order, np.uint8)})
    description["meshes"][0]["primitives"][0]["mode"] = mode
    mesh = mesh_in(write_glb(tmp_path / "a.glb", description, binary))
    assert mesh.face_normals == pytest.approx(np.array([[0, 0, 1]] * 2))


def test_vertex_colours_of_many_bits_are_light_and_those_of_8_bits_are_not(tmp_path: Path) -> None:
    srgb = np.full((4, 3), 0.5, np.float32)
    light = to_linear(srgb)
    stored = [light.astype(np.float32), np.round(light * 65535).astype(np.uint16), np.full((4, 3), 128, np.uint8)]
    # Elements of vertices start at multiples of four bytes.
    stored = [np.concatenate([values, np.full((4, 1), 255, values.dtype)], axis=1) for values in stored]
    for values in stored:
        arrays = {"POSITION": TETRAHEDRON, "COLOR_0": values, "indices": TETRAHEDRON_FACES.ravel()}
        path = write_glb(tmp_path / "a.glb", *gltf(arrays))
        assert mesh_in(path).colors == pytest.approx(0.5, abs=0.01)
        assert ("linear light" in notes_of(path)) == (values.dtype != np.uint8)
    assert to_srgb(light) == pytest.approx(srgb)


def test_floats_of_programs_that_write_srgb_are_srgb(tmp_path: Path) -> None:
    arrays = {
        "POSITION": TETRAHEDRON,
        "COLOR_0": np.full((4, 3), 0.5, np.float32),
        "indices": TETRAHEDRON_FACES.ravel(),
    }
    asset = {"version": "2.0", "generator": "https://github.com/mikedh/trimesh"}
    assert mesh_in(write_glb(tmp_path / "a.glb", *gltf(arrays, asset=asset))).colors == pytest.approx(0.5)


def test_the_colour_of_a_material_is_light(tmp_path: Path) -> None:
    description, binary = tetrahedron_gltf(materials=[{"pbrMetallicRoughness": {"baseColorFactor": [0.214, 1, 0, 1]}}])
    description["meshes"][0]["primitives"][0]["material"] = 0
    mesh = mesh_in(write_glb(tmp_path / "a.glb", description, binary))
    assert mesh.colors == pytest.approx(np.array([[0.5, 1, 0]] * 4), abs=1e-3)


def textured_square(image: dict[str, str], **texture: object) -> tuple[dict, bytes]:
    square = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)
    uv = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], np.float32)
    arrays = {"POSITION": square, "TEXCOORD_0": uv, "indices": np.array([0, 1, 2, 0, 2, 3], np.uint8)}
    description, binary = gltf(arrays, images=[image], textures=[{"source": 0}])
    description["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0, **texture}}}]
    description["meshes"][0]["primitives"][0]["material"] = 0
    return description, binary


def test_textures_beside_and_inside_the_file_become_colours(tmp_path: Path) -> None:
    Image.fromarray(HALVES).save(tmp_path / "a b.png")
    uri = "data:image/png;base64," + b64encode((tmp_path / "a b.png").read_bytes()).decode()
    for image in ({"uri": "a%20b.png"}, {"uri": uri}):
        path = write_glb(tmp_path / "a.glb", *textured_square(image))
        mesh = mesh_in(path)
        assert_halves(mesh)
        assert 100 < len(mesh.faces) < 30_000, "finer along the edge in the picture, and coarse elsewhere"


def test_texture_transforms_move_the_picture(tmp_path: Path) -> None:
    Image.fromarray(HALVES[:, ::-1]).save(tmp_path / "a.png")
    moved = {"extensions": {"KHR_texture_transform": {"offset": [0.5, 0]}}}
    assert_halves(mesh_in(write_glb(tmp_path / "a.glb", *textured_square({"uri": "a.png"}, **moved))))


def test_baking_a_texture_opens_no_crack_along_its_seams(tmp_path: Path) -> None:
    made = trimesh.creation.icosphere(subdivisions=2)
    apart = made.vertices[made.faces].reshape(-1, 3)
    uv = np.random.default_rng(0).random((len(apart), 2))
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8))
    visual = trimesh.visual.TextureVisuals(uv, trimesh.visual.material.PBRMaterial(baseColorTexture=noise))
    trimesh.Trimesh(apart, np.arange(len(apart)).reshape(-1, 3), visual=visual, process=False).export(
        tmp_path / "a.glb"
    )
    mesh = mesh_in(tmp_path / "a.glb")
    assert len(mesh.faces) > 10_000
    assert has_matched_edges(places_of(mesh.vertices.astype(np.float64))[mesh.faces])


def test_obj_materials_textures_polygons_and_negative_numbers_are_understood(tmp_path: Path) -> None:
    Image.fromarray(HALVES).save(tmp_path / "skin.png")
    (tmp_path / "a.mtl").write_text("newmtl skin\nKd 0.1 0.1 0.1\nmap_Kd -s 1 1 1 skin.png\nnewmtl green\nKd 0 1 0\n")
    (tmp_path / "a.obj").write_text(
        "mtllib a.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nvt 0 0\nvt 1 0\nvt 1 1\nvt 0 1\n"
        "usemtl skin\nf -4/-4 -3/-3 -2/-2 -1/-1\nv 0 0 3\nv 1 0 3\nv 1 1 3\nusemtl green\nf 5//1 6//1 \\\n7//1\n"
    )
    mesh = mesh_in(tmp_path / "a.obj")
    assert_halves(mesh)
    assert SurfaceQueries(mesh).nearest(np.array([[0.7, 0.3, 3]], np.float32)).colors[0] == pytest.approx([0, 1, 0])
    assert mesh.face_areas.sum() == pytest.approx(1.5)


def test_obj_faces_of_any_number_of_corners_are_fans(tmp_path: Path) -> None:
    angles = np.linspace(0, 2 * np.pi, 3000, endpoint=False)
    vertices = "".join(f"v {np.cos(angle):.9f} {np.sin(angle):.9f} 0\n" for angle in angles)
    (tmp_path / "a.obj").write_text(f"{vertices}f  {'  '.join(map(str, range(1, 3001)))} \n")
    mesh = mesh_in(tmp_path / "a.obj")
    assert len(mesh.faces) == 2998
    assert mesh.face_areas.sum() == pytest.approx(np.pi, rel=1e-4)


def test_obj_without_its_material_file_is_grey_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.obj").write_text("mtllib gone.mtl\nv 0 0 0\nv 1 0 0\nv 1 1 0\nusemtl skin\nf 1 2 3\n")
    assert mesh_in(tmp_path / "a.obj").colors == pytest.approx(0.5)
    assert "'gone.mtl' of materials or colours is missing" in notes_of(tmp_path / "a.obj")
    assert "what has none is grey" in notes_of(tmp_path / "a.obj")


def square_ply(path: Path, faces: str, rows: str, header: str = "") -> Path:
    square = {"x": np.array([0.0, 1, 1, 0]), "y": np.array([0.0, 0, 1, 1]), "z": np.zeros(4)}
    return write_ply(path, square, faces, header, rows)


def test_ply_polygons_have_the_colours_of_their_faces(tmp_path: Path) -> None:
    faces = "element face 2\nproperty list uchar int vertex_indices\n" + "".join(
        f"property uchar {name}\n" for name in ("red", "green", "blue")
    )
    mesh = mesh_in(square_ply(tmp_path / "a.ply", faces, "4 0 1 2 3 255 0 0\n3 0 1 2 0 0 255\n"))
    assert len(mesh.faces) == 3
    assert sorted(map(tuple, mesh.colors[mesh.faces[:, 0]].tolist())) == [(0, 0, 1), (1, 0, 0), (1, 0, 0)]


def test_ply_textures_as_meshlab_writes_them_become_colours(tmp_path: Path) -> None:
    Image.fromarray(HALVES).save(tmp_path / "skin.png")
    faces = "element face 2\nproperty list uchar int vertex_indices\nproperty list uchar float texcoord\n"
    rows = "3 0 1 2 6 0 0 1 0 1 1\n3 0 2 3 6 0 0 1 1 0 1\n"
    assert_halves(mesh_in(square_ply(tmp_path / "a.ply", faces, rows, "comment TextureFile skin.png\n")))


def test_a_few_broken_corners_are_passed_over_with_a_note(tmp_path: Path) -> None:
    made = ball()
    made.vertices[7] = np.nan
    trimesh.Trimesh(made.vertices, made.faces, process=False).export(tmp_path / "a.ply")
    assert len(mesh_in(tmp_path / "a.ply").faces) in (len(made.faces) - 5, len(made.faces) - 6)
    assert "not finite" in notes_of(tmp_path / "a.ply")


def test_a_million_triangles_are_reduced_and_stay_closed(tmp_path: Path) -> None:
    made = ball(7)
    trimesh.Trimesh(made.vertices, made.faces, process=False).export(tmp_path / "a.ply")
    mesh = mesh_in(tmp_path / "a.ply")
    assert len(made.faces) > KEPT_TRIANGLES > len(mesh.faces) > KEPT_TRIANGLES / 2
    assert has_matched_edges(mesh.faces)
    assert "were reduced to" in notes_of(tmp_path / "a.ply")


def splats_in(path: Path) -> Gaussians:
    shape = read_asset(path, "mug")
    assert isinstance(shape, Gaussians)
    return shape


@pytest.mark.parametrize(("num_rest", "kept"), [(0, 1), (9, 4), (24, 9), (45, 16), (72, 16)])
def test_gaussians_of_any_degree_are_read(num_rest: int, kept: int, tmp_path: Path) -> None:
    path = write_ply(tmp_path / "a.ply", splat_properties(20, num_rest))
    gaussians = splats_in(path)
    assert gaussians.harmonics.shape == (20, kept, 3)
    if num_rest:
        assert gaussians.harmonics[0, 1].tolist() == [0, num_rest / 3, 2 * num_rest / 3]
    assert ("coefficients" in notes_of(path)) == (num_rest == 72)
    write_splats(gaussians, tmp_path / "b.ply")
    assert splats_in(tmp_path / "b.ply").means.tolist() == gaussians.means.tolist()


def test_discs_and_spheres_are_gaussians_too(tmp_path: Path) -> None:
    properties = splat_properties(20)
    discs = splats_in(
        write_ply(tmp_path / "a.ply", {key: values for key, values in properties.items() if key != "scale_2"})
    )
    assert (discs.scales[:, 2] < 0.02 * discs.scales[:, 0]).all()
    spheres = splats_in(
        write_ply(tmp_path / "a.ply", {key: values for key, values in properties.items() if key[:4] != "rot_"})
    )
    assert spheres.quats[0].tolist() == [1, 0, 0, 0]


def test_what_a_file_holds_counts_and_not_its_ending(tmp_path: Path) -> None:
    path = write_glb(tmp_path / "a.obj", *tetrahedron_gltf())
    assert len(mesh_in(path).faces) == 4
    description, binary = tetrahedron_gltf()
    description["buffers"][0]["uri"] = "data:application/octet-stream;base64," + b64encode(binary).decode()
    (tmp_path / "b.glb").write_text(json.dumps(description))
    assert len(mesh_in(tmp_path / "b.glb").faces) == 4
