"""COCO's JSON is read whichever way it holds shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mask_files import HEIGHT, NAMES, WIDTH, assert_maps, build, built, frames, label_maps, names_of, write_json

from scorp_ns.masks.rle import decode_counts, decode_shape


def runs_of(mask: np.ndarray) -> list[int]:
    """Run lengths down the columns, by counting."""
    counts, value, length = [], False, 0
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            counts.append(length)
            value, length = pixel, 0
        length += 1
    return [*counts, length]


def packed(counts: list[int]) -> str:
    """rleToString of cocoapi's maskApi.c, line by line."""
    text = ""
    for index, count in enumerate(counts):
        x = count - counts[index - 2] if index > 2 else count
        more = True
        while more:
            c = x & 0x1F
            x >>= 5
            more = x != -1 if c & 0x10 else x != 0
            text += chr((c | 0x20 if more else c) + 48)
    return text


def corners_of(mask: np.ndarray) -> list[list[float]]:
    """A box's corners, as it is in images: from the outer corner of a pixel to that of another."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    left, right, top, bottom = columns[0] + 0.2, columns[-1] + 0.8, rows[0] + 0.2, rows[-1] + 0.8
    return [[float(value) for value in (left, top, right, top, right, bottom, left, bottom)]]


def shape_of(mask: np.ndarray, kind: str) -> Any:
    if kind == "polygons":
        return corners_of(mask)
    counts = runs_of(mask)
    return {"size": list(mask.shape), "counts": packed(counts) if kind == "packed" else counts}


def coco(maps: list[np.ndarray], kind: str = "runs", names: tuple[str, ...] = NAMES) -> dict[str, Any]:
    """All of COCO's lists; shapes of hidden parts are left out."""
    annotations = [
        {"id": 1, "image_id": 10 + index, "category_id": label + 4, "segmentation": shape_of(labels == label, kind)}
        for index, labels in enumerate(maps)
        for label in range(1, len(names) + 1)
    ]
    images = [
        {"id": 10 + index, "file_name": f"{index:04d}.jpg", "width": WIDTH, "height": HEIGHT}
        for index in range(len(maps))
    ]
    categories = [{"id": label + 4, "name": name} for label, name in enumerate(names, start=1)]
    return {"images": images, "annotations": annotations, "categories": [{"id": 0, "name": "all"}, *categories]}


def apart(num_frames: int = 6) -> list[np.ndarray]:
    """Two boxes that never meet."""
    maps = [np.zeros((HEIGHT, WIDTH), np.int16) for _ in range(num_frames)]
    for index, labels in enumerate(maps):
        labels[4 + index : 12 + index, 5:15] = 1
        labels[10:20, 20 + index : 30 + index] = 2
    return maps


@pytest.mark.parametrize("kind", ["runs", "packed", "polygons"])
@pytest.mark.parametrize("place", ["annotations.json", "annotations/instances_default.json", "my_coco.json"])
def test_coco_is_read(tmp_path: Path, kind: str, place: str):
    maps = apart()
    write_json(tmp_path / place, coco(maps, kind))
    masks = built(tmp_path)
    assert names_of(masks) == list(NAMES)
    assert masks.source == f"COCO annotations in {Path(place).name}, 6 of 6 frames"
    assert_maps(masks, maps)


@pytest.mark.parametrize("seed", range(20))
def test_packed_runs_are_unpacked(seed: int):
    random = np.random.default_rng(seed)
    mask = random.random((random.integers(1, 90), random.integers(1, 90))) < random.choice([0, 0.01, 0.5, 1])
    counts = runs_of(mask)
    assert decode_counts(packed(counts)) == counts
    shape = {"size": list(mask.shape), "counts": packed(counts)}
    np.testing.assert_array_equal(decode_shape(shape, 7, 7), mask)


def test_parts_of_one_category_are_one_object_unless_they_have_names(tmp_path: Path):
    maps = apart()
    content = coco(maps)
    for annotation in content["annotations"]:
        annotation["category_id"] = 5
    write_json(tmp_path / "coco.json", content)
    assert names_of(built(tmp_path)) == ["mug"]
    assert_maps(built(tmp_path), [np.minimum(labels, 1) for labels in maps])
    for index, annotation in enumerate(content["annotations"]):
        annotation["attributes"] = {"name": ("left", "right")[index % 2]}
    write_json(tmp_path / "coco.json", content)
    assert names_of(built(tmp_path)) == ["left", "right"]
    assert_maps(built(tmp_path), maps)


def test_an_image_without_annotations_is_empty_and_an_absent_one_unknown(tmp_path: Path):
    maps = apart()
    content = coco(maps)
    content["annotations"] = [item for item in content["annotations"] if item["image_id"] not in (12, 13)]
    content["images"] = [item for item in content["images"] if item["id"] != 13]
    write_json(tmp_path / "coco.json", content)
    assert_maps(built(tmp_path), [*maps[:2], np.zeros_like(maps[0]), None, *maps[4:]])


def test_the_ending_tells_images_of_one_stem_apart(tmp_path: Path):
    maps = apart(2)
    content = coco(maps)
    content["images"][0]["file_name"], content["images"][1]["file_name"] = "a.png", "a.jpg"
    write_json(tmp_path / "coco.json", content)
    assert_maps(built(tmp_path, frames=frames(tmp_path, ["images/a.jpg", "images/a.png"])), maps[::-1])


def test_coco_may_be_named(tmp_path: Path):
    maps = label_maps()
    write_json(tmp_path / "x" / "whatever.json", coco(maps))
    assert build(tmp_path) is None
    assert_maps(built(tmp_path, masks_path=tmp_path / "x" / "whatever.json"), maps)


def test_shapeless_annotations_are_left_out_with_a_warning(tmp_path: Path):
    content = coco(apart())
    content["annotations"].append({"image_id": 10, "category_id": 0, "bbox": [1, 2, 3, 4]})
    write_json(tmp_path / "coco.json", content)
    warnings: list[str] = []
    built(tmp_path, warnings)
    assert warnings == [f"{tmp_path}/coco.json has 1 annotation without a shape, which are left out."]


def test_one_broken_shape_makes_its_frame_unknown(tmp_path: Path):
    maps = apart()
    content = coco(maps)
    content["annotations"][4]["segmentation"]["counts"][0] += 1
    write_json(tmp_path / "coco.json", content)
    warnings: list[str] = []
    assert_maps(built(tmp_path, warnings), [*maps[:2], None, *maps[3:]])
    assert "add up to 1729, not to 36 x 48 pixels" in warnings[0]


@pytest.mark.parametrize("text", ["P", "\x7f0", "Zz"])
def test_broken_strings_of_counts_are_value_errors(text: str):
    with pytest.raises(ValueError):
        decode_shape({"size": [2, 2], "counts": text}, 2, 2)


@pytest.mark.parametrize("shape", [3, "x", [[1, 2]], [["a"] * 6], {"counts": None}, {"size": [0, 1], "counts": []}])
def test_broken_shapes_are_value_errors(shape: Any):
    with pytest.raises(ValueError):
        decode_shape(shape, 4, 4)
