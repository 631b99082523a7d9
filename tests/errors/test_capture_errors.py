"""Every broken capture says what was found, what is needed and what to do, word for word as in messages.json.

After a deliberate change of wording, `SCORP_WRITE_MESSAGES=1 pytest tests/errors` writes the file anew, to be read.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from captures import HEIGHT, WIDTH, edit, edit_frames, edit_matrices, edited_transforms, write_capture
from nerfstudio.cameras.cameras import CAMERA_MODEL_TO_TYPE
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig
from PIL import Image

from scorp_ns.data.capture.check import check_capture
from scorp_ns.data.capture.images import check_image_decodes
from scorp_ns.data.capture.intrinsics import CAMERA_MODELS
from scorp_ns.data.dataparser import CaptureDataParser
from scorp_ns.errors import CaptureError

MESSAGES = Path(__file__).parent / "messages.json"
REAL_CAPTURES = Path(__file__).parents[3] / "shared" / "captures"


@dataclass(frozen=True)
class Breakage:
    """A way to break the capture in a folder; it may return another path to pass as `--data`."""

    apply: Callable[[Path], Path | None]
    options: dict[str, Any]


BREAKAGES: dict[str, Breakage] = {}


def breakage(**options: Any) -> Callable[[Callable[[Path], Path | None]], Callable[[Path], Path | None]]:
    """Register a function that breaks a capture, to be parsed with these options of the dataparser."""

    def register(apply: Callable[[Path], Path | None]) -> Callable[[Path], Path | None]:
        BREAKAGES[apply.__name__] = Breakage(apply, options)
        return apply

    return register


def with_entry(matrix: np.ndarray, row: int, column: int, value: float) -> np.ndarray:
    matrix[row, column] = value
    return matrix


SIMPLE: dict[str, Callable[[Path], Any]] = {
    "transforms_is_not_json": lambda folder: (folder / "transforms.json").write_text('{"frames": [,]}'),
    "transforms_is_empty": lambda folder: (folder / "transforms.json").write_text(""),
    "transforms_is_binary": lambda folder: (folder / "transforms.json").write_bytes(b"\xff\xfe{}"),
    "transforms_is_nested_endlessly": lambda folder: (folder / "transforms.json").write_text("[" * 200_000),
    "transforms_is_a_list": lambda folder: (folder / "transforms.json").write_text("[]"),
    "no_frames": edit(frames=None),
    "frames_are_an_object": edit(frames={"0": {}}),
    "frames_are_empty": edit(frames=[]),
    "frame_is_a_string": edit(frames=["images/0000.png"]),
    "file_path_is_missing": edit_frames(lambda frame: frame.pop("file_path")),
    "file_path_is_a_number": edit_frames(lambda frame: frame.update(file_path=7)),
    "pose_is_missing": edit_frames(lambda frame: frame.pop("transform_matrix"), slice(2, 8)),
    "pose_is_3x4": edit_matrices(lambda matrix: matrix[:3], slice(None)),
    "pose_is_ragged": edit_frames(lambda frame: frame["transform_matrix"][0].pop()),
    "pose_holds_nan": edit_matrices(lambda matrix: with_entry(matrix, 0, 3, math.nan)),
    "pose_overflows": edit_matrices(lambda matrix: with_entry(matrix, 0, 3, 1e300)),
    "pose_is_transposed": edit_matrices(np.transpose, slice(None)),
    "pose_is_scaled": edit_matrices(lambda matrix: matrix @ np.diag([2.0, 2.0, 2.0, 1.0])),
    "pose_is_mirrored": edit_matrices(lambda matrix: matrix @ np.diag([1.0, 1.0, -1.0, 1.0])),
    "cameras_are_at_one_place": edit_matrices(
        lambda matrix: np.vstack([np.c_[matrix[:3, :3], [1, 2, 3]], [0, 0, 0, 1]]), slice(None)
    ),
    "camera_model_is_unknown": edit(camera_model="PINHOL"),
    "focal_length_is_missing": edit(fl_x=None),
    "field_of_view_instead_of_focal_length": edit(fl_x=None, fl_y=None, camera_angle_x=0.9),
    "focal_length_is_zero": edit(fl_x=0),
    "focal_length_is_nan": edit(fl_y=math.nan),
    "focal_length_is_a_word": edit(fl_x="long"),
    "focal_length_is_normalised": edit(fl_x=1.04, fl_y=1.04),
    "focal_length_is_gigantic": edit(fl_y=1e5),
    "principal_point_is_far_away": edit(cx=2400),
    "distortion_is_a_word": edit(k1="little"),
    "distortion_is_not_a_list": edit(distortion_params=0.1),
    "distortion_has_a_fourth_radial_term": edit(k1=0.1, k4=0.01),
    "orientation_is_unknown": edit(orientation_override="upwards"),
    "applied_transform_is_4x4": edit(applied_transform=np.eye(4).tolist()),
    "applied_scale_is_a_list": edit(applied_scale=[1]),
    "applied_scale_is_zero": edit(applied_scale=0),
    "applied_transform_is_flat": edit(applied_transform=np.zeros((3, 4)).tolist()),
    "mask_is_a_number": edit_frames(lambda frame: frame.update(mask_path=3)),
    "width_is_zero": edit(w=0),
    "height_only_in_some_frames": lambda folder: (
        edit(h=None)(folder),
        edit_frames(lambda frame: frame.update(h=HEIGHT), slice(5))(folder),
    ),
    "seed_points_are_named_by_a_list": edit(ply_file_path=[]),
    "seed_points_are_missing": lambda folder: (folder / "sparse_points.ply").unlink(),
    "seed_points_are_cut_short": lambda folder: os.truncate(folder / "sparse_points.ply", 500),
    "only_training_frames_are_listed": edit(train_filenames=["images/0000.png"]),
    "only_test_frames_are_listed": edit(test_filenames=["images/0000.png"]),
    "listed_frames_do_not_exist": edit(train_filenames=["0000.png", "images/0001.png"], val_filenames=[]),
    "list_of_frames_is_a_string": edit(train_filenames="images/0000.png", val_filenames=[]),
    "one_training_frame_is_listed": edit(train_filenames=["images/0000.png"], val_filenames=["images/0001.png"]),
    "masks_for_some_frames": edit_frames(lambda frame: frame.update(mask_path="masks/0.png"), slice(4)),
    "depth_for_some_frames": edit_frames(lambda frame: frame.update(depth_file_path="depth/0.png"), slice(4)),
    "mask_files_are_missing": edit_frames(lambda frame: frame.update(mask_path="masks/0.png"), slice(None)),
    "masks_are_colour_images": edit_frames(lambda frame: frame.update(mask_path=frame["file_path"]), slice(None)),
    "image_folder_is_missing": lambda folder: shutil.rmtree(folder / "images"),
    "image_is_empty": lambda folder: (folder / "images" / "0003.png").write_bytes(b""),
    "image_is_text": lambda folder: (folder / "images" / "0003.png").write_text("<html>404</html>"),
    "file_path_has_no_ending": edit_frames(
        lambda frame: frame.update(file_path=frame["file_path"].removesuffix(".png")), slice(None)
    ),
    "file_path_has_backslashes": edit_frames(
        lambda frame: frame.update(file_path=frame["file_path"].replace("/", "\\")), slice(None)
    ),
    "image_is_16_bit": lambda folder: Image.new("I;16", (WIDTH, HEIGHT)).save(folder / "images" / "0003.png"),
    "image_has_a_palette": lambda folder: Image.new("P", (WIDTH, HEIGHT)).save(folder / "images" / "0003.png"),
    "one_image_is_smaller": lambda folder: Image.new("RGB", (24, 18)).save(folder / "images" / "0003.png"),
    "width_and_height_are_of_larger_images": edit(w=2 * WIDTH, h=2 * HEIGHT),
    "images_are_turned": edit(w=HEIGHT, h=WIDTH),
}
"""Breakages of one expression, by name."""

for _name, _apply in SIMPLE.items():
    BREAKAGES[_name] = Breakage(lambda folder, apply=_apply: (apply(folder), None)[1], {})


@breakage()
def data_does_not_exist(folder: Path) -> Path:
    return folder / "nowhere"


@breakage()
def data_is_a_dangling_link(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "nowhere")
    return folder / "link"


@breakage()
def data_is_a_link_to_itself(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop" / "capture"


@breakage()
def data_is_an_image(folder: Path) -> Path:
    return folder / "images" / "0000.png"


@breakage()
def data_is_a_film(folder: Path) -> Path:
    (folder / "walk.MP4").touch()
    return folder / "walk.MP4"


@breakage()
def data_is_an_empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


@breakage()
def data_is_the_folder_of_images(folder: Path) -> Path:
    return folder / "images"


@breakage()
def data_is_the_folder_above(folder: Path) -> Path:
    return folder.parent


@breakage()
def data_is_a_folder_of_photos(folder: Path) -> None:
    (folder / "transforms.json").unlink()
    shutil.copy(folder / "images" / "0000.png", folder / "IMG_0001.PNG")


@breakage()
def data_has_only_a_folder_of_images(folder: Path) -> None:
    (folder / "transforms.json").unlink()


@breakage()
def data_is_a_colmap_folder(folder: Path) -> None:
    (folder / "transforms.json").unlink()
    (folder / "sparse" / "0").mkdir(parents=True)
    (folder / "sparse" / "0" / "cameras.bin").touch()


@breakage()
def data_is_a_processed_colmap_folder(folder: Path) -> None:
    (folder / "transforms.json").unlink()
    (folder / "colmap" / "sparse" / "0").mkdir(parents=True)
    (folder / "colmap" / "sparse" / "0" / "cameras.txt").touch()


@breakage()
def data_is_a_blender_folder(folder: Path) -> None:
    (folder / "transforms.json").rename(folder / "transforms_train.json")


@breakage()
def transforms_is_a_folder(folder: Path) -> None:
    (folder / "transforms.json").unlink()
    (folder / "transforms.json").mkdir()


@breakage()
def named_json_does_not_exist(folder: Path) -> Path:
    return folder / "transforms_2.json"


@breakage()
def capture_has_one_image(folder: Path) -> None:
    with edited_transforms(folder) as transforms:
        del transforms["frames"][1:]


@breakage()
def images_fail_in_many_ways(folder: Path) -> None:
    images = sorted((folder / "images").iterdir())
    for path in images:
        path.unlink()
    images[1].mkdir()
    images[2].symlink_to(images[2])
    images[3].symlink_to(folder / "nowhere")
    images[4].write_bytes(b"\x89PNG\r\n\x1a\n")


@breakage(downscale_factor=2)
def smaller_copies_are_missing(folder: Path) -> None:
    (folder / "images_2").mkdir()


@breakage(downscale_factor=2)
def smaller_copies_have_another_size(folder: Path) -> None:
    shutil.copytree(folder / "images", folder / "images_2")


@breakage()
def one_frame_of_a_mixed_capture_has_another_size(folder: Path) -> None:
    edit(w=None, h=None)(folder)
    edit_frames(lambda frame: frame.update(w=WIDTH, h=HEIGHT), slice(None))(folder)
    Image.new("RGB", (24, 18)).save(folder / "images" / "0003.png")


@breakage()
def masks_have_another_size(folder: Path) -> None:
    Image.new("L", (24, 18)).save(folder / "mask.png")
    edit_frames(lambda frame: frame.update(mask_path="mask.png"), slice(None))(folder)


@breakage(eval_mode="filename")
def names_do_not_tell_the_split(folder: Path) -> None:
    del folder


@breakage(eval_mode="interval", eval_interval=1)
def all_images_are_held_out(folder: Path) -> None:
    del folder


def parse(data: Path, **options: Any) -> None:
    config = NerfstudioDataParserConfig(data=data, load_3D_points=True, **options)
    CaptureDataParser(config).get_dataparser_outputs("train")


def message_of(breakage: Breakage, folder: Path) -> str:
    """What is said about a capture broken in this way, with the capture's path as <capture>."""
    data = breakage.apply(write_capture(folder)) or folder
    with pytest.raises(CaptureError) as caught:
        parse(data, **breakage.options)
    error = caught.value
    assert all(part.endswith(".") for part in (error.found, error.needed, error.do))
    return str(error).replace(str(folder), "<capture>").replace(str(folder.parent), "<above>")


@pytest.mark.parametrize("name", BREAKAGES)
def test_broken_capture_says_what_is_wrong(name: str, tmp_path: Path) -> None:
    message = message_of(BREAKAGES[name], tmp_path / "capture")
    messages = json.loads(MESSAGES.read_text()) if MESSAGES.exists() else {}
    if os.environ.get("SCORP_WRITE_MESSAGES"):
        kept = {known: messages[known] for known in BREAKAGES if known in messages}
        MESSAGES.write_text(json.dumps(kept | {name: message}, indent=2, ensure_ascii=False) + "\n")
        return
    assert message == messages[name]


def test_there_is_a_message_for_every_breakage_and_no_other() -> None:
    assert set(json.loads(MESSAGES.read_text())) == set(BREAKAGES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["transforms.json", "images", "sparse_points.ply", "."])
def test_what_must_not_be_read_is_reported(name: str, tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "capture")
    (folder / name).chmod(0)
    try:
        with pytest.raises(CaptureError, match="Permission denied"):
            parse(folder)
    finally:
        (folder / name).chmod(0o700)


def test_cut_image_passes_the_quick_check_and_fails_to_decode(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "capture")
    path = folder / "images" / "0003.png"
    os.truncate(path, path.stat().st_size // 2)
    parse(folder)
    check_image_decodes(folder / "images" / "0002.png")
    with pytest.raises(CaptureError, match=r"0003\.png cannot be decoded: .*truncated"):
        check_image_decodes(path)


def test_known_camera_models_are_nerfstudios() -> None:
    assert set(CAMERA_MODEL_TO_TYPE) == CAMERA_MODELS


@pytest.mark.parametrize("name", ["tabletop", "kitchen", "desk"])
def test_real_capture_passes_quickly(name: str) -> None:
    folder = REAL_CAPTURES / name
    if not folder.exists():
        pytest.skip("the captures are not on this machine")
    start = time.process_time()
    check_capture(folder)
    assert time.process_time() - start < 0.3


def test_ten_times_the_frames_are_checked_in_about_ten_times_the_time(tmp_path: Path) -> None:
    folder = write_capture(tmp_path / "capture")
    first, other = json.loads((folder / "transforms.json").read_text())["frames"][:2]
    seconds = []
    for number in (10_000, 100_000):
        with edited_transforms(folder) as transforms:
            absent = [{**other, "file_path": f"images/absent_{index}.png"} for index in range(number)]
            transforms["frames"] = [first, *absent]
        start = time.process_time()
        with pytest.raises(CaptureError, match=rf"Missing \({number}\)"):
            parse(folder)
        seconds.append(time.process_time() - start)
    assert seconds[1] < 30 * seconds[0], "the time grows with the square of the frames"
