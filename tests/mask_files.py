"""A tiny capture's frames and label maps, written in every layout by code that shares nothing with the reader's."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scorp_ns.masks.files import FilesConfig
from scorp_ns.masks.folder_names import object_folders
from scorp_ns.masks.layouts.object_folders import UNKNOWN_FOLDER
from scorp_ns.masks.matching import distinct_images, short_names
from scorp_ns.masks.names import OBJECTS_FILE
from scorp_ns.masks.source import Frame, MaskRequest
from scorp_ns.products import UNKNOWN, ObjectInfo, ObjectMasks

WIDTH, HEIGHT = 48, 36
NAMES = ("mug", "toy truck")


def label_maps(num_frames: int = 6, num_objects: int = 2) -> list[np.ndarray]:
    """Boxes that wander from frame to frame; later objects lie over earlier ones."""
    maps = []
    for frame in range(num_frames):
        labels = np.zeros((HEIGHT, WIDTH), np.int16)
        for index in range(num_objects):
            row, column = 3 + 2 * frame + 5 * (index % 4), 4 + 3 * frame + 11 * (index % 3)
            labels[row : row + 10 - 3 * index, column : column + 12 - 3 * index] = index + 1
        maps.append(labels)
    return maps


def frames(folder: Path, names: Sequence[str] | None = None, num_frames: int = 6) -> tuple[Frame, ...]:
    """Frames of a capture; no image is written, as the reader needs none."""
    names = names or [f"images/{index:04d}.jpg" for index in range(num_frames)]
    return tuple(Frame(folder / name, name, WIDTH, HEIGHT) for name in names)


def build(folder: Path, warnings: list[str] | None = None, **options: Any) -> ObjectMasks | None:
    """What the built-in source makes of a folder."""
    options.setdefault("frames", frames(folder))
    request = MaskRequest(folder, warn=(warnings if warnings is not None else []).append, **options)
    return FilesConfig().build(request)


def built(folder: Path, warnings: list[str] | None = None, **options: Any) -> ObjectMasks:
    """The same where masks must be found."""
    masks = build(folder, warnings, **options)
    assert masks is not None
    return masks


def names_of(masks: ObjectMasks) -> list[str]:
    return [info.name for info in masks.objects]


def assert_maps(masks: ObjectMasks, expected: Sequence[np.ndarray | None]) -> None:
    """Every frame has exactly these labels, or no map where None is expected."""
    assert len(masks.readers) == len(expected)
    for frame, labels in enumerate(expected):
        found = masks.label_map(frame)
        if labels is None:
            assert found is None
        else:
            np.testing.assert_array_equal(found, labels)


def write_folders(
    folder: Path, maps: Sequence[np.ndarray], names: Sequence[str] = NAMES, stems: Sequence[str] | None = None
) -> Path:
    """`<folder>/<name>/<stem>.png`, white on black."""
    for label, name in enumerate(names, start=1):
        for index, labels in enumerate(maps):
            save(folder / name / f"{stems[index] if stems else f'{index:04d}'}.png", 255 * (labels == label))
    return folder


def write_alpha_folders(folder: Path, maps: Sequence[np.ndarray], names: Sequence[str] = NAMES) -> Path:
    """Crops on grey, cut out by their alpha channel."""
    for label, name in enumerate(names, start=1):
        for index, labels in enumerate(maps):
            rgba = np.full((*labels.shape, 4), 200, np.uint8)
            rgba[..., 3] = 255 * (labels == label)
            save(folder / name / f"{index:04d}.png", rgba)
    return folder


def write_maps(folder: Path, maps: Sequence[np.ndarray], stems: Sequence[str] | None = None, dtype: Any = "u1") -> Path:
    """`<folder>/<stem>.png` with ids of 8 or 16 bits."""
    for index, labels in enumerate(maps):
        save(folder / f"{stems[index] if stems else f'{index:04d}'}.png", labels.astype(dtype))
    return folder


def write_transforms(folder: Path, per_frame: Sequence[dict[str, Any]], **values: Any) -> None:
    """A transforms.json whose frames have these values."""
    listed = [{"file_path": f"images/{index:04d}.jpg", **extra} for index, extra in enumerate(per_frame)]
    write_json(folder / "transforms.json", {"frames": listed, **values})


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def save(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = pixels if pixels.dtype == np.uint16 else pixels.astype(np.uint8)
    Image.fromarray(pixels).save(path)


def write_masks(masks: ObjectMasks, frames: Sequence[Frame], folder: Path) -> Path:
    """The folder object_masks of the canonical layout: a folder per object, and objects.json with their true names.

    A frame without a map gets no file, an object that a frame does not show none in it, and a frame that shows no
    object an empty one. Unknown pixels lie in a hidden folder beside the objects'.
    """
    target, folders, stems = folder / "object_masks", object_folders(masks.objects), short_names(frames)
    for name in folders:
        (target / name).mkdir(parents=True)
    for frame in distinct_images(frames):
        labels = masks.label_map(frame)
        if labels is None:
            continue
        present = [int(label) for label in np.unique(labels) if label > 0]
        places = {label: target / folders[label - 1] for label in present or [1][: len(folders)]}
        if (labels == UNKNOWN).any():
            places[UNKNOWN] = target / UNKNOWN_FOLDER
        for label, place in places.items():
            save(place / f"{stems[frame]}.png", 255 * (labels == label).astype(np.uint8))
    entries = [_entry(info, name) for info, name in zip(masks.objects, folders, strict=True)]
    text = json.dumps(entries, ensure_ascii=False)
    (target / OBJECTS_FILE).write_bytes(text.encode("utf-8", "backslashreplace"))
    return target


def _entry(info: ObjectInfo, folder: str) -> dict[str, Any]:
    entry: dict[str, Any] = {"name": info.name, "folder": folder}
    entry |= {key: value for key in ("prompt", "color") if (value := getattr(info, key)) is not None}
    if info.box is not None:
        entry["box"] = {key: list(getattr(info.box, key)) for key in ("center", "size", "wxyz")}
    return entry
