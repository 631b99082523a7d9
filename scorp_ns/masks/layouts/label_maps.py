"""One map per frame, in which the pixels hold ids of objects."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scorp_ns.json_files import json_or_none
from scorp_ns.masks.matching import mask_files, match_files
from scorp_ns.masks.names import NameTable, find_names
from scorp_ns.masks.pixels import read_ids
from scorp_ns.masks.raw import FoundMasks, RawMasks
from scorp_ns.masks.source import MaskRequest


@dataclass(frozen=True)
class LabelMaps:
    """`masks/<stem>.png` and its like."""

    subfolder: str
    """The folder of the maps in the capture."""

    def find(self, folder: Path, request: MaskRequest) -> FoundMasks | None:
        """The maps in the capture's folder of this name, unless nerfstudio's masks of valid pixels are there."""
        place = folder / self.subfolder
        if not place.is_dir() or _holds_any(place, _valid_pixel_masks(request)):
            return None
        return find_label_maps(place, request, (place, folder, request.folder))


def find_label_maps(place: Path, request: MaskRequest, names_in: Sequence[Path]) -> FoundMasks | None:
    """The maps in a folder; None if it holds none."""
    index = mask_files(place)
    if not index:
        return None
    files = match_files(request.frames, index)
    return FoundMasks(
        title=f"label maps in {place.name}/",
        path=place,
        keys=tuple(index),
        files=files,
        read=lambda: read_label_maps(files, request, find_names(names_in, request.warn)),
    )


def read_label_maps(files: Sequence[Path | None], request: MaskRequest, table: NameTable) -> RawMasks:
    """The maps in these files, one for each frame or None."""
    colors = {named.info.color: named.id for named in table.objects if named.info.color and named.id is not None}
    has_255 = any(named.id == 255 for named in table.objects)
    lossy = [path for path in files if path and path.suffix.lower() in (".jpg", ".jpeg")]
    if lossy:
        request.warn(f"{lossy[0]} is a JPEG, which alters ids near edges; save label maps as PNG.")
    readers = [
        None if path is None else partial(read_ids, path, frame, colors, has_255)
        for path, frame in zip(files, request.frames, strict=True)
    ]
    return RawMasks(tuple(readers), table.objects, names_ids=table.path is None)


def _valid_pixel_masks(request: MaskRequest) -> set[Path]:
    """nerfstudio's masks of valid pixels: those of the request, and those that the capture's JSON file names."""
    path = request.data if request.data.is_file() else request.data / "transforms.json"
    content = json_or_none(path) if path.is_file() else None
    frames = content.get("frames") if isinstance(content, dict) else None
    frames = frames if isinstance(frames, list) else []
    named = (frame.get("mask_path") for frame in frames if isinstance(frame, dict))
    return {request.folder / name for name in named if isinstance(name, str)} | request.valid_pixel_masks


def _holds_any(folder: Path, paths: Iterable[Path]) -> bool:
    """True if one of the paths is in the folder or below."""
    inside = folder.resolve()
    return any(parent.resolve().is_relative_to(inside) for parent in {path.parent for path in paths})
