"""Lists of the Gaussians that each tile draws, front to back, for both blending passes.

Gaussians are sorted by depth once, then dealt out to tiles in that order. The deal is a counting sort over depth
ranges, stable, so that its result does not depend on their number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from scorp_ns.render.cpu.jit import device_function, even_chunks, kernel, run_chunks
from scorp_ns.render.cpu.lanes import prefetch
from scorp_ns.render.cpu.limits import MIN_ALPHA

TILE = 16
"""Edge of a tile in pixels."""

RANGES_PER_THREAD = 2
"""Depth ranges, or ranges of rows, that each thread works on."""

AHEAD = 8
"""Gaussians between asking for one's memory and working on it."""

SLACK = 1e-3
"""Pixels by which visible ellipses are taken too large, so that rounding decides about pixels and not about tiles."""

X, Y, A, B, C, HALF_X, HALF_Y, LEVEL = range(8)
"""A splat, a cache line of doubles: image centre, conic, reach of the visible ellipse, level of its quadratic form."""


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


@device_function
def span_in_band(a, b, c, level, half_x, low, high):
    """The ellipse's extent in x within low <= y <= high (offsets from its centre that it reaches).

    Its rightmost point lies at y = top; where the band leaves that out, the nearest edge of the band decides.
    """
    det, inverse = a * c - b * b, 1.0 / a
    top = -b / c * half_x
    y = min(high, max(low, top))
    right = (-b * y + math.sqrt(max(0.0, level * a - det * y * y))) * inverse
    y = min(high, max(low, -top))
    left = (-b * y - math.sqrt(max(0.0, level * a - det * y * y))) * inverse
    return left, right


@device_function
def tile_row_range(y, radius, half_y, tiles_y):
    """First and one past last row of tiles, from gsplat's square of three sigma and from the visible ellipse."""
    first = max(math.floor((y - radius) / TILE), math.floor((y - half_y - 0.5 - SLACK) / TILE))
    last = min(math.ceil((y + radius) / TILE), math.floor((y + half_y - 0.5 + SLACK) / TILE) + 1)
    return int(max(0, first)), int(min(tiles_y, last))


@device_function
def tile_column_range(splat, radius, tile_row, tiles_x):
    """First and one past last column of the tiles in a row that hold a pixel centre of the visible ellipse."""
    x, y, half_y = splat[X], splat[Y], splat[HALF_Y]
    low = max(tile_row * TILE + 0.5 - y, -half_y)
    high = min(tile_row * TILE + TILE - 0.5 - y, half_y)
    left, right = span_in_band(splat[A], splat[B], splat[C], splat[LEVEL], splat[HALF_X], low, high)
    first = max(math.floor((x - radius) / TILE), math.floor((x + left - 0.5 - SLACK) / TILE))
    last = min(math.ceil((x + radius) / TILE), math.floor((x + right - 0.5 + SLACK) / TILE) + 1)
    return int(max(0, first)), int(min(tiles_x, last))


@device_function
def is_finite_row(colors, row):
    """True if every channel is finite; one that is not would reach far more than its own pixels."""
    finite = True
    for k in range(colors.shape[1]):
        finite = finite and math.isfinite(colors[row, k])
    return finite


@kernel
def measure(chunk, num_chunks, radii, opacities, colors, tiles_y, splats, tile_rows):
    """Complete the splats with reach and level, and count the rows of tiles each may be drawn in."""
    for row in range(radii.shape[0] * chunk // num_chunks, radii.shape[0] * (chunk + 1) // num_chunks):
        tile_rows[row] = 0
        level = 2.0 * math.log(float(opacities[row]) / MIN_ALPHA)
        # Written so that NaN fails; an unseen Gaussian is in no tile.
        if radii[row] <= 0 or not 0.0 < level < np.inf or not is_finite_row(colors, row):
            continue
        a, b, c = splats[row, A], splats[row, B], splats[row, C]
        scale = level / (a * c - b * b)
        half_x, half_y = math.sqrt(c * scale), math.sqrt(a * scale)
        splats[row, HALF_X], splats[row, HALF_Y], splats[row, LEVEL] = half_x, half_y, level
        first, end = tile_row_range(splats[row, Y], radii[row], half_y, tiles_y)
        tile_rows[row] = max(0, end - first)


@kernel
def sort_by_depth(tile_rows, depths, order, keys, spare_order, spare_keys):
    """Fill `spare_order` with the rows to draw, nearest first, ties by row; their number is returned.

    A radix sort on the bits of positive floats, which compare like integers; three passes of eleven bits, so that the
    last one ends in what came in as the spare.
    """
    count = 0
    histogram = np.zeros((3, 2048), np.int64)
    for row in range(tile_rows.shape[0]):
        if tile_rows[row] > 0:
            key = depths[row]
            order[count], keys[count] = row, key
            histogram[0, key & 2047] += 1
            histogram[1, (key >> 11) & 2047] += 1
            histogram[2, key >> 22] += 1
            count += 1
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
    return count


@kernel
def count_tiles(chunk, num_chunks, order, span_ends, splats, radii, cameras, grid, spans, counts, histogram):
    """Fill `spans` (first tile, number of tiles) for every Gaussian and row of tiles, and count tiles both ways."""
    tiles_y, tiles_x = grid
    for i in range(order.shape[0] * chunk // num_chunks, order.shape[0] * (chunk + 1) // num_chunks):
        if i + AHEAD < order.shape[0]:
            prefetch(splats, order[i + AHEAD])
            prefetch(radii, order[i + AHEAD])
        row = order[i]
        splat, radius = splats[row], radii[row]
        tile_row, _ = tile_row_range(splat[Y], radius, splat[HALF_Y], tiles_y)
        total = 0
        for span in range(span_ends[i - 1] if i > 0 else 0, span_ends[i]):
            first, end = tile_column_range(splat, radius, tile_row, tiles_x)
            base = (cameras[row] * tiles_y + tile_row) * tiles_x
            spans[span, 0], spans[span, 1] = base + first, max(0, end - first)
            for tile in range(base + first, base + end):
                histogram[chunk, tile] += 1
            total += max(0, end - first)
            tile_row += 1
        counts[row] = total


@kernel
def deal_to_tiles(chunk, num_chunks, order, span_ends, spans, counts, slot_ends, cursors, rows, slots):
    """Write this depth range's intersections where the counts of the nearer ranges end."""
    cursor = cursors[chunk]
    for i in range(order.shape[0] * chunk // num_chunks, order.shape[0] * (chunk + 1) // num_chunks):
        row = order[i]
        slot = slot_ends[row] - counts[row]
        for span in range(span_ends[i - 1] if i > 0 else 0, span_ends[i]):
            first = spans[span, 0]
            for tile in range(first, first + spans[span, 1]):
                place = cursor[tile]
                cursor[tile] = place + 1
                rows[place] = row
                slots[place] = slot
                slot += 1


def depth_order(tile_rows: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """int32 rows to draw, nearest first, ties in row order."""
    size = tile_rows.shape[0]
    order, keys = np.empty((2, size), np.int32), np.empty((2, size), np.uint32)
    count = sort_by_depth(tile_rows, depths.view(np.uint32), order[0], keys[0], order[1], keys[1])
    return order[1, :count]


def list_tiles(
    splats: np.ndarray,
    radii: np.ndarray,
    depths: np.ndarray,
    opacities: np.ndarray,
    colors: np.ndarray,
    cameras: np.ndarray,
    num_tiles: tuple[int, int, int],
) -> TileLists:
    """The intersections of all rows with the tiles [cameras, tiles down, tiles across]; completes the splats."""
    ranges = even_chunks(RANGES_PER_THREAD)
    tile_rows, counts = np.empty(radii.shape[0], np.int32), np.zeros(radii.shape[0], np.int32)
    run_chunks(measure, ranges, radii, opacities, colors, num_tiles[1], splats, tile_rows)
    order = depth_order(tile_rows, depths)
    span_ends = np.cumsum(tile_rows[order], dtype=np.int32)
    spans = np.empty((span_ends[-1] if order.size else 0, 2), np.int32)
    histogram = np.zeros((ranges, math.prod(num_tiles)), np.int32)
    run_chunks(
        count_tiles, ranges, order, span_ends, splats, radii, cameras, num_tiles[1:], spans, counts,
        histogram,
    )  # fmt: skip
    slot_ends = np.cumsum(counts, dtype=np.int32)
    offsets = np.zeros(histogram.shape[1] + 1, np.int32)
    np.cumsum(histogram.sum(0), out=offsets[1:])
    cursors = offsets[:-1] + np.cumsum(histogram, 0, dtype=np.int32) - histogram
    rows, slots = np.empty((2, offsets[-1]), np.int32)
    run_chunks(deal_to_tiles, ranges, order, span_ends, spans, counts, slot_ends, cursors, rows, slots)
    return TileLists(offsets, rows, slots, slot_ends, counts)
