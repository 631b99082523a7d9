"""Masks in a JSON file as COCO lays them out: images, annotations with shapes, and categories with names.

All annotations of one category in an image are one object, unless they have names of their own. An image in the list
without annotations shows no object; one that is not in the list is unknown.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Bool

from scorp_ns.errors import MaskError
from scorp_ns.json_files import json_or_none
from scorp_ns.masks.entries import NamedObject
from scorp_ns.masks.layers import Layer, overlay
from scorp_ns.masks.matching import match
from scorp_ns.masks.names import find_names
from scorp_ns.masks.pixels import IdMap, MaskFileError, require_shape
from scorp_ns.masks.raw import FoundMasks, IdReader, RawMasks
from scorp_ns.masks.rle import decode_shape
from scorp_ns.masks.source import Frame, MaskRequest
from scorp_ns.messages import counted, json_kind
from scorp_ns.products import ObjectInfo

PATTERNS = ("*coco*.json", "annotations.json", "instances*.json", "*object_masks.json", "masks.json", "result.json")
"""Usual names of such files; their content decides."""

PLACES = (".", "annotations", "masks", "object_masks")
"""Folders of the capture to look in."""

NAME_KEYS = ("object_name", "instance_name", "name")
"""Keys of an annotation's own name, in itself or among its attributes."""

LISTS = ("images", "annotations")
"""Keys that every such file has."""

Annotations = dict[Any, list[dict[str, Any]]]
"""Annotations by the id of their image."""


@dataclass(frozen=True)
class CocoJson:
    """`annotations.json` and its like."""

    def find(self, folder: Path, request: MaskRequest) -> FoundMasks | None:
        """The masks in the first file of a usual name that holds some."""
        for place in PLACES:
            paths = (path for pattern in PATTERNS for path in sorted((folder / place).glob(pattern)))
            for path in paths:
                content = _load(path)
                if content and any(_has_shape(annotation) for annotation in content["annotations"]):
                    return _find(path, content, request)
        return None

    def find_in(self, path: Path, request: MaskRequest) -> FoundMasks | None:
        """The masks in a JSON file; None if it holds something else."""
        content = _load(path)
        return _find(path, content, request) if content else None


def _load(path: Path) -> dict[str, Any] | None:
    """The content of a file with COCO's structure; None otherwise."""
    content = json_or_none(path)
    if isinstance(content, dict) and all(isinstance(content.get(key), list) for key in LISTS):
        return content
    return None


def _has_shape(annotation: Any) -> bool:
    return isinstance(annotation, dict) and bool(annotation.get("segmentation"))


def _find(path: Path, content: dict[str, Any], request: MaskRequest) -> FoundMasks:
    """The masks in a file's content."""
    images = {_file_name(path, image): image for image in content["images"]}
    stems = {str(PurePosixPath(name).with_suffix("")): name for name in images}
    by_name = match(request.frames, images, shorten_keys=True)
    by_stem = match(request.frames, stems, shorten_keys=True)
    matched = [name or (stem and stems[stem]) for name, stem in zip(by_name, by_stem, strict=True)]
    return FoundMasks(
        title=f"COCO annotations in {path.name}",
        path=path,
        keys=tuple(images),
        files=[name and f"{path}: {name}" for name in matched],
        read=lambda: _read(path, content, [images[name] if name else None for name in matched], request),
    )


def _file_name(path: Path, image: Any) -> str:
    """The file name of an image in the list."""
    if not isinstance(image, dict) or not isinstance(image.get("file_name"), str) or not image["file_name"]:
        raise _wrong(path, "an image without a 'file_name'")
    if not isinstance(image.get("id"), (int, str)):
        raise _wrong(path, f"no 'id' for the image '{image['file_name']}'")
    if not all(type(image.get(side)) is int and image[side] > 0 for side in ("width", "height")):
        raise _wrong(path, f"no 'width' and 'height' above 0 for the image '{image['file_name']}'")
    return PurePosixPath(image["file_name"].replace("\\", "/")).as_posix()


def _read(path: Path, content: dict[str, Any], images: list[dict[str, Any] | None], request: MaskRequest) -> RawMasks:
    """The masks with the objects of objects.json first, then those of the categories."""
    categories = _category_names(path, content.get("categories", []))
    annotations: Annotations = defaultdict(list)
    for annotation in content["annotations"]:
        _check_annotation(path, annotation)
        annotations[annotation["image_id"]].append(annotation)
    shapeless = sum(not _has_shape(annotation) for annotation in content["annotations"])
    if shapeless:
        request.warn(f"{path} has {counted(shapeless, 'annotation')} without a shape, which are left out.")
    table = find_names((path.parent, request.folder), request.warn)
    known = {named.info.name: named.info for named in table.objects}
    used = [_object_name(annotation, categories) for annotation in content["annotations"]]
    in_order = [name for name in categories.values() if name in set(used)]
    names = list(dict.fromkeys([*known, *in_order, *used]))
    ids = {name: number for number, name in enumerate(names, start=1)}
    readers = [
        _reader(path, frame, image, annotations, lambda annotation: ids[_object_name(annotation, categories)])
        for frame, image in zip(request.frames, images, strict=True)
    ]
    objects = tuple(NamedObject(known.get(name) or ObjectInfo(name), ids[name]) for name in names)
    return RawMasks(tuple(readers), objects)


def _category_names(path: Path, categories: Any) -> dict[Any, str]:
    """The name of each category, by its id."""
    if not isinstance(categories, list):
        raise _wrong(path, f"'categories' that are {json_kind(categories)}")
    for category in categories:
        if not isinstance(category, dict) or not isinstance(category.get("id"), (int, str)):
            raise _wrong(path, "a category without an 'id'")
        if not isinstance(category.get("name"), str) or not category["name"].strip():
            raise _wrong(path, f"no 'name' for the category {category['id']!r}")
    return {category["id"]: category["name"] for category in categories}


def _check_annotation(path: Path, annotation: Any) -> None:
    if not isinstance(annotation, dict) or not isinstance(annotation.get("image_id"), (int, str)):
        raise _wrong(path, "an annotation without an 'image_id'")
    if not isinstance(annotation.get("category_id", 0), (int, str)):
        raise _wrong(path, f"an annotation with the 'category_id' {annotation['category_id']!r}")


def _object_name(annotation: dict[str, Any], categories: dict[Any, str]) -> str:
    """The name of the object that an annotation shows: its own, or its category's."""
    attributes = annotation.get("attributes")
    for place in (annotation, attributes if isinstance(attributes, dict) else {}):
        for key in NAME_KEYS:
            if isinstance(place.get(key), str) and place[key].strip():
                return place[key]
    category = annotation.get("category_id", 0)
    return categories.get(category, f"object_{category}")


def _reader(
    path: Path,
    frame: Frame,
    image: dict[str, Any] | None,
    annotations: Annotations,
    id_of: Callable[[dict[str, Any]], int],
) -> IdReader | None:
    """A reader of one frame; None for a frame that the file does not list."""
    if image is None:
        return None
    shapes: dict[int, list[Any]] = defaultdict(list)
    for annotation in annotations.get(image["id"], []):
        if _has_shape(annotation):
            shapes[id_of(annotation)].append(annotation["segmentation"])
    return partial(_read_frame, path, frame, image, dict(sorted(shapes.items())))


def _read_frame(path: Path, frame: Frame, image: dict[str, Any], shapes: dict[int, list[Any]]) -> IdMap:
    """The ids of one frame."""
    place = f"'{image['file_name']}' in {path}"
    width, height = image["width"], image["height"]
    require_shape(place, (width, height), frame)
    layers: list[Layer] = [(number, partial(_union, place, parts, width, height)) for number, parts in shapes.items()]
    return overlay(layers) if layers else np.zeros((height, width), np.int32)


def _union(place: str, shapes: list[Any], width: int, height: int) -> Bool[np.ndarray, "h w"]:
    """The pixels of an object in one frame, which may have several shapes."""
    pixels = np.zeros((height, width), bool)
    for shape in shapes:
        try:
            mask = decode_shape(shape, width, height)
        except ValueError as error:
            raise MaskFileError(place, f"has a shape that cannot be read ({error})") from error
        if mask.shape != pixels.shape:
            raise MaskFileError(place, f"has a shape of {mask.shape[1]}x{mask.shape[0]} in {width}x{height} pixels")
        pixels |= mask
    return pixels


def _wrong(path: Path, what: str) -> MaskError:
    return MaskError(
        f"{path} has {what}.",
        "COCO lists 'images' (id, file_name, width, height), 'categories' (id, name) and 'annotations' "
        "(image_id, category_id, segmentation).",
        "Correct it in the file, or export it again.",
    )
