"""One object as a names file describes it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scorp_ns.errors import MaskError
from scorp_ns.masks.pixels import MOST_ID, Color
from scorp_ns.messages import json_kind
from scorp_ns.products import ObjectBox, ObjectInfo


@dataclass(frozen=True)
class NamedObject:
    """An object, with its id and folder in masks."""

    info: ObjectInfo
    id: int | None = None
    """Its id in label maps."""
    folder: str | None = None
    """The folder of its binary masks, if the names file gives it."""


def read_entry(path: Path, entry: Any) -> NamedObject:
    """The object that an entry describes: {name, id, prompt, color, box, folder}, all but the name optional."""
    if isinstance(entry, str):
        entry = {"name": entry}
    if not isinstance(entry, dict):
        raise _wrong(path, f"has an entry that is {json_kind(entry)}", "Every entry must be a name or an object.")
    name = entry.get("name")
    if not isinstance(name, str) or not name.strip():
        what = "no 'name'" if name is None else f"the 'name' {name!r}"
        raise _wrong(path, f"has an entry with {what}", "Every object needs a name that is not empty.")
    prompt, folder = (_text_or_none(path, name, key, entry.get(key)) for key in ("prompt", "folder"))
    info = ObjectInfo(name, prompt, _color(path, name, entry.get("color")), _box(path, name, entry.get("box")))
    return NamedObject(info, _id(path, name, entry.get("id")), folder)


def _id(path: Path, name: str, value: Any) -> int | None:
    """The id, which may be written as a string, as keys of JSON objects are."""
    if value is None:
        return None
    if isinstance(value, str) and value.strip().isdecimal():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_ID:
        needed = f"Ids are whole numbers from 1 to {MOST_ID}, as the pixels of the masks hold them."
        raise _wrong(path, f"gives '{name}' the id {value!r}", needed)
    return value


def _text_or_none(path: Path, name: str, key: str, value: Any) -> str | None:
    if value is not None and not isinstance(value, str):
        raise _wrong(path, f"gives '{name}' a '{key}' that is {json_kind(value)}", f"'{key}' must be a string.")
    return value or None


def _color(path: Path, name: str, value: Any) -> Color | None:
    """The colour, from [r, g, b] in 0..255 or '#rrggbb'."""
    if value is None:
        return None
    if isinstance(value, str) and re.fullmatch("#[0-9a-fA-F]{6}", value):
        value = list(bytes.fromhex(value[1:]))
    if isinstance(value, list) and len(value) in (3, 4):
        rgb = value[:3]
        if all(type(part) is int and 0 <= part <= 255 for part in rgb):
            return rgb[0], rgb[1], rgb[2]
    needed = "Colours are [red, green, blue] in whole numbers from 0 to 255, or '#rrggbb'."
    raise _wrong(path, f"gives '{name}' the color {value!r}", needed)


def _box(path: Path, name: str, value: Any) -> ObjectBox | None:
    """The box, from {center, size} and either wxyz, yaw_deg (a turn about the z axis) or neither."""
    if value is None:
        return None
    needed = (
        "A box is {'center': [x, y, z], 'size': [x, y, z]} in the capture's frame, sizes above 0, "
        "and may have 'wxyz' (a quaternion) or 'yaw_deg' (degrees about z)."
    )
    if not isinstance(value, dict):
        raise _wrong(path, f"gives '{name}' a box that is {json_kind(value)}", needed)
    yaw = math.radians(_numbers([value.get("yaw_deg", 0)], 1)[0])
    turned = [math.cos(yaw / 2), 0.0, 0.0, math.sin(yaw / 2)]
    center, size = _numbers(value.get("center"), 3), _numbers(value.get("size"), 3)
    wxyz = _numbers(value.get("wxyz", turned), 4)
    if not all(map(math.isfinite, (*center, *size, *wxyz))) or min(size) <= 0 or not any(wxyz):
        raise _wrong(path, f"gives '{name}' the box {value!r}", needed)
    w, x, y, z = wxyz
    return ObjectBox((center[0], center[1], center[2]), (size[0], size[1], size[2]), (w, x, y, z))


def _numbers(values: Any, length: int) -> list[float]:
    """The numbers as floats; all NaN unless they are `length` numbers."""
    good = isinstance(values, list) and len(values) == length
    good = good and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values)
    try:
        return [float(value) for value in values] if good else [math.nan] * length
    except OverflowError:
        return [math.nan] * length


def _wrong(path: Path, found: str, needed: str) -> MaskError:
    return MaskError(f"{path} {found}.", needed, "Correct it in the file.")
