"""COCO's segmentations as pixels: run-length encoding (RLE), plain or compressed, and polygons."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float


def decode_shape(shape: Any, width: int, height: int) -> Bool[np.ndarray, "h w"]:
    """The pixels of an annotation's 'segmentation' in an image of this size; ValueError if it is none."""
    if isinstance(shape, dict):
        size = shape.get("size", [height, width])
        if not isinstance(size, list) or len(size) != 2 or not all(type(side) is int and side > 0 for side in size):
            raise ValueError(f"its size is {size!r}")
        counts = shape.get("counts")
        counts = decode_counts(counts) if isinstance(counts, str) else counts
        return decode_runs(counts, size[0], size[1])
    if isinstance(shape, list):
        return fill_polygons(shape, width, height)
    raise ValueError("it is neither run lengths nor polygons")


def decode_runs(counts: Any, height: int, width: int) -> Bool[np.ndarray, "h w"]:
    """The pixels of an uncompressed RLE: runs down the columns, off and on in turn, off first."""
    if not isinstance(counts, list) or not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("its counts are not whole numbers")
    if sum(counts) != height * width:
        raise ValueError(f"its counts add up to {sum(counts)}, not to {height} x {width} pixels")
    values = np.arange(len(counts)) % 2 == 1
    return np.repeat(values, counts).reshape(width, height).T


def decode_counts(text: str) -> list[int]:
    """The run lengths in a compressed RLE string of COCO.

    Each character holds 5 bits of a number, the lowest first, and whether more follow; from the fourth number on it is
    the difference from the one before the last (rleFrString in cocoapi's maskApi.c).
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise ValueError(f"its counts hold the character {character!r}")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise ValueError("its counts end in the middle of a number")
    return counts


def fill_polygons(polygons: list[Any], width: int, height: int) -> Bool[np.ndarray, "h w"]:
    """The pixels whose centre is inside any of the polygons; coordinates start at the image's outer corner."""
    pixels = np.zeros((height, width), bool)
    for polygon in polygons if polygons and isinstance(polygons[0], list) else [polygons]:
        corners = np.array(polygon, float) if _are_numbers(polygon) else np.zeros(0)
        if len(corners) < 6 or len(corners) % 2 or not np.isfinite(corners).all():
            raise ValueError("it has a polygon that is not a list of at least three corners")
        pixels |= _fill_polygon(corners.reshape(-1, 2), width, height)
    return pixels


def _fill_polygon(corners: Float[np.ndarray, "corners 2"], width: int, height: int) -> Bool[np.ndarray, "h w"]:
    """The pixels inside a polygon by the even-odd rule: an odd number of edges is left of their centre."""
    crossings = np.zeros((height, width + 1), np.int64)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        top, bottom = np.clip(np.ceil(np.array([min(y0, y1), max(y0, y1)]) - 0.5), 0, height).astype(int)
        rows = np.arange(top, bottom)
        x = x0 + (rows + 0.5 - y0) * (x1 - x0) / (y1 - y0 or 1.0)
        crossings[rows, np.clip(np.ceil(x - 0.5), 0, width).astype(int)] += 1
    return np.cumsum(crossings, axis=1)[:, :width] % 2 == 1


def _are_numbers(values: Any) -> bool:
    return isinstance(values, list) and all(type(value) in (int, float) for value in values)
