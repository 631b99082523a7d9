"""The canonical layout holds all that masks say, and is read back as it was."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from mask_files import (
    HEIGHT,
    NAMES,
    WIDTH,
    assert_maps,
    built,
    frames,
    label_maps,
    names_of,
    write_alpha_folders,
    write_folders,
    write_json,
    write_maps,
    write_masks,
    write_transforms,
)

from scorp_ns.masks.folder_names import folder_name, name_of_folder
from scorp_ns.products import UNKNOWN, ObjectBox, ObjectInfo, ObjectMasks

ODD_NAMES = [
    "a/b",
    "../up",
    ".hidden",
    "Grüße aus Köln",
    "茶壶",
    "two  spaces ",
    "con",
    "lpt1.txt",
    "50% off",
    "Mug",
    "mug",
    'c:\\d*?"<>|',
    "line\nbreak\x07",
    "a%2Fb",
    "n" * 400,
    "茶" * 100,
    "\udc80",
]


def masks_of(maps: list[np.ndarray | None], infos: list[ObjectInfo]) -> ObjectMasks:
    readers = tuple(None if labels is None else (lambda labels=labels: labels) for labels in maps)
    return ObjectMasks(tuple(infos), readers, "made up")


@pytest.mark.parametrize("names", [None, [f"cam{index % 2}/{index // 2}.jpg" for index in range(6)], ["a.b/c"] * 6])
def test_written_masks_read_back(tmp_path: Path, names: list[str] | None):
    if names and len(set(names)) == 1:
        names = [f"shot.{index}" for index in range(6)]
    maps: list[np.ndarray | None] = [*label_maps()]
    maps[1], maps[2], maps[3] = None, np.zeros((HEIGHT, WIDTH), np.int16), np.where(maps[3] == 1, 0, maps[3])
    maps[4][5:9] = UNKNOWN
    box = ObjectBox((1.0, 2.0, 3.0), (0.1, 0.2, 0.3), (0.5, 0.5, 0.5, 0.5))
    infos = [ObjectInfo("mug", "a red mug", (255, 0, 7)), ObjectInfo("truck"), ObjectInfo("chair", box=box)]
    masks = masks_of(maps, infos)
    named = frames(tmp_path, names)
    write_masks(masks, named, tmp_path)
    back = built(tmp_path, frames=named)
    assert back.objects == masks.objects
    assert_maps(back, maps)


def test_any_name_reads_back_from_its_folder(tmp_path: Path):
    maps: list[np.ndarray | None] = [
        np.full((HEIGHT, WIDTH), label, np.int16) for label in range(1, len(ODD_NAMES) + 1)
    ]
    masks = masks_of(maps, [ObjectInfo(name) for name in ODD_NAMES])
    named = frames(tmp_path, num_frames=len(maps))
    folder = write_masks(masks, named, tmp_path)
    assert sorted(path.parent for path in folder.rglob("*.png")) == sorted(
        path for path in folder.iterdir() if path.is_dir()
    )
    back = built(tmp_path, frames=named)
    assert names_of(back) == ODD_NAMES
    assert_maps(back, maps)


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if len(name.encode("utf-8", "replace")) < 200])
def test_folders_tell_names_without_objects_json(name: str):
    assert name_of_folder(folder_name(name)) == name


def test_folders_of_other_programs_keep_their_names():
    assert [name_of_folder(name) for name in ("100%25", "%41", "plain", "%2F")] == ["100%", "%41", "plain", "/"]


def test_boxes_alone_read_back(tmp_path: Path):
    box = ObjectBox((1.0, 2.0, 3.0), (0.1, 0.2, 0.3))
    masks = masks_of([None] * 6, [ObjectInfo("chair", box=box)])
    write_masks(masks, frames(tmp_path), tmp_path)
    back = built(tmp_path)
    assert back.objects == masks.objects
    assert back.readers == masks.readers


def write_transforms_of_maps(folder: Path, maps: list[np.ndarray]) -> None:
    write_maps(folder / "any", maps)
    write_transforms(folder, [{"object_mask_path": f"any/{index:04d}.png"} for index in range(len(maps))])


def write_transforms_of_binary_masks(folder: Path, maps: list[np.ndarray]) -> None:
    write_folders(folder / "any", maps)
    named = [{name: f"any/{name}/{index:04d}.png" for name in NAMES} for index in range(len(maps))]
    write_transforms(folder, [{"object_masks": paths} for paths in named])


def write_coco(folder: Path, maps: list[np.ndarray]) -> None:
    shapes = [
        {
            "image_id": index,
            "category_id": label,
            "segmentation": {"size": [HEIGHT, WIDTH], "counts": runs(labels == label)},
        }
        for index, labels in enumerate(maps)
        for label in (1, 2)
    ]
    images = [
        {"id": index, "file_name": f"{index:04d}.jpg", "width": WIDTH, "height": HEIGHT} for index in range(len(maps))
    ]
    write_json(folder / "coco.json", {"images": images, "annotations": shapes, "categories": []})


def runs(mask: np.ndarray) -> list[int]:
    ends = [*(np.flatnonzero(np.diff(mask.T.ravel().astype(int))) + 1).tolist(), mask.size]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


LAYOUT_WRITERS: dict[str, Callable[[Path, list[np.ndarray]], object]] = {
    "object_masks": lambda folder, maps: write_folders(folder / "object_masks", maps),
    "object_masks by alpha": lambda folder, maps: write_alpha_folders(folder / "object_masks", maps),
    "object_masks keys": write_transforms_of_binary_masks,
    "object_mask_path keys": write_transforms_of_maps,
    "instance_masks": lambda folder, maps: write_maps(folder / "instance_masks", maps),
    "masks of 16 bits": lambda folder, maps: write_maps(folder / "masks", [300 * m for m in maps], dtype="u2"),
    "COCO": write_coco,
    "masked_image_rgba": lambda folder, maps: write_alpha_folders(folder / "masked_image_rgba", maps),
    "object_mask": lambda folder, maps: write_maps(folder / "object_mask", maps),
}


@pytest.mark.parametrize("layout", LAYOUT_WRITERS)
def test_every_layout_becomes_the_canonical_one(tmp_path: Path, layout: str):
    maps = label_maps()
    LAYOUT_WRITERS[layout](tmp_path, maps)
    masks = built(tmp_path)
    assert_maps(masks, maps)
    write_masks(masks, frames(tmp_path), tmp_path / "out")
    back = built(tmp_path / "out", frames=frames(tmp_path))
    assert back.objects == masks.objects
    assert_maps(back, maps)
