"""Lifted objects as files: in the frame and units of the capture, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lifting_scenes import ball_scene
from PIL import Image
from torch import Tensor

from scorp_ns.errors import OutputError
from scorp_ns.export.object_files import write_object, write_report
from scorp_ns.formats.splat_ply import read_splats
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.lift.config import LiftConfig
from scorp_ns.lift.crops import VISIBLE
from scorp_ns.masks.folder_names import object_folders
from scorp_ns.products import LiftedObject, ObjectInfo, ObjectView
from scorp_ns.stages.lift import Scene, lift_objects

SCENE = ball_scene()
LIFTED = lift_objects(Scene(SCENE.gaussians, SCENE.views, Similarity.identity()), SCENE.objects, LiftConfig())
BALL = LIFTED.objects[0]
VIEWS = LIFTED.views["ball 1"]

QUARTER_TURN = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
MIRROR = torch.diag(torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64))
SHIFT = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)

CAPTURES = {
    "same": Similarity.identity(),
    "turned and scaled": Similarity(QUARTER_TURN, SHIFT, 0.25),
    "mirrored": Similarity(MIRROR @ QUARTER_TURN, SHIFT, 4.0),
}


def by_hand(points: Tensor, name: str) -> Tensor:
    """World points in the capture, as one would work it out on paper."""
    x, y, z = points.double().unbind(-1)
    if name == "turned and scaled":
        x, y, z = (v - shift for v, shift in zip((x, y, z), SHIFT.tolist(), strict=True))
        x, y, z = 4 * y, -4 * x, 4 * z
    if name == "mirrored":
        x, y, z = (v - shift for v, shift in zip((x, y, z), SHIFT.tolist(), strict=True))
        x, y, z = y / 4, x / 4, z / 4
    return torch.stack([x, y, z], dim=-1)


def write(folder: Path, name: str = "same", views: Any = VIEWS, one: LiftedObject = BALL) -> dict[str, Any]:
    write_object(folder, one, views, SCENE.gaussians, CAPTURES[name])
    return json.loads((folder / "object.json").read_text(encoding="utf-8"))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_files_are_there_and_nothing_else(tmp_path: Path):
    write(tmp_path / "ball")
    views = [f"views/{number:02d}{kind}.png" for number in range(len(VIEWS)) for kind in ("", "_roles")]
    expected = {"gaussians.ply", "object.json", "views/cameras.json", *views}
    assert set(contents(tmp_path / "ball")) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["ball"]


@pytest.mark.parametrize("name", CAPTURES)
def test_gaussians_and_findings_are_in_the_captures_frame(name: str, tmp_path: Path):
    findings = write(tmp_path, name)
    gaussians = read_splats(tmp_path / "gaussians.ply")
    assert len(gaussians) == findings["gaussians"] == len(BALL.indices)
    expected = by_hand(SCENE.gaussians.means[BALL.indices], name)
    torch.testing.assert_close(gaussians.means.double(), expected, rtol=0, atol=1e-5)
    units = {"same": 1.0, "turned and scaled": 4.0, "mirrored": 0.25}[name]
    torch.testing.assert_close(gaussians.scales, units * SCENE.gaussians.scales[BALL.indices], rtol=1e-5, atol=0)
    box = findings["box"]
    np.testing.assert_allclose(box["center"], by_hand(BALL.frame.center, name), atol=1e-6)
    np.testing.assert_allclose(box["size"], units * BALL.frame.extent.numpy(), rtol=1e-6)
    axes = np.array(box["axes"])
    np.testing.assert_allclose(axes.T @ axes, np.eye(3), atol=1e-5)
    local = (gaussians.means.double().numpy() - box["center"]) @ axes
    assert (np.abs(local) <= np.array(box["size"]) / 2 + 1e-6).mean() > 0.95
    assert BALL.support is not None
    np.testing.assert_allclose(findings["support"]["point"], by_hand(BALL.support.point, name), atol=1e-6)
    assert findings["support"]["up"][2] > 0.999
    assert findings["name"] == "ball 1" and set(findings["visible_share"]) == {view.name for view in SCENE.views}


@pytest.mark.parametrize("name", CAPTURES)
def test_the_crops_cameras_see_the_object_where_its_mask_is(name: str, tmp_path: Path):
    write(tmp_path, name)
    points = read_splats(tmp_path / "gaussians.ply").means.double().numpy()
    entries = json.loads((tmp_path / "views" / "cameras.json").read_text(encoding="utf-8"))["views"]
    assert [entry["photograph"] for entry in entries] == [view.name for view in VIEWS]
    for entry in entries:
        rgba = np.asarray(Image.open(tmp_path / "views" / entry["file"]))
        roles = np.asarray(Image.open(tmp_path / "views" / entry["roles"]))
        assert [rgba.shape[1], rgba.shape[0]] == entry["size"] and rgba.shape == (*roles.shape, 4)
        assert ((rgba[..., 3] == 255) == (roles == VISIBLE)).all()
        pose = np.array(entry["camera_to_capture_opencv"])
        pixels = (points - pose[:3, 3]) @ pose[:3, :3] @ np.array(entry["K"]).T
        assert (pixels[:, 2] > 0).all()
        columns, rows = (pixels[:, :2] / pixels[:, 2:]).astype(int).T
        assert (roles[rows, columns] == VISIBLE).mean() > 0.9
        assert min(entry["scores"].values()) >= 0 and max(entry["scores"].values()) <= 1


def test_tiny_units_keep_their_digits(tmp_path: Path):
    write_object(tmp_path, BALL, (), SCENE.gaussians, Similarity(torch.eye(3).double(), torch.zeros(3).double(), 1e7))
    box = json.loads((tmp_path / "object.json").read_text())["box"]
    np.testing.assert_allclose(np.array(box["size"]) * 1e7, BALL.frame.extent.numpy(), rtol=1e-6)


def test_what_is_not_known_is_null(tmp_path: Path):
    findings = write(tmp_path, one=replace(BALL, support=None, mask_iou=None))
    assert findings["support"] is None and findings["mask_iou"] is None


@pytest.mark.parametrize("name", ["mug/red", "..", "Tasse ä ☕", "con", "a b", "x" * 300])
def test_objects_of_any_name_get_a_folder_inside_the_runs(name: str, tmp_path: Path):
    (folder,) = object_folders([ObjectInfo(name)])
    findings = write(tmp_path / folder, one=replace(BALL, name=name))
    assert findings["name"] == name
    assert (tmp_path / folder).resolve().parent == tmp_path.resolve()
    write_report(tmp_path, {name: folder}, {"ghost": "No masks."})
    report = json.loads((tmp_path / "objects.json").read_text(encoding="utf-8"))
    assert report["lifted"] == {name: folder} and report["failed"] == {"ghost": "No masks."}


def test_names_of_photographs_that_are_no_text_are_written_all_the_same(tmp_path: Path):
    odd = os.fsdecode(b"caf\xe9.png")
    findings = write(tmp_path, one=replace(BALL, visible_shares={odd: 0.5}))
    assert list(findings["visible_share"].values()) == [0.5]


def test_writing_again_replaces_all_or_leaves_the_views(tmp_path: Path):
    write(tmp_path)
    before = contents(tmp_path)
    write(tmp_path, views=None)
    assert contents(tmp_path) == before
    write(tmp_path, views=VIEWS[:1])
    assert {name for name in contents(tmp_path) if name.startswith("views/0")} == {"views/00.png", "views/00_roles.png"}
    write(tmp_path, views=())
    assert not list((tmp_path / "views").glob("*.png"))


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="in"):
        write(tmp_path / "file" / "ball")
    with pytest.raises(OutputError):
        write_report(tmp_path / "file", {}, {})


@pytest.mark.parametrize("culprit", ["PIL.Image.Image.save", "os.replace", "pathlib.Path.rename"])
def test_on_a_full_disk_earlier_files_stay(culprit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path)
    before = contents(tmp_path)

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(culprit, full)
    smaller = replace(VIEWS[0], rgba=VIEWS[0].rgba[::2, ::2].copy(), trimap=VIEWS[0].trimap[::2, ::2].copy())
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path, views=[smaller])
    monkeypatch.undo()
    assert contents(tmp_path) == before
    assert not list(tmp_path.rglob(".*"))


def test_views_may_be_of_any_size(tmp_path: Path):
    one = ObjectView(
        name="a.png",
        rgba=np.full((1, 1, 4), 255, np.uint8),
        trimap=np.full((1, 1), VISIBLE, np.uint8),
        viewmat=torch.eye(4),
        K=torch.eye(3),
        scores={},
    )
    write(tmp_path, views=[one])
    assert Image.open(tmp_path / "views" / "00.png").size == (1, 1)
