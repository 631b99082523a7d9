"""Masks that the frames of a transforms.json name themselves."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from scorp_ns.errors import MaskError
from scorp_ns.json_files import json_or_none
from scorp_ns.masks.entries import NamedObject
from scorp_ns.masks.layers import overlay
from scorp_ns.masks.layouts.label_maps import read_label_maps
from scorp_ns.masks.matching import match
from scorp_ns.masks.names import find_names
from scorp_ns.masks.pixels import IdMap, read_binary
from scorp_ns.masks.raw import FoundMasks, RawMasks
from scorp_ns.masks.source import Frame, MaskRequest
from scorp_ns.messages import json_kind
from scorp_ns.products import ObjectInfo

BINARY_KEY = "object_masks"
LABEL_MAP_KEYS = ("object_mask_path", "instance_path")


@dataclass(frozen=True)
class TransformsLabelMaps:
    """`object_mask_path` or `instance_path`: a label map per frame."""

    key: str

    def find(self, folder: Path, request: MaskRequest) -> FoundMasks | None:
        """The maps that the capture's frames name under the key."""
        path = transforms_path(folder, request)
        return self.find_in(path, request) if path else None

    def find_in(self, path: Path, request: MaskRequest) -> FoundMasks | None:
        """The maps that the frames in a JSON file name under the key."""
        values = _values(path, self.key)
        if values is None:
            return None
        for name, value in values.items():
            if not isinstance(value, str) or not value:
                raise _wrong_type(path, self.key, name, value, "the path of a label map")
        matched = match(request.frames, values, shorten_keys=True)
        files = [path.parent / values[key] if key else None for key in matched]
        names_in = (*dict.fromkeys(file.parent for file in files if file), path.parent)
        return FoundMasks(
            title=f"label maps that {path.name} names as {self.key}",
            path=path,
            keys=tuple(values),
            files=files,
            read=lambda: read_label_maps(files, request, find_names(names_in, request.warn)),
        )


@dataclass(frozen=True)
class TransformsObjectMasks:
    """`object_masks: {name: path}`: a binary mask per object and frame."""

    def find(self, folder: Path, request: MaskRequest) -> FoundMasks | None:
        """The masks that the capture's frames name."""
        path = transforms_path(folder, request)
        return self.find_in(path, request) if path else None

    def find_in(self, path: Path, request: MaskRequest) -> FoundMasks | None:
        """The masks that the frames in a JSON file name."""
        values = _values(path, BINARY_KEY)
        if values is None:
            return None
        for name, value in values.items():
            if not isinstance(value, dict) or not all(map(_is_name, (*value, *value.values()))):
                raise _wrong_type(path, BINARY_KEY, name, value, "an object with a path for each object's name")
        layers = [
            {name: path.parent / file for name, file in values[key].items()} if key else {}
            for key in match(request.frames, values, shorten_keys=True)
        ]
        return FoundMasks(
            title=f"binary masks that {path.name} names as {BINARY_KEY}",
            path=path,
            keys=tuple(values),
            files=[next(iter(frame.values()), None) for frame in layers],
            read=lambda: _read(path, layers, request),
        )


def transforms_path(folder: Path, request: MaskRequest) -> Path | None:
    """The JSON file with the frames: the one that is given as data, or the folder's transforms.json."""
    path = folder / "transforms.json"
    if request.data.is_file() and folder == request.folder:
        path = request.data
    return path if path.is_file() and path.suffix == ".json" else None


def _values(path: Path, key: str) -> dict[str, Any] | None:
    """The frames' values under a key, by image path; None if no frame has one."""
    content = json_or_none(path)
    frames = content.get("frames") if isinstance(content, dict) else None
    if not isinstance(frames, list):
        return None
    named = [frame for frame in frames if isinstance(frame, dict) and isinstance(frame.get("file_path"), str)]
    values = {frame["file_path"]: frame[key] for frame in named if frame.get(key) not in (None, {}, "")}
    return {str(PurePosixPath(name)): value for name, value in values.items()} or None


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _wrong_type(path: Path, key: str, name: str, value: Any, needed: str) -> MaskError:
    return MaskError(
        f"'{key}' of '{name}' in {path} is {json_kind(value)}.", f"It must be {needed}.", "Correct or remove it."
    )


def _read(path: Path, layers: list[dict[str, Path]], request: MaskRequest) -> RawMasks:
    """The masks with the objects of the names file first, then the others in the order in which they appear."""
    table = find_names((path.parent,), request.warn)
    known = {named.info.name: named.info for named in table.objects}
    names = dict.fromkeys([*known, *(name for frame in layers for name in frame)])
    infos = [known.get(name) or ObjectInfo(name) for name in names]
    ids = {info.name: number for number, info in enumerate(infos, start=1)}
    readers = [
        partial(_read_frame, frame, {ids[name]: file for name, file in sorted(files.items(), key=lambda x: ids[x[0]])})
        if files
        else None
        for frame, files in zip(request.frames, layers, strict=True)
    ]
    return RawMasks(tuple(readers), tuple(NamedObject(info, ids[info.name]) for info in infos))


def _read_frame(frame: Frame, layers: dict[int, Path]) -> IdMap:
    """The ids of one frame."""
    return overlay((number, partial(read_binary, path, frame)) for number, path in layers.items())
