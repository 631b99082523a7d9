"""Which Gaussians each tile draws, front to back: the intersection lists both blending passes walk.

Gaussians are sorted by depth once, then dealt out to tiles in that order. The deal is a counting sort over a fixed
number of depth ranges, so its result does not depend on the number of threads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scorp_ns.render.cpu.jit import device_function, kernel, run_chunks

TILE = 16
"""Edge of a tile in pixels."""

MIN_ALPHA = 1.0 / 255.0
"""The faintest contribution that is drawn."""

RANGES = 8
"""Depth ranges dealt out independently."""


@dataclass(frozen=True)
class TileLists:
    """Intersections of Gaussians with tiles, in drawing order."""

    offsets: np.ndarray
    """int32 [tiles of all cameras + 1]: where each tile's list starts."""
    rows: np.ndarray
    """int32 [intersections]: the Gaussian, as a row of the flat per-camera arrays."""
    slots: np.ndarray
    """int32 [intersections]: the intersection's place in an order where each Gaussian's are neighbours."""
    slot_ends: np.ndarray
    """int32 [rows]: one past the Gaussian's last slot."""
    counts: np.ndarray
    """int32 [rows]: tiles each Gaussian is drawn in."""
    extents: np.ndarray
    """float64 [rows, 3]: how far the visible ellipse reaches in x and y, and the level of its quadratic form."""


@kernel
def sort_by_depth(chunk, num_chunks, radii, depths, order, keys, spare_order, spare_keys):
    """Fill `order` with the rows that are drawn, nearest first, ties by row; answers through `order` and its length.

    A radix sort on the bits of positive floats, which compare like integers; three passes of eleven bits.
    """
    count = 0
    for row in range(radii.shape[0]):
        if radii[row] > 0:
            order[count] = row
            keys[count] = depths[row]
            count += 1
    histogram = np.zeros((3, 2048), np.int64)
    for i in range(count):
        key = keys[i]
        histogram[0, key & 2047] += 1
        histogram[1, (key >> 11) & 2047] += 1
        histogram[2, key >> 22] += 1
    for digit in range(3):
        start = 0
        for value in range(2048):
            start, histogram[digit, value] = start + histogram[digit, value], start
        for i in range(count):
            value = (keys[i] >> (11 * digit)) & 2047
            place = histogram[digit, value]
            histogram[digit, value] = place + 1
            spare_order[place] = order[i]
            spare_keys[place] = keys[i]
        order, spare_order = spare_order, order
        keys, spare_keys = spare_keys, keys
    # An odd number of passes leaves the answer in what came in as the spare.


@device_function
def reach(a, b, c, opacity):
    """How far the visible ellipse reaches in x and y, and the level of its quadratic form; negative if unseen."""
    # The hair of slack keeps pixels on the very edge, which rounding in the blend may still draw.
    level = 2.0 * math.log(opacity / MIN_ALPHA) + 1e-5
    if not 1e-5 < level < np.inf:
        return -1.0, -1.0, -1.0
    scale = level / (a * c - b * b)
    return math.sqrt(c * scale), math.sqrt(a * scale), level


@device_function
def span_in_band(a, b, c, level, half_x, low, high):
    """The ellipse's extent in x within low <= y <= high (offsets from its centre that it reaches).

    Its rightmost point lies at y = top; where the band leaves that out, the nearest edge of the band decides.
    """
    top = -b / c * half_x
    y = min(high, max(low, top))
    right = (-b * y + math.sqrt(max(0.0, level * a - (a * c - b * b) * y * y))) / a
    y = min(high, max(low, -top))
    left = (-b * y - math.sqrt(max(0.0, level * a - (a * c - b * b) * y * y))) / a
    return left, right


@device_function
def is_finite_row(colors, row):
    """Whether every channel is a number; one that is not would reach far more than its own pixels."""
    for k in range(colors.shape[1]):
        if not math.isfinite(colors[row, k]):
            return False
    return True


@device_function
def tile_row_range(y, radius, half_y, tiles_y):
    """First and one past last row of tiles, from gsplat's square of three sigma and from the visible ellipse."""
    first = math.floor((y - radius) / TILE)
    last = math.ceil((y + radius) / TILE)
    first = max(first, math.floor((y - half_y - 0.5) / TILE))
    last = min(last, math.floor((y + half_y - 0.5) / TILE) + 1)
    return int(max(0, first)), int(min(tiles_y, last))


@device_function
def tile_column_range(x, y, radius, a, b, c, half_x, half_y, level, tile_row, tiles_x):
    """First and one past last column of the tiles in a row that hold a pixel centre of the visible ellipse."""
    low = max(tile_row * TILE + 0.5 - y, -half_y)
    high = min(tile_row * TILE + TILE - 0.5 - y, half_y)
    left, right = span_in_band(a, b, c, level, half_x, low, high)
    first = max(math.floor((x - radius) / TILE), math.floor((x + left - 0.5 - 1e-3) / TILE))
    last = min(math.ceil((x + radius) / TILE), math.floor((x + right - 0.5 + 1e-3) / TILE) + 1)
    return int(max(0, first)), int(min(tiles_x, last))


@kernel
def count_tiles(
    chunk, num_chunks, order, exact, extents, radii, cameras, tiles_x, tiles_y, opacities, colors, counts, histogram
):
    """Fill each Gaussian's `extents`, count its tiles and, for this depth range, the Gaussians of each tile."""
    for i in range(order.shape[0] * chunk // num_chunks, order.shape[0] * (chunk + 1) // num_chunks):
        row = order[i]
        x, y, a, b, c = exact[row, 0], exact[row, 1], exact[row, 2], exact[row, 3], exact[row, 4]
        half_x, half_y, level = reach(a, b, c, float(opacities[row]))
        extents[row, 0], extents[row, 1], extents[row, 2] = half_x, half_y, level
        if level < 0.0 or not is_finite_row(colors, row):
            continue
        first_row, end_row = tile_row_range(y, radii[row], half_y, tiles_y)
        total = 0
        for tile_row in range(first_row, end_row):
            first, end = tile_column_range(x, y, radii[row], a, b, c, half_x, half_y, level, tile_row, tiles_x)
            base = (cameras[row] * tiles_y + tile_row) * tiles_x
            for tile in range(base + first, base + end):
                histogram[chunk, tile] += 1
            total += max(0, end - first)
        counts[row] = total


@kernel
def deal_to_tiles(
    chunk, num_chunks, order, exact, extents, radii, cameras, tiles_x, tiles_y, counts, ends, cursors, rows, slots
):
    """Write this depth range's intersections where the counts of the nearer ranges end."""
    cursor = cursors[chunk]
    for i in range(order.shape[0] * chunk // num_chunks, order.shape[0] * (chunk + 1) // num_chunks):
        row = order[i]
        if counts[row] == 0:
            continue
        x, y, a, b, c = exact[row, 0], exact[row, 1], exact[row, 2], exact[row, 3], exact[row, 4]
        half_x, half_y, level = extents[row, 0], extents[row, 1], extents[row, 2]
        first_row, end_row = tile_row_range(y, radii[row], half_y, tiles_y)
        slot = ends[row] - counts[row]
        for tile_row in range(first_row, end_row):
            first, end = tile_column_range(x, y, radii[row], a, b, c, half_x, half_y, level, tile_row, tiles_x)
            base = (cameras[row] * tiles_y + tile_row) * tiles_x
            for tile in range(base + first, base + end):
                place = cursor[tile]
                cursor[tile] = place + 1
                rows[place] = row
                slots[place] = slot
                slot += 1


def depth_order(radii: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """int32 rows with a positive radius, nearest first, ties in row order."""
    size = radii.shape[0]
    order, spare = np.empty(size, np.int32), np.empty(size, np.int32)
    keys = np.empty((2, size), np.uint32)
    sort_by_depth(0, 1, radii, depths.view(np.uint32), order, keys[0], spare, keys[1])
    return spare[: np.count_nonzero(radii)]


def list_tiles(
    exact: np.ndarray,
    radii: np.ndarray,
    depths: np.ndarray,
    opacities: np.ndarray,
    colors: np.ndarray,
    cameras: np.ndarray,
    num_tiles: tuple[int, int, int],
) -> TileLists:
    """The intersections of all rows with the tiles [cameras, tiles down, tiles across]."""
    num_cameras, tiles_y, tiles_x = num_tiles
    order = depth_order(radii, depths)
    counts = np.zeros(radii.shape[0], np.int32)
    histogram = np.zeros((RANGES, num_cameras * tiles_y * tiles_x), np.int32)
    extents = np.zeros((radii.shape[0], 3), np.float64)
    common = (order, exact, extents, radii, cameras, tiles_x, tiles_y)
    run_chunks(count_tiles, RANGES, *common, opacities, colors, counts, histogram)
    ends = np.cumsum(counts, dtype=np.int32)
    offsets = np.zeros(histogram.shape[1] + 1, np.int32)
    np.cumsum(histogram.sum(0), out=offsets[1:])
    cursors = offsets[:-1] + np.cumsum(histogram, 0, dtype=np.int32) - histogram
    rows, slots = np.empty(offsets[-1], np.int32), np.empty(offsets[-1], np.int32)
    run_chunks(deal_to_tiles, RANGES, *common, counts, ends, cursors, rows, slots)
    return TileLists(offsets, rows, slots, ends, counts, extents)
