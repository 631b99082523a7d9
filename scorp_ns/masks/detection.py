"""The layouts of masks found in a folder, the preferred ones first."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from scorp_ns.errors import MaskError
from scorp_ns.json_files import read_json
from scorp_ns.masks.layouts.coco import CocoJson
from scorp_ns.masks.layouts.label_maps import LabelMaps, find_label_maps
from scorp_ns.masks.layouts.object_folders import ObjectFolders, find_object_folders
from scorp_ns.masks.layouts.transforms_keys import LABEL_MAP_KEYS, TransformsLabelMaps, TransformsObjectMasks
from scorp_ns.masks.matching import SUFFIXES, mask_files
from scorp_ns.masks.raw import FoundMasks, Layout
from scorp_ns.masks.source import MaskRequest
from scorp_ns.messages import some_of

LAYOUTS: tuple[Layout, ...] = (
    ObjectFolders("object_masks", only_alpha=False),
    TransformsObjectMasks(),
    *(TransformsLabelMaps(key) for key in LABEL_MAP_KEYS),
    LabelMaps("instance_masks"),
    LabelMaps("masks"),
    CocoJson(),
    ObjectFolders("masked_image_rgba", only_alpha=True),
    LabelMaps("object_mask"),
)
"""All layouts, the preferred ones first."""

OBJECT_FOLDERS = ("object_masks", "instance_masks")

NEEDED = "Object masks are a folder with one folder per object, a folder of label maps, or a COCO JSON file."


def find_all(folder: Path, request: MaskRequest) -> list[FoundMasks]:
    """The masks in a folder, the preferred ones first, without duplicates in other layouts."""
    found: list[FoundMasks] = []
    for layout in LAYOUTS:
        try:
            masks = _allowed(folder, lambda layout=layout: layout.find(folder, request))
        except MaskError:
            if any(other.num_frames for other in found):
                continue  # Faults of masks that would not be used are no reason to stop.
            raise
        if masks is not None and not any(_same(masks, other) for other in found):
            found.append(masks)
    return found


def find_at(path: Path, request: MaskRequest) -> FoundMasks:
    """The masks at the user's path; a MaskError if there are none."""
    find = _find_in_file if path.is_file() else _find_in_folder
    found = _allowed(path, lambda: find(path, request))
    if found is None:
        raise MaskError(*_what_is_there(path))
    return found


def folders_without_masks(folder: Path) -> list[Path]:
    """Folders that are named for object masks and hold none."""
    places = [folder / name for name in OBJECT_FOLDERS]
    return [place for place in places if place.is_dir() and not mask_files(place)]


def shown(path: Path) -> str:
    """The shorter of the absolute and the relative path."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)


def _allowed(path: Path, find: Callable[[], FoundMasks | None]) -> FoundMasks | None:
    """The result of a search; a MaskError if something may not be read."""
    try:
        return find()
    except OSError as error:
        where = error.filename or path
        raise MaskError(
            f"'{where}' cannot be looked into: {error.strerror or error}.", NEEDED, "Mend its permissions."
        ) from error


def _same(masks: FoundMasks, other: FoundMasks) -> bool:
    """True if two layouts share a file."""
    return bool({file for file in masks.files if file} & {file for file in other.files if file})


def _find_in_file(path: Path, request: MaskRequest) -> FoundMasks | None:
    """Masks that a JSON file holds or names."""
    if path.suffix.lower() != ".json":
        raise MaskError(f"The masks path '{path}' is a single file, and no JSON.", NEEDED, "Name a folder.")
    read_json(path, MaskError, NEEDED, "Name a COCO JSON file, a transforms.json, or a folder.")
    layouts = (TransformsObjectMasks(), *(TransformsLabelMaps(key) for key in LABEL_MAP_KEYS), CocoJson())
    return next((found for layout in layouts if (found := layout.find_in(path, request))), None)


def _find_in_folder(path: Path, request: MaskRequest) -> FoundMasks | None:
    """Masks that are the folder itself, or lie in it as they would in a capture.

    A folder of folders holds label maps if these are named like the frames, and else an object in each.
    """
    if not path.is_dir() or not os.listdir(path):
        return None
    within = find_all(path, request)
    if within:
        return within[0]
    names_in = (path, path.parent, request.folder)
    label_maps = find_label_maps(path, request, names_in)
    if label_maps is not None and (label_maps.num_frames or any("/" not in key for key in label_maps.keys)):
        return label_maps
    return find_object_folders(path, request, path.name == "masked_image_rgba", names_in)


def _what_is_there(path: Path) -> tuple[str, str, str]:
    """The error's texts (found, needed, do) where there are no masks."""
    if not path.exists():
        return f"The masks path '{path}' does not exist.", NEEDED, "Correct --pipeline.datamanager.masks-path."
    if path.is_file():
        return f"'{path}' holds no object masks.", NEEDED, "Name a COCO JSON file, or a folder."
    entries = sorted(os.listdir(path))
    if not entries:
        return f"The masks folder '{path}' is empty.", NEEDED, "Put masks there, or choose another folder."
    return (
        f"The masks folder '{path}' holds {some_of(entries)}, and no mask files.",
        f"{NEEDED} Mask files end in {', '.join(SUFFIXES)}.",
        "Save the masks as PNG, or choose another folder.",
    )
