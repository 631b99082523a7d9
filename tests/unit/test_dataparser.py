"""The dataparser gives what nerfstudio's own gives, for every kind of capture that nerfstudio accepts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from captures import HEIGHT, WIDTH, edit, edit_frames, edit_matrices, write_capture
from nerfstudio.data.dataparsers.base_dataparser import DataparserOutputs
from nerfstudio.data.dataparsers.nerfstudio_dataparser import Nerfstudio, NerfstudioDataParserConfig
from PIL import Image

from scorp_ns.data.dataparser import CAPTURE_TO_WORLD, CaptureDataParser
from scorp_ns.errors import CaptureError
from scorp_ns.formats.point_ply import read_points


def parse(data: Path, split: str = "train", **options: Any) -> DataparserOutputs:
    config = NerfstudioDataParserConfig(data=data, load_3D_points=True, **options)
    return CaptureDataParser(config).get_dataparser_outputs(split)


def set_fisheye(folder: Path) -> None:
    edit(camera_model="OPENCV_FISHEYE", fl_x=4.0, fl_y=4.0, k1=0.1, k2=0.01, k3=0.0, k4=0.0)(folder)


def set_per_frame_intrinsics(folder: Path) -> None:
    values = {"fl_x": 50.0, "fl_y": 50.0, "cx": 24.0, "cy": 18.0, "w": WIDTH, "h": HEIGHT}
    edit(**dict.fromkeys(values))(folder)
    edit_frames(lambda frame: frame.update(values), slice(None))(folder)
    Image.new("RGB", (96, 72)).save(folder / "images" / "0003.png")
    edit_frames(lambda frame: frame.update(w=96, h=72))(folder)


def set_masks(folder: Path) -> None:
    Image.new("1", (WIDTH, HEIGHT)).save(folder / "mask.png")
    edit_frames(lambda frame: frame.update(mask_path="mask.png"), slice(None))(folder)


def set_absolute_paths(folder: Path) -> None:
    edit_frames(lambda frame: frame.update(file_path=str(folder / frame["file_path"])), slice(None))(folder)


def leave_unlisted_images_out(folder: Path) -> None:
    names = [f"images/{index:04d}.png" for index in range(12)]
    edit(train_filenames=names[:8], val_filenames=names[8:10], test_filenames=names[8:10])(folder)
    (folder / "images" / "0011.png").unlink()


LEGITIMATE: dict[str, Callable[[Path], Any]] = {
    "plain": lambda folder: None,
    "no seed points": edit(ply_file_path=None),
    "old capture with a COLMAP model": lambda folder: (
        edit(ply_file_path=None)(folder),
        (folder / "colmap" / "sparse" / "0").mkdir(parents=True),
    ),
    "fisheye wider than a pinhole": set_fisheye,
    "equirectangular without a focal length to speak of": edit(camera_model="EQUIRECTANGULAR", fl_x=0.0, fl_y=0.0),
    "intrinsics and size per frame": set_per_frame_intrinsics,
    "no camera model": edit(camera_model=None),
    "mirrored world": edit_matrices(lambda matrix: np.diag([-1.0, 1.0, 1.0, 1.0]) @ matrix, slice(None)),
    "poses rounded to two digits": edit_matrices(lambda matrix: matrix.round(2), slice(None)),
    "masks of one bit": set_masks,
    "absolute paths": set_absolute_paths,
    "applied transform and scale": edit(
        applied_transform=[[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]], applied_scale=0.5
    ),
    "missing images that no split uses": leave_unlisted_images_out,
    "grey image": lambda folder: Image.new("L", (WIDTH, HEIGHT)).save(folder / "images" / "0003.png"),
}


@pytest.mark.parametrize("split", ["train", "val"])
@pytest.mark.parametrize("name", LEGITIMATE)
def test_legitimate_capture_parses_as_nerfstudio_does(name: str, split: str, tmp_path: Path, monkeypatch) -> None:
    folder = write_capture(tmp_path / "capture")
    LEGITIMATE[name](folder)
    ours = parse(folder, split)
    monkeypatch.setattr("rich.prompt.Confirm.ask", lambda *args: False)
    theirs = Nerfstudio(NerfstudioDataParserConfig(data=folder, load_3D_points=True)).get_dataparser_outputs(split)
    assert_same_outputs(ours, theirs)
    assert_leads_from_file_to_training(ours, folder)


def assert_leads_from_file_to_training(outputs: DataparserOutputs, folder: Path) -> None:
    """The capture's frame is that of the poses in its file, whatever was applied to them before."""
    frames = {
        Path(frame["file_path"]).name: frame for frame in json.loads((folder / "transforms.json").read_text())["frames"]
    }
    in_file = [np.array(frames[path.name]["transform_matrix"])[:3, 3] for path in outputs.image_filenames]
    moved = outputs.metadata[CAPTURE_TO_WORLD].apply(torch.from_numpy(np.stack(in_file)))
    np.testing.assert_allclose(moved, outputs.cameras.camera_to_worlds[:, :, 3], atol=1e-5)


def assert_same_outputs(ours: DataparserOutputs, theirs: DataparserOutputs) -> None:
    """Images, cameras and points agree; colours up to the level that nerfstudio loses by rounding down."""
    assert ours.image_filenames == theirs.image_filenames and ours.mask_filenames == theirs.mask_filenames
    assert ours.dataparser_scale == theirs.dataparser_scale
    assert ours.dataparser_transform.equal(theirs.dataparser_transform)
    for name in ("camera_to_worlds", "fx", "fy", "cx", "cy", "width", "height", "camera_type"):
        assert getattr(ours.cameras, name).equal(getattr(theirs.cameras, name))
    assert ours.metadata.keys() - {CAPTURE_TO_WORLD} == theirs.metadata.keys()
    if "points3D_xyz" in theirs.metadata:
        np.testing.assert_allclose(ours.metadata["points3D_xyz"], theirs.metadata["points3D_xyz"], atol=1e-6)
        np.testing.assert_allclose(ours.metadata["points3D_rgb"].int(), theirs.metadata["points3D_rgb"].int(), atol=1)


def test_smaller_copies_are_used_where_nerfstudio_uses_them(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "capture")
    edit(w=2000, h=1500, fl_x=2000, fl_y=2000, cx=1000, cy=750)(folder)
    (folder / "images_2").mkdir()
    for path in (folder / "images").iterdir():
        Image.new("L", (1000, 750)).save(folder / "images_2" / path.name)
    Image.new("L", (2000, 1500)).save(folder / "images" / "0000.png")
    assert {path.parent.name for path in parse(folder).image_filenames} == {"images_2"}
    assert {path.parent.name for path in parse(folder, downscale_factor=2).image_filenames} == {"images_2"}


def test_finished_scene_parses_where_its_images_are_gone(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "capture")
    shutil.rmtree(folder / "images")
    parser = CaptureDataParser(NerfstudioDataParserConfig(data=folder, load_3D_points=True))
    parser.downscale_factor = 1
    assert len(parser.get_dataparser_outputs("test").cameras) > 0


def test_small_capture_is_evaluated_on_its_training_images(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "capture", num_views=5)
    assert parse(folder, "val").image_filenames == parse(folder, "train").image_filenames


def test_points_that_are_not_finite_are_left_out_and_said_once(tmp_path: Path, capsys) -> None:
    folder = write_capture(tmp_path / "capture")
    path = folder / "sparse_points.ply"
    num_points = len(read_points(path).xyz)
    content = bytearray(path.read_bytes())
    start = content.index(b"end_header\n") + len(b"end_header\n")
    content[start : start + 4] = np.float32(np.nan).tobytes()
    path.write_bytes(content)
    parser = CaptureDataParser(NerfstudioDataParserConfig(data=folder, load_3D_points=True))
    for split in ("train", "val"):
        assert len(parser.get_dataparser_outputs(split).metadata["points3D_xyz"]) == num_points - 1
    assert capsys.readouterr().out.count("1 seed points") == 1


def test_evaluation_without_a_list_of_its_own_is_refused_only_when_asked_for(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "capture")
    names = [f"images/{index:04d}.png" for index in range(12)]
    edit(train_filenames=names[:9], val_filenames=names[9:])(folder)
    assert len(parse(folder, "train").image_filenames) == 9
    assert len(parse(folder, "val").image_filenames) == 3
    with pytest.raises(CaptureError, match="'test' images are needed now"):
        parse(folder, "test")
