"""Files of meshes, opened again by readers that are not ours, hold the surface and the colours that were meant."""

from __future__ import annotations

import json
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from ball_proxies import BALL_RADIUS, ball_proxy
from full_disks import files_no_larger_than
from PIL import Image
from scipy.spatial.transform import Rotation

from scorp_ns.appearance.color_map import tuned_color
from scorp_ns.errors import OutputError
from scorp_ns.export.baking import bake
from scorp_ns.export.closed_meshes import closed_mesh
from scorp_ns.formats.read.reading import read_asset
from scorp_ns.formats.write.mesh_files import UNLIT, Y_UP_FROM_Z_UP, write_glb, write_obj, write_ply
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.surfaces.components import has_matched_edges
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.textured_mesh import TexturedMesh

FACES, TEXTURE = 1500, 128

COLOR_MAP = torch.tensor([[0.5, 0.0, 0.0, 0.2], [0.0, 0.8, 0.0, 0.0], [0.0, 0.0, 0.7, 0.1]])
"""From generated to tuned colours."""

COLOR_TOLERANCE = 0.04
"""The field's own error, and that of a texel's width."""

NAME = "red ball"


@cache
def place() -> Similarity:
    rotation = torch.from_numpy(Rotation.from_euler("xyz", (20, -35, 70), degrees=True).as_matrix())
    return Similarity(rotation, torch.tensor([1.5, -0.7, 0.4], dtype=torch.float64), 0.25)


@cache
def placed_ball() -> TexturedMesh:
    field = ball_proxy().field
    field.set_color_map(COLOR_MAP[:, :3], COLOR_MAP[:, 3])
    textured = bake(NAME, closed_mesh(field, FACES), field, tuned_color(field), TEXTURE)
    return textured.moved(place())


def true_colors(points: np.ndarray) -> np.ndarray:
    """Tuned colours at points of the placed ball: the generated ones tell the direction in the proxy's frame."""
    local = place().inverse().apply(torch.from_numpy(np.asarray(points, np.float64)))
    generated = (0.5 + 0.5 * torch.nn.functional.normalize(local, dim=1)).clamp(0, 1)
    mapping = COLOR_MAP.double()
    return (generated @ mapping[:, :3].T + mapping[:, 3]).clamp(0, 1).numpy()


def sampled_texture(texture: np.ndarray, uvs: np.ndarray) -> np.ndarray:
    """The texels that uvs, counted from the left and the bottom, lie in."""
    height, width = texture.shape[:2]
    rows = ((1 - uvs[:, 1]) * height).astype(int).clip(0, height - 1)
    return texture[rows, (uvs[:, 0] * width).astype(int).clip(0, width - 1)][:, :3] / 255


def assert_is_ball(points: np.ndarray) -> None:
    radii = np.linalg.norm(points - place().translation.numpy(), axis=1)
    assert np.allclose(radii, BALL_RADIUS * place().scale, rtol=0.03)


def assert_textured_ball(mesh: trimesh.Trimesh, texture: np.ndarray) -> None:
    """Points within triangles have the colours that are meant, in the texture as this reader finds it."""
    weights = np.random.default_rng(0).dirichlet((1, 1, 1), len(mesh.faces))
    points = np.einsum("fk,fkd->fd", weights, mesh.vertices[mesh.faces])
    uvs = np.einsum("fk,fkd->fd", weights, mesh.visual.uv[mesh.faces])
    errors = np.abs(sampled_texture(texture, uvs) - true_colors(points))
    assert errors.mean() < COLOR_TOLERANCE
    assert np.quantile(errors, 0.99) < 3 * COLOR_TOLERANCE


def assert_closed(mesh: trimesh.Trimesh) -> None:
    """Nothing is open once corners at one place are one."""
    whole = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    whole.merge_vertices(merge_tex=True, merge_norm=True)
    assert whole.is_watertight and whole.is_winding_consistent
    assert whole.volume == pytest.approx(4 / 3 * np.pi * (BALL_RADIUS * place().scale) ** 3, rel=0.05)


def test_a_mesh_is_closed_and_has_as_many_triangles_as_asked_for():
    fine, coarse = (closed_mesh(ball_proxy().field, faces) for faces in (10**6, FACES))
    assert len(fine.faces) > 10 * FACES >= 0.9 * len(coarse.faces) * 10
    for mesh in (fine, coarse):
        assert has_matched_edges(mesh.faces)
        assert np.allclose(np.linalg.norm(mesh.vertices, axis=1), BALL_RADIUS, rtol=0.03)


def test_glb_holds_surface_normals_and_colours(tmp_path: Path):
    write_glb(tmp_path / "mesh.glb", [placed_ball()], is_z_up=False)
    scene = trimesh.load(tmp_path / "mesh.glb", process=False)
    assert list(scene.geometry) == [NAME]
    mesh = trimesh.load(tmp_path / "mesh.glb", force="mesh", process=False)
    assert_is_ball(mesh.vertices)
    assert_closed(mesh)
    assert_textured_ball(mesh, np.asarray(mesh.visual.material.baseColorTexture))
    stored = scene.geometry[NAME]
    outwards = (stored.vertices - place().translation.numpy()) / (BALL_RADIUS * place().scale)
    assert (stored.vertex_normals * outwards).sum(axis=1).min() > 0.95
    assert mesh.visual.material.metallicFactor == 0


def test_glb_is_unlit_and_other_readers_find_the_same_texture(tmp_path: Path):
    write_glb(tmp_path / "mesh.glb", [placed_ball()], is_z_up=False)
    content = gltf_json(tmp_path / "mesh.glb")
    assert content["extensionsUsed"] == [UNLIT] and "extensionsRequired" not in content
    (material,) = content["materials"]
    assert material["extensions"] == {UNLIT: {}}
    assert material["pbrMetallicRoughness"]["metallicFactor"] == 0, "for readers that know no mark"
    mesh = trimesh.load(tmp_path / "mesh.glb", force="mesh", process=False)
    assert np.array_equal(np.asarray(mesh.visual.material.baseColorTexture.convert("RGB")), placed_ball().texture)
    asset = read_asset(tmp_path / "mesh.glb", NAME)
    assert isinstance(asset, ColoredMesh)
    assert_is_ball(asset.vertices)
    assert np.abs(asset.colors - true_colors(asset.vertices)).mean() < COLOR_TOLERANCE


def gltf_json(path: Path) -> dict:
    """The first chunk of a GLB file."""
    data = path.read_bytes()
    length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and length % 4 == 0 and struct.unpack_from("<I", data, 8)[0] == len(data)
    return json.loads(data[20 : 20 + length])


def test_glb_stands_upright_where_its_frame_has_z_up(tmp_path: Path):
    write_glb(tmp_path / "mesh.glb", [placed_ball()], is_z_up=True)
    mesh = trimesh.load(tmp_path / "mesh.glb", force="mesh", process=False)
    assert_is_ball(mesh.vertices @ Y_UP_FROM_Z_UP[:3, :3])
    assert np.allclose(mesh.vertices.mean(axis=0)[1], place().translation[2], atol=0.01)


def test_obj_holds_surface_and_colours(tmp_path: Path):
    files = write_obj(tmp_path / "mesh.obj", [placed_ball()])
    assert [file.name for file in files] == ["mesh.obj", "mesh.mtl", "mesh_texture.png"]
    mesh = trimesh.load(tmp_path / "mesh.obj", force="mesh", process=False, maintain_order=True)
    assert_is_ball(mesh.vertices)
    assert_closed(mesh)
    assert_textured_ball(mesh, np.asarray(mesh.visual.material.image))


def test_objs_of_several_objects_keep_them_apart(tmp_path: Path):
    write_obj(tmp_path / "all.obj", [placed_ball(), placed_ball().moved(place())])
    scene = trimesh.load(tmp_path / "all.obj", process=False)
    assert len(scene.geometry) == 2
    assert sum(len(mesh.faces) for mesh in scene.geometry.values()) == 2 * len(placed_ball().faces)


def test_ply_is_closed_without_merging_and_has_the_colours(tmp_path: Path):
    write_ply(tmp_path / "mesh.ply", [placed_ball()])
    mesh = trimesh.load(tmp_path / "mesh.ply", process=False)
    assert mesh.is_watertight
    assert_is_ball(mesh.vertices)
    errors = np.abs(mesh.visual.vertex_colors[:, :3] / 255 - true_colors(mesh.vertices))
    assert errors.mean() < COLOR_TOLERANCE


def test_textures_hold_no_black_between_charts():
    texture = placed_ball().texture
    assert texture.shape == (TEXTURE, TEXTURE, 3)
    assert texture[..., 0].min() >= round(255 * (0.2 - COLOR_TOLERANCE)), "the map leaves nothing with so little red"


@pytest.mark.parametrize("ending", [".usdc", ".usdz"])
def test_usd_holds_surface_and_colours(tmp_path: Path, ending: str):
    pxr = pytest.importorskip("pxr")
    from pxr import Usd, UsdGeom, UsdShade

    from scorp_ns.formats.write.usd_files import write_usd, write_usdz

    write_usd(tmp_path / "mesh.usdc", [placed_ball()])
    write_usdz(tmp_path / "mesh.usdz", tmp_path / "mesh.usdc")
    stage = Usd.Stage.Open(str(tmp_path / f"mesh{ending}"))
    assert UsdGeom.GetStageUpAxis(stage) == "Z" and UsdGeom.GetStageMetersPerUnit(stage) == 1
    (prim,) = (prim for prim in stage.Traverse() if prim.IsA(UsdGeom.Mesh))
    mesh = UsdGeom.Mesh(prim)
    points = np.array(mesh.GetPointsAttr().Get())
    faces = np.array(mesh.GetFaceVertexIndicesAttr().Get()).reshape(-1, 3)
    assert_is_ball(points)
    assert_closed(trimesh.Trimesh(points, faces, process=False))
    assert prim.GetDisplayName() == NAME
    coordinates = UsdGeom.PrimvarsAPI(prim).GetPrimvar("st")
    corners = np.array(coordinates.ComputeFlattened()).reshape(-1, 3, 2)
    material, _ = UsdShade.MaterialBindingAPI(prim).ComputeBoundMaterial()
    picture = UsdShade.Shader(stage.GetPrimAtPath(material.GetPath().AppendChild("Texture")))
    assert picture.GetInput("sourceColorSpace").Get() == "sRGB"
    texture = picture_of(pxr, picture.GetInput("file").Get())
    errors = np.abs(sampled_texture(texture, corners.mean(axis=1)) - true_colors(points[faces].mean(axis=1)))
    assert errors.mean() < COLOR_TOLERANCE


def picture_of(pxr: object, asset: object) -> np.ndarray:
    """The picture that a USD file names, also inside a package."""
    from io import BytesIO

    from pxr import Ar

    data = Ar.GetResolver().OpenAsset(Ar.ResolvedPath(asset.resolvedPath))
    return np.asarray(Image.open(BytesIO(bytes(data.GetBuffer()))))


def test_usd_files_that_a_full_disk_cuts_short_are_noticed(tmp_path: Path):
    pytest.importorskip("pxr")
    from scorp_ns.formats.write.usd_files import write_usd, write_usdz

    with files_no_larger_than(20_000), pytest.raises(OutputError, match=r"mesh\.usdc came out cut short"):
        write_usd(tmp_path / "mesh.usdc", [placed_ball()])
    write_usd(tmp_path / "whole.usdc", [placed_ball()])
    with files_no_larger_than(20_000), pytest.raises(OutputError, match=r"whole\.usdz came out cut short"):
        write_usdz(tmp_path / "whole.usdz", tmp_path / "whole.usdc")
