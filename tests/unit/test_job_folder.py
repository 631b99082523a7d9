"""A job folder tells all that is known of an object, and a result is read from nowhere else."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from job_servers import box_file
from PIL import Image
from plyfile import PlyData
from scipy.ndimage import binary_dilation

from scorp_ns.errors import GenerationError
from scorp_ns.formats.splat_ply import read_splats
from scorp_ns.generate.example_request import CENTER, RADIUS, example_request
from scorp_ns.generate.external.job_folder import MOST_WINDOWS, job_name, write_job
from scorp_ns.generate.external.job_result import read_result
from scorp_ns.generate.external.partial_points import partial_points
from scorp_ns.products import BACKGROUND, OCCLUDER, VISIBLE
from scorp_ns.surfaces.mesh import ColoredMesh

REQUEST = example_request()

STRANGE_NAMES = [
    "mug",
    "a/b",
    "../../etc/passwd",
    "..",
    "☕",
    "$(rm -rf ~)",
    "a\0b",
    "\ud800",
    "x" * 5000,
    " ",
    "CON",
    "a b",
]


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the example's job."""
    folder = tmp_path_factory.mktemp("job")
    write_job(folder, REQUEST)
    return folder


def cameras(job: Path, part: str) -> list[dict[str, Any]]:
    return json.loads((job / part / "cameras.json").read_text())["views"]


def points_of(job: Path) -> np.ndarray:
    vertices = PlyData.read(str(job / "points.ply"))["vertex"]
    return np.stack([vertices[name] for name in ("x", "y", "z")], axis=1)


def test_a_job_says_what_is_asked(job: Path):
    told = json.loads((job / "job.json").read_text())
    assert (told["name"], told["prompt"], told["seed"], told["up"]) == ("ball", "a coloured ball", 1, [0, 0, 1])
    assert told["support"] == {"point": [0, 0, 0], "up": [0, 0, 1]}
    assert told["box"]["center"] == pytest.approx([0, 0, RADIUS]) and told["box"]["size"] == pytest.approx([0.1] * 3)
    assert all((job / path).is_file() for path in told["files"].values())


def test_an_object_in_the_air_has_no_support(tmp_path: Path):
    write_job(tmp_path, replace(REQUEST, support=None))
    assert json.loads((tmp_path / "job.json").read_text())["support"] is None


def test_pictures_are_those_of_the_request(job: Path):
    for view, told in zip(REQUEST.views, cameras(job, "views"), strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(job / "views" / told["file"])), view.rgba)
        np.testing.assert_array_equal(np.asarray(Image.open(job / "views" / told["roles"])), view.trimap)
    for part, sights in (("frames", REQUEST.frames), ("sights", REQUEST.windows)):
        for sight, told in zip(sights, cameras(job, part), strict=True):
            mask = np.asarray(Image.open(job / part / told["mask"]))
            np.testing.assert_array_equal(np.asarray(Image.open(job / part / told["file"])), sight.photograph)
            np.testing.assert_array_equal(np.asarray(Image.open(job / part / told["roles"])), sight.trimap)
            np.testing.assert_array_equal(mask, np.where(sight.trimap == VISIBLE, 255, 0))


def test_cameras_see_the_points_where_the_object_is(job: Path):
    points = points_of(job)
    for part in ("views", "frames", "sights"):
        for told in cameras(job, part):
            to_camera = np.linalg.inv(np.array(told["camera_to_capture_opencv"]))
            places = points @ to_camera[:3, :3].T + to_camera[:3, 3]
            pixels = places @ np.array(told["K"]).T
            columns, rows = (np.floor(pixels[:, axis] / pixels[:, 2]).astype(int) for axis in (0, 1))
            roles = np.asarray(Image.open(job / part / told["roles"]))
            assert list(roles.shape[::-1]) == told["size"]
            # Much of a ball's surface lies at its edge, where pixels are half full.
            assert binary_dilation(roles == VISIBLE)[rows, columns].mean() > 0.999


def test_gaussians_are_those_that_were_lifted(job: Path):
    torch.testing.assert_close(read_splats(job / "gaussians.ply").means, REQUEST.gaussians.means)


def test_points_lie_on_the_object_and_face_the_cameras():
    points, normals, colors = partial_points(REQUEST.windows, REQUEST.frame)
    outwards = (points - CENTER) / RADIUS
    np.testing.assert_allclose(np.linalg.norm(outwards, axis=1), 1, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-5)
    assert (normals * outwards).sum(axis=1).min() > 0.95
    assert np.abs(colors - (127.5 + 100 * outwards) / 255).mean() < 0.02
    seen = sum(int((sight.trimap == VISIBLE).sum()) for sight in REQUEST.windows)
    assert 1000 < len(points) < seen


def test_what_is_not_on_the_object_makes_no_points():
    sight = REQUEST.windows[0]
    farther = replace(sight, depth=sight.depth + np.float32(1))
    unknown = replace(sight, depth=np.full_like(sight.depth, np.inf))
    hidden = replace(sight, trimap=np.full_like(sight.trimap, OCCLUDER))
    elsewhere = replace(sight, trimap=np.full_like(sight.trimap, BACKGROUND))
    for sights in ([farther], [unknown], [hidden, elsewhere], []):
        assert [part.shape for part in partial_points(sights, REQUEST.frame)] == [(0, 3)] * 3


def test_a_request_that_knows_nearly_nothing_is_a_job_too(tmp_path: Path):
    write_job(tmp_path, replace(REQUEST, views=(), frames=(), windows=()))
    assert len(points_of(tmp_path)) == 0 and cameras(tmp_path, "sights") == []


def test_so_many_photographs_are_enough(tmp_path: Path):
    sights = tuple(replace(REQUEST.windows[0], name=str(number)) for number in range(100))
    write_job(tmp_path, replace(REQUEST, windows=sights))
    written = [int(told["photograph"]) for told in cameras(tmp_path, "sights")]
    assert len(written) == MOST_WINDOWS and np.diff(written).max() <= 3 and written[-1] > 95


def test_names_of_folders_are_plain_and_tell_objects_apart():
    folders = [job_name(name) for name in STRANGE_NAMES]
    assert len(set(folders)) == len(STRANGE_NAMES)
    assert all(folder.replace("-", "").replace("_", "").isalnum() and folder.isascii() for folder in folders)
    assert max(map(len, folders)) < 64


@pytest.mark.parametrize("name", STRANGE_NAMES)
def test_names_are_told_whatever_they_are(name: str, tmp_path: Path):
    write_job(tmp_path, replace(REQUEST, name=name, views=(), frames=(), windows=()))
    assert json.loads((tmp_path / "job.json").read_text())["name"] == name


def test_a_folder_that_cannot_be_written_costs_the_object_only(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(GenerationError, match="cannot be written"):
        write_job(tmp_path / "file" / "job", REQUEST)


def result(folder: Path, **described: Any) -> Path:
    """A folder with a box and what is said of it."""
    folder.mkdir(exist_ok=True)
    (folder / "result.glb").write_bytes(box_file())
    if described:
        (folder / "result.json").write_text(json.dumps(described))
    return folder


def test_links_inside_the_folder_are_followed(tmp_path: Path):
    folder = result(tmp_path / "job")
    (folder / "result.glb").rename(folder / "asset.glb")
    (folder / "result.glb").symlink_to("asset.glb")
    assert isinstance(read_result(folder, "ball", "x").shape, ColoredMesh)


@pytest.mark.parametrize("file", ["../box.glb", "{tmp}/box.glb", "a/../../box.glb", "link.glb", "links/box.glb"])
def test_nothing_outside_the_folder_is_read(file: str, tmp_path: Path):
    (tmp_path / "box.glb").write_bytes(box_file())
    folder = result(tmp_path / "job", file=file.format(tmp=tmp_path))
    (folder / "link.glb").symlink_to(tmp_path / "box.glb")
    (folder / "links").symlink_to(tmp_path)
    (folder / "a").mkdir()
    with pytest.raises(GenerationError, match="outside the job's folder"):
        read_result(folder, "ball", "x")


@pytest.mark.parametrize("name", ["result.glb", "result.json"])
def test_links_that_leave_the_folder_are_not_followed(name: str, tmp_path: Path):
    (tmp_path / "box").write_bytes(box_file() if name == "result.glb" else b'{"model": "x"}')
    folder = result(tmp_path / "job")
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to(tmp_path / "box")
    with pytest.raises(GenerationError, match="outside the job's folder"):
        read_result(folder, "ball", "x")


def test_what_is_no_file_is_not_waited_for(tmp_path: Path):
    for number, make in enumerate((os.mkfifo, os.mkdir, lambda path: os.symlink(path, path))):
        folder = tmp_path / str(number)
        folder.mkdir()
        make(folder / "result.ply")
        with pytest.raises(GenerationError, match=r"is no file|There is no result"):
            read_result(folder, "ball", "x")


def test_a_description_may_say_nothing(tmp_path: Path):
    asset = read_result(result(tmp_path / "job", unknown=1, file=None), "ball", "the program")
    assert asset.made_by == "the program" and asset.T_capture_asset is asset.up is asset.license is None


TURN = [[0.0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]]


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_poses_of_any_size_and_of_few_digits_are_read(scale: float, tmp_path: Path):
    matrix = [[round(scale * value, 12) for value in row] for row in TURN[:3]] + [[0, 0, 0, 1.000001]]
    pose = read_result(result(tmp_path / "job", asset_to_capture=matrix), "ball", "x").T_capture_asset
    assert pose is not None and pose.scale == pytest.approx(scale)
    np.testing.assert_allclose(pose.matrix.numpy()[:3], matrix[:3], rtol=1e-4)


@pytest.mark.parametrize(
    "matrix",
    [
        [],
        {},
        "x",
        7,
        TURN[:3],
        [row[:3] for row in TURN],
        [*TURN[:3], [0, 0, 1, 1]],
        [[2, 0, 0, 0], *TURN[1:]],
        [[0, 1, 0, 0], *TURN[1:]],
        [[0] * 4] * 4,
        [["0"] * 4] * 4,
        [[None] * 4] * 4,
        [[float("nan")] * 4, *TURN[1:]],
        [[10**400, 0, 0, 0], *TURN[1:]],
        [[1e200, 0, 0, 0], [0, 1e200, 0, 0], [0, 0, 1e200, 0], TURN[3]],
    ],
)
def test_what_is_no_pose_is_told_of(matrix: Any, tmp_path: Path):
    with pytest.raises(GenerationError, match="'asset_to_capture'"):
        read_result(result(tmp_path / "job", asset_to_capture=matrix), "ball", "x")
