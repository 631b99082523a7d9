"""Masks in the canonical layout: `object_masks/<object>/<stem>.png`, and objects.json with the true names."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from scorp_ns.errors import OutputError
from scorp_ns.masks.folder_names import folder_name
from scorp_ns.masks.layouts.object_folders import UNKNOWN_FOLDER
from scorp_ns.masks.matching import distinct_images, short_names
from scorp_ns.masks.names import OBJECTS_FILE
from scorp_ns.masks.parallel import map_files
from scorp_ns.masks.source import Frame
from scorp_ns.products import UNKNOWN, LabelMap, ObjectInfo, ObjectMasks


def write_masks(masks: ObjectMasks, frames: Sequence[Frame], folder: Path) -> Path:
    """Write the masks to `folder`/object_masks, replacing what was there once all is written; that folder.

    A frame without a map gets no file, an object that a frame does not show none in it, and a frame that shows no
    object an empty one. Unknown pixels lie in a hidden folder beside the objects'.
    """
    target = folder / "object_masks"
    new, old = (folder / f".object_masks_{what}_{os.getpid()}" for what in ("new", "old"))
    try:
        shutil.rmtree(new, ignore_errors=True)
        _write(masks, short_names(frames), distinct_images(frames), new)
        if target.exists():
            target.rename(old)
        new.rename(target)
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        shutil.rmtree(new, ignore_errors=True)
        raise OutputError(
            f"The masks cannot be written to {target} ({error.strerror}).",
            "A folder that can be written is needed.",
            "Choose another place, or mend its permissions.",
        ) from error
    return target


def object_folders(objects: Sequence[ObjectInfo]) -> list[str]:
    """A folder for each object; no two differ only in case, which some file systems do not see."""
    folders: list[str] = []
    used: set[str] = set()
    for info in objects:
        folder, number = folder_name(info.name), 2
        while folder.casefold() in used:
            folder, number = f"{folder_name(info.name)}~{number}", number + 1
        used.add(folder.casefold())
        folders.append(folder)
    return folders


def _write(masks: ObjectMasks, stems: list[str], images: list[int], folder: Path) -> None:
    folders = object_folders(masks.objects)
    folder.mkdir(parents=True)
    for name in folders:
        (folder / name).mkdir()
    mapped = [frame for frame in images if masks.readers[frame]]

    def write_frame(frame: int) -> None:
        labels = masks.label_map(frame)
        assert labels is not None
        _write_frame(labels, folder, folders, stems[frame])

    map_files(write_frame, mapped, "Writing object masks")
    entries = [_entry(info, name) for info, name in zip(masks.objects, folders, strict=True)]
    text = json.dumps(entries, indent=2, ensure_ascii=False)
    (folder / OBJECTS_FILE).write_bytes(text.encode("utf-8", "backslashreplace"))


def _write_frame(labels: LabelMap, folder: Path, folders: list[str], stem: str) -> None:
    """Write what one frame shows."""
    present = [int(label) for label in np.unique(labels) if label > 0]
    for label in present or [1][: len(folders)]:
        _write_mask(folder / folders[label - 1] / f"{stem}.png", labels == label)
    if (labels == UNKNOWN).any():
        _write_mask(folder / UNKNOWN_FOLDER / f"{stem}.png", labels == UNKNOWN)


def _write_mask(path: Path, pixels: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8) * 255).save(path)


def _entry(info: ObjectInfo, folder: str) -> dict[str, Any]:
    """The entry of an object in objects.json."""
    entry: dict[str, Any] = {"name": info.name, "folder": folder}
    if info.prompt is not None:
        entry["prompt"] = info.prompt
    if info.color is not None:
        entry["color"] = list(info.color)
    if info.box is not None:
        entry["box"] = {key: list(getattr(info.box, key)) for key in ("center", "size", "wxyz")}
    return entry
