"""Every layout is read as it is meant, and the right one is chosen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mask_files import (
    NAMES,
    assert_maps,
    build,
    built,
    frames,
    label_maps,
    names_of,
    save,
    write_alpha_folders,
    write_folders,
    write_json,
    write_maps,
    write_transforms,
)

NAMES_CONTENT = [{"id": 1, "name": NAMES[0]}, {"id": 2, "name": NAMES[1]}]


def test_object_folders_are_read(tmp_path: Path):
    maps = label_maps()
    write_folders(tmp_path / "object_masks", maps)
    masks = built(tmp_path)
    assert names_of(masks) == list(NAMES)
    assert masks.source == "object folders in object_masks/, 6 of 6 frames"
    assert_maps(masks, maps)


@pytest.mark.parametrize("subfolder", ["object_masks", "masked_image_rgba"])
def test_crops_are_read_by_their_alpha(tmp_path: Path, subfolder: str):
    maps = label_maps()
    write_alpha_folders(tmp_path / subfolder, maps)
    assert_maps(built(tmp_path), maps)


@pytest.mark.parametrize("subfolder", ["instance_masks", "masks", "object_mask"])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_label_maps_are_read(tmp_path: Path, subfolder: str, dtype: str):
    maps = label_maps()
    write_maps(tmp_path / subfolder, maps, dtype=dtype)
    write_json(tmp_path / "objects.json", NAMES_CONTENT)
    masks = built(tmp_path)
    assert names_of(masks) == list(NAMES)
    assert_maps(masks, maps)


@pytest.mark.parametrize("key", ["object_mask_path", "instance_path"])
def test_label_maps_that_frames_name_are_one_layout_with_their_folder(tmp_path: Path, key: str):
    maps = label_maps()
    write_maps(tmp_path / "masks", maps)
    write_transforms(tmp_path, [{key: f"masks/{index:04d}.png"} for index in range(6)])
    write_json(tmp_path / "objects.json", NAMES_CONTENT)
    masks = built(tmp_path)
    assert masks.source == f"label maps that transforms.json names as {key}, 6 of 6 frames"
    assert_maps(masks, maps)


def test_binary_masks_that_frames_name_are_read(tmp_path: Path):
    maps = label_maps()
    write_folders(tmp_path / "somewhere", maps)
    named = [{name: f"somewhere/{name}/{index:04d}.png" for name in NAMES} for index in range(6)]
    named[2] = {}
    write_transforms(tmp_path, [{"object_masks": value} for value in named])
    masks = built(tmp_path)
    assert names_of(masks) == list(NAMES)
    assert_maps(masks, [None if index == 2 else labels for index, labels in enumerate(maps)])


def test_downscaled_copies_find_the_masks_of_their_originals(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "maps", maps)
    write_transforms(tmp_path, [{"object_mask_path": f"maps/{index:04d}.png"} for index in range(6)])
    small = frames(tmp_path, [f"images_2/{index:04d}.jpg" for index in range(6)])
    assert_maps(built(tmp_path, frames=small), maps)


def test_masks_of_valid_pixels_are_left_alone(tmp_path: Path):
    write_maps(tmp_path / "masks", label_maps())
    write_transforms(tmp_path, [{"mask_path": f"masks/{index:04d}.png"} for index in range(6)])
    assert build(tmp_path) is None


def test_masks_of_valid_pixels_that_the_host_names_are_left_alone(tmp_path: Path):
    write_maps(tmp_path / "masks", label_maps())
    assert build(tmp_path) is not None
    assert build(tmp_path, valid_pixel_masks=frozenset({tmp_path / "masks" / "0000.png"})) is None


def test_black_and_white_maps_without_names_are_taken_for_masks_of_valid_pixels(tmp_path: Path):
    write_maps(tmp_path / "masks", [255 * (labels > 0) for labels in label_maps()])
    warnings: list[str] = []
    assert build(tmp_path, warnings) is None
    assert "not used as object masks" in warnings[0]


def test_layouts_are_preferred_in_the_stated_order_and_others_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    maps = label_maps()
    write_maps(tmp_path / "object_mask", maps)
    write_alpha_folders(tmp_path / "masked_image_rgba", maps)
    order = [
        ("masked_image_rgba", lambda: None),
        ("label maps in masks/", lambda: write_maps(tmp_path / "masks", maps)),
        ("label maps in instance_masks/", lambda: write_maps(tmp_path / "instance_masks", maps)),
        ("object_masks/", lambda: write_folders(tmp_path / "object_masks", maps)),
    ]
    for title, write in order:
        write()
        assert title in built(tmp_path).source.split(";")[0]
    assert built(tmp_path).source == (
        "object folders in object_masks/, 6 of 6 frames; not used: "
        "label maps in instance_masks/ (--pipeline.datamanager.masks-path instance_masks); "
        "label maps in masks/ (--pipeline.datamanager.masks-path masks); "
        "object folders in masked_image_rgba/ (--pipeline.datamanager.masks-path masked_image_rgba); "
        "label maps in object_mask/ (--pipeline.datamanager.masks-path object_mask)"
    )


@pytest.mark.parametrize("written", ["folders", "maps", "nested maps", "folder with layout"])
def test_masks_path_may_be_any_folder(tmp_path: Path, written: str):
    maps, elsewhere = label_maps(), tmp_path / "else where"
    named = frames(tmp_path)
    if written == "folders":
        write_folders(elsewhere, maps)
    elif written == "maps":
        write_maps(elsewhere, maps)
    elif written == "nested maps":
        named = frames(tmp_path, [f"cam{index % 2}/{index // 2}.jpg" for index in range(6)])
        write_maps(elsewhere, maps, [f"cam{index % 2}/{index // 2}" for index in range(6)])
    else:
        write_folders(elsewhere / "object_masks", maps)
    write_maps(tmp_path / "masks", [labels * 0 + 1 for labels in maps])
    assert_maps(built(tmp_path, masks_path=elsewhere, frames=named), maps)


def test_masks_path_may_be_a_json_with_frames(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "maps", maps)
    write_transforms(tmp_path, [{"object_mask_path": f"maps/{index:04d}.png"} for index in range(6)])
    (tmp_path / "transforms.json").rename(tmp_path / "with_masks.json")
    assert build(tmp_path) is None
    assert_maps(built(tmp_path, masks_path=tmp_path / "with_masks.json"), maps)


def test_data_may_be_the_json_file(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "maps", maps)
    write_transforms(tmp_path, [{"object_mask_path": f"maps/{index:04d}.png"} for index in range(6)])
    path = (tmp_path / "transforms.json").rename(tmp_path / "half.json")
    assert_maps(built(path, frames=frames(tmp_path)), maps)


def test_frames_without_a_mask_are_unknown_rather_than_empty(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "masks", maps)
    (tmp_path / "masks" / "0004.png").unlink()
    assert_maps(built(tmp_path), [*maps[:4], None, maps[5]])


def test_an_object_without_a_file_is_not_in_the_frame_if_others_have_one(tmp_path: Path):
    maps = label_maps()
    write_folders(tmp_path / "object_masks", maps)
    (tmp_path / "object_masks" / NAMES[1] / "0001.png").unlink()
    for name in NAMES:
        (tmp_path / "object_masks" / name / "0003.png").unlink()
    maps[1] = np.where(maps[1] == 2, 0, maps[1])
    assert_maps(built(tmp_path), [None if index == 3 else labels for index, labels in enumerate(maps)])


def test_of_overlapping_masks_the_smaller_has_the_pixel(tmp_path: Path):
    table, cup = np.zeros((36, 48), bool), np.zeros((36, 48), bool)
    table[10:30, 5:40] = cup[12:20, 10:20] = True
    for name, mask in (("table", table), ("cup", cup), ("cup again", cup)):
        save(tmp_path / "object_masks" / name / "0000.png", 255 * mask)
    masks = built(tmp_path, frames=frames(tmp_path, num_frames=1))
    assert names_of(masks) == ["cup", "cup again", "table"]
    assert_maps(masks, [np.where(cup, 1, np.where(table, 3, 0))])


def test_no_masks_are_no_fault(tmp_path: Path):
    assert build(tmp_path) is None
