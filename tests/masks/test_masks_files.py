"""Names, pixels and file names are understood in all the forms in which they come."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mask_files import (
    HEIGHT,
    WIDTH,
    assert_maps,
    build,
    built,
    frames,
    label_maps,
    names_of,
    save,
    write_folders,
    write_json,
    write_maps,
    write_masks,
    write_transforms,
)
from PIL import Image

from scorp_ns.masks.check import check_masks
from scorp_ns.masks.contact_sheet import write_contact_sheet
from scorp_ns.masks.matching import match, short_names
from scorp_ns.masks.pixels import resize_nearest
from scorp_ns.products import UNKNOWN, ObjectBox, ObjectInfo

NAMES_CONTENTS: dict[str, Any] = {
    "list": [{"id": 1, "name": "mug"}, {"id": 2, "name": "truck"}],
    "list without ids": [{"name": "mug"}, {"name": "truck"}],
    "under objects": {"objects": [{"id": 1, "name": "mug"}, {"id": 2, "name": "truck"}], "version": 3},
    "id by name": {"mug": 1, "truck": 2},
    "name by id": {"1": "mug", "2": "truck"},
    "name by id with background": {"0": "background", "1": "mug", "2": "truck"},
    "names": ["mug", "truck"],
    "names with background": ["Background", "mug", "truck"],
}


@pytest.mark.parametrize("form", NAMES_CONTENTS)
@pytest.mark.parametrize("place", ["objects.json", "labels.json", "masks/objects.json", "masks/labels.json"])
def test_names_are_read_in_any_form_and_place(tmp_path: Path, form: str, place: str):
    maps = label_maps()
    write_maps(tmp_path / "masks", maps)
    write_json(tmp_path / place, NAMES_CONTENTS[form])
    warnings: list[str] = []
    masks = built(tmp_path, warnings)
    assert names_of(masks) == ["mug", "truck"]
    assert warnings == []
    assert_maps(masks, maps)


def test_labels_follow_the_order_of_names_and_not_of_ids(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "masks", [np.array([0, 900, 7])[labels].astype("u2") for labels in maps], dtype="u2")
    write_json(tmp_path / "objects.json", {"truck": 7, "mug": 900})
    assert_maps(built(tmp_path), [np.array([0, 2, 1])[labels] for labels in maps])


def test_all_that_objects_json_says_is_kept(tmp_path: Path):
    write_maps(tmp_path / "masks", label_maps())
    entries = [
        {"id": 1, "name": "mug", "prompt": "a red mug", "color": "#ff0007", "mesh": "gt/mug.ply"},
        {"id": 2, "name": "truck", "color": [1, 2, 3], "box": {"center": [1, 2, 3], "size": [4, 5, 6], "yaw_deg": 90}},
        {"name": "chair", "box": {"center": [0, 0, 0], "size": [1, 1, 1], "wxyz": [0, 1, 0, 0]}},
    ]
    write_json(tmp_path / "objects.json", entries)
    half = math.sqrt(0.5)
    mug, truck, chair = built(tmp_path).objects
    assert mug == ObjectInfo("mug", "a red mug", (255, 0, 7))
    assert chair == ObjectInfo("chair", box=ObjectBox((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (0.0, 1.0, 0.0, 0.0)))
    assert truck.color == (1, 2, 3) and truck.box is not None
    assert truck.box.wxyz == pytest.approx((half, 0, 0, half))


def test_objects_with_boxes_need_no_masks(tmp_path: Path):
    write_json(tmp_path / "objects.json", [{"name": "chair", "box": {"center": [0, 0, 0], "size": [1, 1, 1]}}, "ghost"])
    masks = built(tmp_path)
    assert names_of(masks) == ["chair"]
    assert masks.source == "boxes in objects.json"
    assert_maps(masks, [None] * 6)


def test_boxes_join_masks_whose_names_come_from_elsewhere(tmp_path: Path):
    write_folders(tmp_path / "elsewhere", label_maps())
    write_json(tmp_path / "elsewhere" / "objects.json", ["mug"])
    box = {"center": [0, 0, 0], "size": [1, 1, 1]}
    write_json(tmp_path / "objects.json", [{"name": "chair", "box": box}, {"name": "mug", "box": box}])
    masks = built(tmp_path, masks_path=tmp_path / "elsewhere")
    assert names_of(masks) == ["mug", "toy truck", "chair"]
    assert [info.box is not None for info in masks.objects] == [True, False, True]


def test_names_without_masks_are_told(tmp_path: Path):
    write_json(tmp_path / "objects.json", ["mug"])
    warnings: list[str] = []
    assert build(tmp_path, warnings) is None
    assert warnings == [f"{tmp_path}/objects.json names 'mug', but no object masks were found in {tmp_path}."]


def test_ids_without_names_are_objects_called_by_their_id(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "masks", [5 * labels for labels in maps])
    warnings: list[str] = []
    masks = built(tmp_path, warnings)
    assert names_of(masks) == ["object_5", "object_10"]
    assert warnings == ["No objects.json names the objects in the label maps in masks/; they are called by their ids."]
    assert_maps(masks, maps)


@pytest.mark.parametrize("named", [False, True])
def test_255_is_unknown_in_8_bits_unless_it_has_a_name(tmp_path: Path, named: bool):
    maps = label_maps()
    write_maps(tmp_path / "masks", [np.where(labels == 2, 255, labels) for labels in maps])
    write_json(tmp_path / "objects.json", {"mug": 1, **({"truck": 255} if named else {})})
    assert_maps(built(tmp_path), maps if named else [np.where(labels == 2, UNKNOWN, labels) for labels in maps])


def test_255_is_an_id_in_16_bits(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "masks", [np.where(labels == 2, 255, labels) for labels in maps], dtype="u2")
    assert_maps(built(tmp_path), maps)


def test_palettes_hold_ids_rather_than_colours(tmp_path: Path):
    maps = label_maps()
    (tmp_path / "masks").mkdir()
    for index, labels in enumerate(maps):
        image = Image.fromarray(labels.astype(np.uint8)).convert("P")
        image.putpalette([200, 10, 10, 0, 0, 0, 9, 200, 9])
        image.save(tmp_path / "masks" / f"{index:04d}.png")
        assert Image.open(tmp_path / "masks" / f"{index:04d}.png").mode == "P"
    assert_maps(built(tmp_path), maps)


def test_single_bits_are_one_object(tmp_path: Path):
    maps = [(labels > 0).astype(np.int16) for labels in label_maps()]
    (tmp_path / "masks").mkdir()
    for index, labels in enumerate(maps):
        Image.fromarray(labels > 0).save(tmp_path / "masks" / f"{index:04d}.png")
    assert_maps(built(tmp_path), maps)


@pytest.mark.parametrize("ending", ["tif", "bmp", "webp", "npy", "PNG"])
def test_label_maps_may_have_other_endings(tmp_path: Path, ending: str):
    maps = label_maps()
    (tmp_path / "masks").mkdir()
    for index, labels in enumerate(maps):
        path = tmp_path / "masks" / f"{index:04d}.{ending}"
        if ending == "npy":
            np.save(path, labels.astype(np.int32))
        else:
            Image.fromarray(labels.astype(np.uint8)).save(path, **({"lossless": True} if ending == "webp" else {}))
    assert_maps(built(tmp_path), maps)


def test_grey_may_come_as_three_channels(tmp_path: Path):
    maps = label_maps()
    for index, labels in enumerate(maps):
        save(tmp_path / "masks" / f"{index:04d}.png", np.repeat(labels[..., None], 3, axis=2))
    assert_maps(built(tmp_path), maps)


@pytest.mark.parametrize("channels", [3, 4])
def test_colours_are_objects_where_names_have_colours(tmp_path: Path, channels: int):
    maps = label_maps()
    palette = np.array([[0, 0, 0, 255], [255, 0, 7, 255], [255, 255, 255, 255]], np.uint8)
    for index, labels in enumerate(maps):
        save(tmp_path / "masks" / f"{index:04d}.png", palette[labels][..., :channels])
    content = [{"id": 3, "name": "mug", "color": [255, 0, 7]}, {"id": 4, "name": "truck", "color": [255, 255, 255]}]
    write_json(tmp_path / "objects.json", content)
    assert_maps(built(tmp_path), maps)


def test_jpeg_label_maps_are_read_with_a_warning(tmp_path: Path):
    (tmp_path / "masks").mkdir()
    for index in range(6):
        Image.new("L", (WIDTH, HEIGHT), 1).save(tmp_path / "masks" / f"{index:04d}.jpg")
    warnings: list[str] = []
    assert_maps(built(tmp_path, warnings), [np.ones((HEIGHT, WIDTH), np.int16)] * 6)
    assert "is a JPEG" in warnings[0]


BINARY_FORMS = {
    "white": lambda mask: Image.fromarray(255 * mask.astype(np.uint8)),
    "ones": lambda mask: Image.fromarray(mask.astype(np.uint8)),
    "bits": lambda mask: Image.fromarray(mask),
    "soft": lambda mask: Image.fromarray(np.where(mask, 140, 100).astype(np.uint8)),
    "16 bits": lambda mask: Image.fromarray(65535 * mask.astype(np.uint16)),
    "red": lambda mask: Image.fromarray(mask[..., None] * np.array([255, 0, 0], np.uint8)),
    "opaque white": lambda mask: Image.fromarray(
        np.dstack([255 * mask.astype(np.uint8)] * 3 + [0 * mask + 255]).astype(np.uint8)
    ),
    "alpha": lambda mask: Image.fromarray(np.dstack([0 * mask + 99] * 3 + [255 * mask]).astype(np.uint8)),
    "grey with alpha": lambda mask: Image.fromarray(np.dstack([0 * mask, 255 * mask]).astype(np.uint8)),
}


@pytest.mark.parametrize("form", BINARY_FORMS)
def test_binary_masks_come_in_many_forms(tmp_path: Path, form: str):
    maps = [(labels == 1).astype(np.int16) for labels in label_maps()]
    (tmp_path / "object_masks" / "mug").mkdir(parents=True)
    for index, labels in enumerate(maps):
        BINARY_FORMS[form](labels > 0).save(tmp_path / "object_masks" / "mug" / f"{index:04d}.png")
    assert_maps(built(tmp_path), maps)


@pytest.mark.parametrize("is_grey", [True, False])
def test_binary_palettes_are_read_by_their_greys_or_by_their_entries(tmp_path: Path, is_grey: bool):
    mask = label_maps(1)[0] == 1
    image = Image.fromarray((~mask if is_grey else mask).astype(np.uint8)).convert("P")
    image.putpalette([255, 255, 255, 0, 0, 0] if is_grey else [0, 0, 0, 128, 0, 0])
    (tmp_path / "object_masks" / "mug").mkdir(parents=True)
    image.save(tmp_path / "object_masks" / "mug" / "0000.png")
    assert_maps(built(tmp_path, frames=frames(tmp_path, num_frames=1)), [mask.astype(np.int16)])


def test_a_transparent_crop_is_empty_whatever_lies_under_it(tmp_path: Path):
    maps = [(labels == 1).astype(np.int16) for labels in label_maps(2)]
    maps[1][:] = 0
    for index, labels in enumerate(maps):
        pixels = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
        pixels[..., 3] = 255 * labels
        save(tmp_path / "object_masks" / "mug" / f"{index:04d}.png", pixels)
    assert_maps(built(tmp_path, frames=frames(tmp_path, num_frames=2)), maps)


def test_binary_masks_of_one_frame_may_differ_in_size(tmp_path: Path):
    maps = label_maps()
    write_folders(tmp_path / "object_masks", maps)
    small = (maps[0] == 2)[::2, ::2]
    save(tmp_path / "object_masks" / "toy truck" / "0000.png", 255 * small)
    expected = np.where(np.kron(small, np.ones((2, 2), bool)), 2, maps[0] == 1)
    np.testing.assert_array_equal(built(tmp_path).label_map(0), expected)


def matched(names: list[str], keys: list[str], shorten_keys: bool = False) -> list[str | None]:
    return match(frames(Path("/"), names), keys, shorten_keys)


def test_masks_are_matched_by_path_or_stem_but_never_by_a_stem_of_two():
    assert matched(["images/1.jpg", "images/2.jpg"], ["2", "1", "3"]) == ["1", "2"]
    assert matched(["images/1.jpg"], ["1.jpg"]) == ["1.jpg"]
    assert matched(["images/cam0/1.jpg", "images/cam1/1.jpg"], ["cam0/1", "cam1/1"]) == ["cam0/1", "cam1/1"]
    assert matched(["cam0/1.jpg", "cam1/1.jpg", "cam1/2.jpg"], ["1", "2"]) == [None, None, "2"]
    assert matched(["cam0/1.jpg", "cam1/1.jpg"], ["1", "cam1/1"]) == [None, "cam1/1"]
    assert matched(["a/1.jpg", "a/1.png"], ["1", "1.png"]) == [None, "1.png"]
    assert matched(["cam0/1.jpg"], ["cam1/1"]) == [None]
    assert matched(["images_2/1.jpg"], ["images/1"], shorten_keys=True) == ["images/1"]
    assert matched(["images_2/1.jpg"], ["a/1", "b/1"], shorten_keys=True) == [None]
    assert matched(["images\\1.jpg"], ["1"]) == ["1"]


def test_short_names_tell_frames_apart():
    names = ["images/cam0/1.jpg", "images/cam1/1.jpg", "images/cam1/2.jpg", "images/cam1/3.jpg", "images/cam1/3.png"]
    assert short_names(frames(Path("/"), names)) == ["cam0/1", "cam1/1", "2", "3.jpg", "3.png"]


def test_hidden_files_are_no_masks(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "masks", maps)
    (tmp_path / "masks" / "._0000.png").write_text("what macOS leaves")
    (tmp_path / "masks" / ".DS_Store").touch()
    assert_maps(built(tmp_path), maps)


def test_linked_folders_are_followed_and_loops_are_not(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "elsewhere" / "maps", maps)
    (tmp_path / "elsewhere" / "maps" / "loop").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "masks").symlink_to(tmp_path / "elsewhere" / "maps")
    assert_maps(built(tmp_path), maps)


def test_of_two_files_for_a_frame_the_lossless_one_is_used(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "masks", maps)
    Image.new("L", (WIDTH, HEIGHT), 9).save(tmp_path / "masks" / "0000.jpg")
    assert_maps(built(tmp_path), maps)


@pytest.mark.parametrize("many", [300, 1000])
def test_many_objects_in_16_bits(tmp_path: Path, many: int):
    labels = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % (many + 1)).astype(np.int16)
    write_maps(tmp_path / "masks", [labels] * 6, dtype="u2")
    write_json(tmp_path / "objects.json", [f"object {index}" for index in range(many)])
    masks = built(tmp_path)
    assert len(masks.objects) == many
    assert_maps(masks, [labels] * 6)


def test_three_hundred_folders(tmp_path: Path):
    labels = (np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 301).astype(np.int16)
    write_folders(tmp_path / "object_masks", [labels], [f"object {index:03d}" for index in range(300)])
    assert_maps(built(tmp_path, frames=frames(tmp_path, num_frames=1)), [labels])


@pytest.mark.parametrize("name", ["two words", "Grüße", "茶壶", "100%", "it's", "a.b"])
def test_folders_of_any_name(tmp_path: Path, name: str):
    maps = [(labels == 1).astype(np.int16) for labels in label_maps()]
    write_folders(tmp_path / "object_masks", maps, [name])
    masks = built(tmp_path)
    assert names_of(masks) == [name]
    assert_maps(masks, maps)


def test_names_with_slashes_in_json(tmp_path: Path):
    maps = label_maps()
    write_folders(tmp_path / "m", maps, ["one", "two"])
    paths = [{"a/b": f"m/one/{index:04d}.png", "../c d": f"m/two/{index:04d}.png"} for index in range(6)]
    write_transforms(tmp_path, [{"object_masks": value} for value in paths])
    masks = built(tmp_path)
    assert names_of(masks) == ["a/b", "../c d"]
    assert_maps(masks, maps)


def test_resizing_takes_the_pixel_under_each_centre():
    row = np.array([[1, 2, 3, 4]], np.int16)
    assert resize_nearest(row, 2, 1).tolist() == [[2, 4]]
    assert resize_nearest(row, 8, 2).tolist() == [[1, 1, 2, 2, 3, 3, 4, 4]] * 2
    assert resize_nearest(row, 3, 1).tolist() == [[1, 3, 4]]
    assert resize_nearest(row, 4, 1) is row


@pytest.mark.parametrize("size", [(24, 18), (96, 72), (25, 18), (5, 4), (47, 36), (1600, 1201)])
def test_masks_of_the_same_shape_may_have_any_size(tmp_path: Path, size: tuple[int, int]):
    save(tmp_path / "masks" / "0000.png", np.ones(size[::-1]))
    assert_maps(built(tmp_path, frames=frames(tmp_path, num_frames=1)), [np.ones(size[::-1], np.int16)])


def test_images_that_are_trained_on_and_evaluated_are_one(tmp_path: Path):
    maps = label_maps()
    write_maps(tmp_path / "masks", maps)
    twice = frames(tmp_path) * 2
    masks = built(tmp_path, frames=twice)
    assert_maps(masks, maps * 2)
    check = check_masks(masks, twice)
    assert (check.num_frames, check.num_maps, check.objects[0].num_frames) == (6, 6, 6)
    write_masks(masks, twice, tmp_path / "out")
    assert_maps(built(tmp_path / "out", frames=twice), maps * 2)
    with Image.open(write_contact_sheet(masks, twice, check, tmp_path / "sheet.png")) as sheet:
        assert sheet.height < 4 * HEIGHT + 100
