"""One folder per object, with a binary mask per frame.

A frame for which no object has a file is unknown. Where some objects have a file and others have none, those without
are not in this frame: tools that follow objects through a film write files only where they see them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from scorp_ns.masks.entries import NamedObject
from scorp_ns.masks.folder_names import folder_name, name_of_folder
from scorp_ns.masks.layers import overlay
from scorp_ns.masks.matching import mask_files, match_files
from scorp_ns.masks.names import NameTable, find_names
from scorp_ns.masks.pixels import IdMap, read_binary
from scorp_ns.masks.raw import FoundMasks, RawMasks
from scorp_ns.masks.source import Frame, MaskRequest
from scorp_ns.products import UNKNOWN, ObjectInfo

UNKNOWN_FOLDER = ".unknown"
"""The folder, beside the objects', with the masks of unknown pixels."""

ObjectFiles = dict[str, list[Path | None]]
"""For each object's folder, its file for each frame."""


@dataclass(frozen=True)
class ObjectFolders:
    """`object_masks/<object>/<stem>.png`, the layout that we write, and its like."""

    subfolder: str
    """The folder of the objects' folders in the capture."""
    only_alpha: bool
    """True if images are crops, with the mask in the alpha channel alone."""

    def find(self, folder: Path, request: MaskRequest) -> FoundMasks | None:
        """The masks in the capture's folder of this name."""
        place = folder / self.subfolder
        return find_object_folders(place, request, self.only_alpha, (place, folder, request.folder))


def find_object_folders(
    place: Path, request: MaskRequest, only_alpha: bool, names_in: Sequence[Path]
) -> FoundMasks | None:
    """The masks in a folder of objects' folders; None if no subfolder holds images."""
    if not place.is_dir():
        return None
    folders = sorted(path for path in place.iterdir() if path.is_dir() and path.name[0] != ".")
    indices = {path.name: index for path in folders if (index := mask_files(path))}
    if not indices:
        return None
    files: ObjectFiles = {name: match_files(request.frames, index) for name, index in indices.items()}
    firsts = [next((path for path in column if path), None) for column in zip(*files.values(), strict=True)]
    return FoundMasks(
        title=f"object folders in {place.name}/",
        path=place,
        keys=tuple(dict.fromkeys(key for index in indices.values() for key in index)),
        files=firsts,
        read=lambda: _read(place, request, files, only_alpha, find_names(names_in, request.warn)),
    )


def _read(place: Path, request: MaskRequest, files: ObjectFiles, only_alpha: bool, table: NameTable) -> RawMasks:
    """The masks with the objects of the names file first, then those that only have a folder."""
    objects, folder_of_id = _number_objects(list(files), table)
    unknown = match_files(request.frames, mask_files(place / UNKNOWN_FOLDER))
    readers = []
    for position, frame in enumerate(request.frames):
        layers = {number: path for number, name in folder_of_id.items() if (path := files[name][position])}
        reader = partial(_read_frame, frame, layers, unknown[position], only_alpha) if layers else None
        readers.append(reader)
    return RawMasks(tuple(readers), objects)


def _number_objects(folders: list[str], table: NameTable) -> tuple[tuple[NamedObject, ...], dict[int, str]]:
    """The objects with ids of our own, and the folder of each id."""
    left = {_plain(name): name for name in folders}
    objects, folder_of_id = [], {}
    for named in table.objects:
        spellings = [named.folder, named.info.name, folder_name(named.info.name)]
        number = len(objects) + 1
        folder = next((left.pop(_plain(text)) for text in spellings if text and _plain(text) in left), None)
        objects.append(replace(named, id=number))
        if folder is not None:
            folder_of_id[number] = folder
    names = {named.info.name for named in objects}
    for folder in left.values():
        name = name_of_folder(folder)
        name = folder if name in names else name
        objects.append(NamedObject(ObjectInfo(name), len(objects) + 1))
        folder_of_id[len(objects)] = folder
    return tuple(objects), folder_of_id


def _plain(text: str) -> str:
    """The text in Unicode's composed form, as file systems may change it."""
    return unicodedata.normalize("NFC", text)


def _read_frame(frame: Frame, layers: dict[int, Path], unknown: Path | None, only_alpha: bool) -> IdMap:
    """The ids of one frame."""
    ids = overlay((number, partial(read_binary, path, frame, only_alpha)) for number, path in layers.items())
    if unknown is not None:
        ids[read_binary(unknown, frame)] = UNKNOWN
    return ids
