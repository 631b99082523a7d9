"""What `scorp export`, `extract` and `remove` write of a finished run is what it holds, where the capture has it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import trimesh
from ball_proxies import BALL_RADIUS
from captures import BALL_CENTERS, BALL_NAMES, BALL_RADII
from finished_runs import place_of_ball, tuned_ball_color, write_finished_run
from plyfile import PlyData
from tools import run_here

from scorp_ns.export.whole_folder import MANIFEST
from scorp_ns.finished.finished_run import FinishedRun, load_finished_run
from scorp_ns.formats.splat_ply import read_splats
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.model_config import AFTER

FORMATS = ("splat", "glb", "obj", "ply", "usd", "usdz", "urdf", "mjcf")
"""All but SPZ, whose writer compiles itself for many seconds."""

OF_MESHES = FORMATS[1:]
PLACED = BALL_NAMES[:-1]
SMALL = ("--target-faces", "1000", "--texture-size", "64", "--convex-parts", "2")


@pytest.fixture(scope="module")
def run(tiny_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with exact proxies, whose capture is gone."""
    return write_finished_run(tiny_run, tmp_path_factory.mktemp("exporting"))


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything in every format."""
    folder = tmp_path_factory.mktemp("exported") / "out"
    export(run, folder, "--formats", *FORMATS, *SMALL)
    return folder


def export(run: Path, folder: Path, *options: str) -> None:
    scorp("export", run, folder, *options)


def scorp(command: str, run: Path, folder: Path, *options: str) -> None:
    with pytest.raises(SystemExit) as ended:
        run_here("scorp", command, "--load-config", run / "config.yml", "--output-dir", folder, *options)
    assert ended.value.code == 0


def manifest(folder: Path) -> dict:
    return json.loads((folder / MANIFEST).read_text())


def test_every_file_is_in_the_manifest_and_every_file_of_it_is_there(exported: Path):
    content = manifest(exported)
    named = [name for of in (content, *content["objects"]) for name in files_of(of)]
    there = {path.relative_to(exported).as_posix() for path in exported.rglob("*") if path.is_file()}
    assert {*named, MANIFEST} == {path for path in there if not path.endswith("visual.mtl")}
    assert {*content["all_files"], MANIFEST} == there
    assert {one["name"] for one in content["objects"]} == {*BALL_NAMES}


def test_people_are_told_of_all_files_and_how_to_look_at_them(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    scorp("extract", run, tmp_path / "one", "--object", PLACED[0], "--formats", "obj", *SMALL)
    told = capsys.readouterr().out
    for path in (path for path in (tmp_path / "one").rglob("*") if path.is_file()):
        assert path.name in told
    assert "Blender" in told and "superspl.at" not in told


def test_the_manifest_says_what_objects_are_and_why_one_has_no_mesh(exported: Path):
    for one in manifest(exported)["objects"]:
        is_placed = one["name"] in PLACED
        assert set(one["files"]) == set(FORMATS if is_placed else ("splat",))
        if is_placed:
            size = 2 * BALL_RADII[BALL_NAMES.index(one["name"])]
            assert np.allclose(one["size"], size, rtol=0.05)
            assert one["mesh"]["triangles"] <= 1000
            assert one["made_by"] == "a test" and one["license"] == "CC0"
        else:
            assert one["mesh"] is None and one["no_mesh"] == "It fits nowhere."


def files_of(entry: dict) -> list[str]:
    files = entry["files"] if "files" in entry else entry["scene"]
    return [name for names in files.values() for name in names]


def test_scene_gaussians_are_the_composite_in_the_captures_frame(run: Path, exported: Path):
    loaded = load_finished_run(run / "config.yml")
    expected = transform_gaussians(loaded.model.owned(AFTER)[0], loaded.capture_to_world.inverse())
    splats = read_splats(exported / "scene" / "gaussians.ply")
    torch.testing.assert_close(splats.means, expected.means)
    torch.testing.assert_close(splats.harmonics, expected.harmonics)


def test_gaussian_files_have_the_properties_of_the_original_implementation_in_their_order(exported: Path):
    names = PlyData.read(exported / "scene" / "gaussians.ply")["vertex"].data.dtype.names
    order = ("x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2")
    rest = tuple(f"f_rest_{index}" for index in range(len(names) - 17))
    assert names == (*order, *rest, "opacity", *(f"scale_{k}" for k in range(3)), *(f"rot_{k}" for k in range(4)))


@pytest.mark.slow
def test_compressed_gaussians_are_the_same_but_for_rounding(run: Path, tmp_path: Path):
    gsply = pytest.importorskip("gsply")
    export(run, tmp_path / "out", "--formats", "splat", "spz")
    expected, packed = (tmp_path / "out" / "scene" / f"gaussians.{ending}" for ending in ("ply", "spz"))
    splats, found = read_splats(expected), gsply.read_spz(packed)
    assert packed.stat().st_size < expected.stat().st_size / 3
    assert np.allclose(found.means, splats.means.numpy(), atol=1e-4)
    assert np.allclose(found.sh0, splats.harmonics[:, 0].numpy(), atol=0.02)
    assert np.allclose(np.exp(found.scales), splats.scales.numpy(), rtol=0.05, atol=1e-4)


@pytest.mark.parametrize("index", range(len(PLACED)))
def test_meshes_are_the_true_balls_in_tuned_colours(exported: Path, index: int):
    mesh = trimesh.load(exported / "objects" / BALL_NAMES[index] / "mesh.glb", force="mesh", process=False)
    assert np.allclose(np.linalg.norm(mesh.vertices - BALL_CENTERS[index], axis=1), BALL_RADII[index], rtol=0.03)
    corners = mesh.visual.uv * 64
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"))
    columns, rows = corners[:, 0].astype(int).clip(0, 63), (64 - corners[:, 1]).astype(int).clip(0, 63)
    local = place_of_ball(index).inverse().apply(torch.from_numpy(np.asarray(mesh.vertices)))
    expected = tuned_ball_color(local / BALL_RADIUS).numpy()
    assert np.abs(texture[rows, columns] / 255 - expected).mean() < 0.04


def test_gaussians_of_a_composed_object_are_those_of_its_proxy(run: Path, exported: Path):
    splats = read_splats(exported / "objects" / BALL_NAMES[0] / "gaussians.ply")
    assert len(splats) == load_finished_run(run / "config.yml").model.scene_composite.record(BALL_NAMES[0]).filled
    distances = (splats.means - torch.from_numpy(BALL_CENTERS[0]).float()).norm(dim=1)
    assert torch.allclose(distances, torch.tensor(BALL_RADII[0]).float(), rtol=0.05)


def test_all_formats_of_an_object_are_one_surface(exported: Path):
    folder = exported / "objects" / BALL_NAMES[0]
    bounds = [trimesh.load(folder / f"mesh.{ending}", force="mesh").bounds for ending in ("glb", "obj", "ply")]
    bounds.append(trimesh.load(folder / "simulation" / "visual.obj", force="mesh").bounds)
    assert np.allclose(bounds, bounds[0], atol=1e-5)


def test_the_scene_has_all_objects_by_name(exported: Path):
    scene = trimesh.load(exported / "scene" / "objects.glb", process=False)
    assert set(scene.geometry) == {*PLACED}


def test_all_bodies_stand_in_one_world(exported: Path):
    mujoco = pytest.importorskip("mujoco")
    model = mujoco.MjModel.from_xml_path(str(exported / "scene" / "objects.xml"))
    assert model.nbody == 1 + len(PLACED)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    centers = sorted(data.xipos[1:].tolist())
    assert np.allclose(centers, sorted(BALL_CENTERS[: len(PLACED)].tolist()), atol=0.01)
    assert model.opt.gravity[2] < -9


def test_an_objects_own_frame_is_upright_around_its_middle(run: Path, exported: Path, tmp_path: Path):
    export(run, tmp_path / "own", "--frame", "object", "--formats", "splat", "ply", "glb", *SMALL)
    for one in manifest(tmp_path / "own")["objects"]:
        if one["mesh"] is None:
            continue
        folder = tmp_path / "own" / "objects" / one["name"]
        own, placed = (trimesh.load(place / "mesh.ply", process=False) for place in
                       (folder, exported / "objects" / one["name"]))  # fmt: skip
        assert np.allclose(own.bounds[0], -own.bounds[1], atol=1e-5)
        assert np.allclose(own.extents, one["size"], atol=1e-5)
        moved = trimesh.transform_points(own.vertices, np.array(one["object_to_capture"]))
        assert np.allclose(moved, placed.vertices, atol=1e-5)
        upright = trimesh.load(folder / "mesh.glb", force="mesh", process=False)
        assert upright.extents[1] == pytest.approx(own.extents[2], abs=1e-5)


def test_one_object_alone_and_no_scene(run: Path, tmp_path: Path):
    export(run, tmp_path / "one", "--objects", BALL_NAMES[1], "--no-scene", "--formats", "glb", *SMALL)
    assert [path.name for path in (tmp_path / "one" / "objects").iterdir()] == [BALL_NAMES[1]]
    assert not (tmp_path / "one" / "scene").exists()


def test_one_extracted_object_is_its_own_files_alone(run: Path, exported: Path, tmp_path: Path):
    scorp("extract", run, tmp_path / "one", "--object", PLACED[0])
    assert [one["name"] for one in manifest(tmp_path / "one")["objects"]] == [PLACED[0]]
    found, expected = (read_splats(place / "objects" / PLACED[0] / "gaussians.ply") for place in
                       (tmp_path / "one", exported))  # fmt: skip
    torch.testing.assert_close(found.means, expected.means)


def test_an_extracted_mesh_is_as_fine_as_asked_for(run: Path, tmp_path: Path):
    scorp("extract", run, tmp_path / "one", "--object", PLACED[0], "--formats", "glb", "--target-faces", "500",
          "--texture-size", "96")  # fmt: skip
    (one,) = manifest(tmp_path / "one")["objects"]
    assert 0 < one["mesh"]["triangles"] <= 500 and one["mesh"]["texture_size"] == 96


def test_a_removed_object_is_gone_and_the_others_stay(run: Path, tmp_path: Path):
    scorp("remove", run, tmp_path / "without", "--object", PLACED[0])
    assert manifest(tmp_path / "without")["removed"] == [PLACED[0]]
    means = read_splats(tmp_path / "without" / "scene.ply").means
    loaded = load_finished_run(run / "config.yml")
    gaussians, owners = loaded.model.owned(AFTER)
    before = loaded.capture_to_world.inverse().apply(gaussians.means)
    own_label = label_of(loaded, PLACED[0])
    is_others = (owners > 0) & (owners != own_label)
    assert within_ball(means, 0, 0.95, above=0.1) == within_ball(before[is_others], 0, 0.95, above=0.1)
    assert within_ball(means, 1, 1.04, above=-1) >= within_ball(before[is_others], 1, 1.04, above=-1) >= 200
    floor = means[(means[:, 2].abs() < 0.02) & (means[:, :2].norm(dim=1) < BALL_RADII[0])]
    assert len(floor) > 100, "which nobody saw"


def label_of(run: FinishedRun, name: str) -> int:
    (label,) = (one.label for one in run.model.scene_objects.objects() if one.name == name)
    return label


def within_ball(means: torch.Tensor, index: int, share: float, above: float) -> int:
    """How many points lie within a share of a ball's radius, and so high."""
    distances = (means - torch.from_numpy(BALL_CENTERS[index]).float()).norm(dim=1)
    return int(((distances < share * BALL_RADII[index]) & (means[:, 2] > above)).sum())
