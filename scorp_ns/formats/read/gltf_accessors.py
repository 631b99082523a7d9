"""Arrays of numbers in glTF files, checked against the bytes that are there before they are used."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Shaped

from scorp_ns.formats.read.gltf_container import Gltf
from scorp_ns.formats.read.limits import MOST_TRIANGLES, MOST_VERTICES

Value = TypeVar("Value")

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
MOST_ELEMENTS = max(MOST_VERTICES, 3 * MOST_TRIANGLES)


def read_accessor(gltf: Gltf, index: Any) -> Shaped[np.ndarray, "n k"]:
    """The elements of an accessor, as stored."""
    accessor = gltf.item("accessors", index)
    dtype, width = _known(COMPONENTS, accessor.get("componentType")), _known(WIDTHS, accessor.get("type"))
    if dtype is None or width is None:
        raise gltf.fault(f"has an accessor of an unknown type, number {index}")
    count = gltf.whole(accessor, "count")
    if count > MOST_ELEMENTS:
        raise gltf.fault(f"has an accessor of {count} elements, where at most {MOST_ELEMENTS} are read")
    if "bufferView" in accessor:
        values = _elements(gltf, accessor, np.dtype(dtype), count, width)
    else:
        values = np.zeros((count, width), dtype)
    return _with_sparse(gltf, accessor["sparse"], values) if "sparse" in accessor else values


def read_numbers(gltf: Gltf, index: Any, width: int) -> Shaped[np.ndarray, "n k"]:
    """The elements of an accessor as floats; normalised integers become shares."""
    values = read_accessor(gltf, index)
    if values.shape[1] != width:
        raise gltf.fault(f"has {values.shape[1]} numbers an element, instead of {width}, in accessor {index}")
    if values.dtype.kind == "f":
        return values.astype(np.float64)
    normalised = gltf.item("accessors", index).get("normalized") is True
    scale = np.iinfo(values.dtype).max if normalised else 1
    return np.maximum(values.astype(np.float64) / scale, -1.0 if normalised else -np.inf)


def _elements(
    gltf: Gltf, entry: dict[str, Any], dtype: np.dtype, count: int, width: int
) -> Shaped[np.ndarray, "{count} {width}"]:
    """The first `count` elements of a buffer view; an error if they go beyond its end."""
    data, stride = gltf.view(entry.get("bufferView"))
    offset, size = gltf.whole(entry, "byteOffset", 0), dtype.itemsize * width
    stride = stride or size
    if stride < size or (count and offset + stride * (count - 1) + size > len(data)):
        raise gltf.fault(f"promises {count} elements of {size} bytes in a buffer view of {len(data)} bytes")
    steps = (stride, dtype.itemsize)
    return np.ndarray((count, width), dtype, data, offset, steps).copy() if count else np.zeros((0, width), dtype)


def _with_sparse(gltf: Gltf, sparse: Any, values: Shaped[np.ndarray, "n k"]) -> Shaped[np.ndarray, "n k"]:
    """The elements with those replaced that the accessor lists one by one."""
    places, changes = (sparse.get(key) if isinstance(sparse, dict) else None for key in ("indices", "values"))
    if not isinstance(places, dict) or not isinstance(changes, dict):
        raise gltf.fault("has a sparse accessor without indices or values")
    dtype = _known(COMPONENTS, places.get("componentType"))
    if dtype is None or dtype[1] != "u":
        raise gltf.fault("has a sparse accessor whose indices are of an unknown type")
    count = gltf.whole(sparse, "count")
    if count > len(values):
        raise gltf.fault(f"has a sparse accessor that replaces {count} of {len(values)} elements")
    where = _elements(gltf, places, np.dtype(dtype), count, 1)[:, 0]
    if count and where.max() >= len(values):
        raise gltf.fault(f"has a sparse accessor that replaces element {where.max()} of {len(values)}")
    values[where] = _elements(gltf, changes, values.dtype, count, values.shape[1])
    return values


def _known(table: Mapping[Any, Value], key: Any) -> Value | None:
    """A table's entry for a value from a JSON file; None without one."""
    return table.get(key) if isinstance(key, (int, str)) else None
