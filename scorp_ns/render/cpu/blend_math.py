"""What both blending passes do with one tile: its records, its alphas, its finished pixels.

Inside a tile a Gaussian's alpha is 2**p with p a quadratic polynomial of the pixel's offset from an origin: the
Gaussian's centre, or where that lies outside, the nearest place in the tile. The polynomial is expanded in double
precision, so a needle whose centre lies a thousand pixels away is as exact as a dot in the tile.
"""

from __future__ import annotations

import math

import numpy as np

from scorp_ns.render.cpu.jit import device_function
from scorp_ns.render.cpu.lanes import fma, largest, load, nearest, select, spread, store, times_power_of_two
from scorp_ns.render.cpu.tiles import MIN_ALPHA, TILE, span_in_band

LOG2_E = 1.4426950408889634
LOG2_MIN_ALPHA = np.float32(math.log2(MIN_ALPHA))
MAX_ALPHA = np.float32(0.999)
MIN_TRANSMITTANCE = np.float32(1e-4)
"""A pixel is finished before the Gaussian that would leave it this little."""

PIXELS = TILE * TILE
CHECK_EVERY = 16
"""Gaussians between two looks at whether the tile is finished."""

K0, KX, KY, KXX, KXY, KYY, ORIGIN_X, ORIGIN_Y, FIRST_ROW, END_ROW, COLOR = range(11)
"""A record: the polynomial, its origin in the tile, the pixel rows it can be seen in, then its channels."""

RGB_RECORD = 16
"""Floats in a record of three channels, padded to a cache line."""

# Least relative error of 2**f on [-1/2, 1/2] among polynomials of degree 5: 7.5e-8.
E0, E1, E2 = np.float32(1.0000001192092896), np.float32(0.6931469440460205), np.float32(0.24022120237350464)
E3, E4, E5 = np.float32(0.05550713092088699), np.float32(0.009675541892647743), np.float32(0.001327647129073739)


@device_function
def exp2(p):
    """2**p to about 1e-7 for p between -126 and 127; anything at all outside."""
    whole = nearest(p)
    f = p - whole
    y = fma(f, E5, E4)
    y = fma(y, f, E3)
    y = fma(y, f, E2)
    y = fma(y, f, E1)
    y = fma(y, f, E0)
    return times_power_of_two(y, whole)


@device_function
def aligned(count):
    """An uninitialised float32 array that starts on a cache line, so no row of sixteen straddles two."""
    spacious = np.empty(count + 16, np.float32)
    start = (-(spacious.ctypes.data // 4)) % 16
    return spacious[start : start + count]


@device_function
def lane_centres():
    """The offsets of a row's pixel centres from the tile's left edge."""
    centres = np.arange(TILE).astype(np.float32) + np.float32(0.5)
    return load(centres, 0)


@device_function
def write_record(record, exact, extents, row, opacity, left, top, height_left):
    """Fill a record but for its channels: Gaussian `row` in the tile whose corner is (left, top)."""
    x, y = exact[row, 0] - left, exact[row, 1] - top
    a, b, c = exact[row, 2], exact[row, 3], exact[row, 4]
    # Rounded first, so that the expansion about it is exact.
    origin_x = np.float32(min(float(TILE), max(0.0, x)))
    origin_y = np.float32(min(float(TILE), max(0.0, y)))
    dx, dy = float(origin_x) - x, float(origin_y) - y
    record[ORIGIN_X], record[ORIGIN_Y] = origin_x, origin_y
    record[K0] = math.log2(opacity) - 0.5 * LOG2_E * (a * dx * dx + 2.0 * b * dx * dy + c * dy * dy)
    record[KX], record[KY] = -LOG2_E * (a * dx + b * dy), -LOG2_E * (b * dx + c * dy)
    record[KXX], record[KXY], record[KYY] = -0.5 * LOG2_E * a, -LOG2_E * b, -0.5 * LOG2_E * c
    # The band formula of the tiles with x and y exchanged: how far the ellipse reaches up and down inside the tile.
    low, high = max(0.5 - x, -extents[row, 0]), min(TILE - 0.5 - x, extents[row, 0])
    up, down = span_in_band(c, b, a, extents[row, 2], extents[row, 1], low, high)
    record[FIRST_ROW] = max(0.0, math.ceil(y + up - 0.5 - 1e-3))
    record[END_ROW] = max(0.0, min(float(height_left), math.floor(y + down - 0.5 + 1e-3) + 1.0))


@device_function
def visible_alpha(record, x, y):
    """The record's alpha along a pixel row, at offsets x, y from its origin; zero where it is too faint to draw."""
    along = fma(x, record[KXX], spread(record[KX] + record[KXY] * y))
    p = fma(x, along, spread(record[K0] + y * (record[KY] + record[KYY] * y)))
    return select(p >= LOG2_MIN_ALPHA, exp2(p), np.float32(0.0))


@device_function
def start_transmittance(state, columns, rows):
    """Set the tile's pixels inside the image to 1 and those outside to 0, which is to say finished."""
    for i in range(TILE):
        for j in range(TILE):
            state[i * TILE + j] = np.float32(1.0) if i < rows and j < columns else np.float32(0.0)


@device_function
def is_finished(state):
    """Whether every pixel of the tile has stopped: finished pixels keep their transmittance with a minus sign."""
    most = load(state, 0)
    for i in range(1, TILE):
        row = load(state, i * TILE)
        most = select(row > most, row, most)
    return not largest(most) > np.float32(0.0)


@device_function
def clear(buffer, count):
    """Set the first `count` numbers, a multiple of sixteen, to zero."""
    for i in range(0, count, TILE):
        store(buffer, i, spread(np.float32(0.0)))


@device_function
def tile_corner(tile, tiles_y, tiles_x):
    """Camera and top left pixel of a tile."""
    camera, inside = tile // (tiles_y * tiles_x), tile % (tiles_y * tiles_x)
    return camera, (inside // tiles_x) * TILE, (inside % tiles_x) * TILE


@device_function
def write_slot(slot, exact, row, left, top, record, opacity, moments):
    """Fill the gradients of centre, conic and opacity from the tile's moments of u = alpha dL/dalpha = -dL/dsigma.

    `moments` are the sums of u {1, x, y, xx, xy, yy} about the record's origin; moved to the centre, they are all
    that the derivatives of sigma = (a xx + c yy) / 2 + b xy need.
    """
    m0, mx, my, mxx, mxy, myy = moments
    a, b, c = exact[row, 2], exact[row, 3], exact[row, 4]
    dx = float(record[ORIGIN_X]) - (exact[row, 0] - left)
    dy = float(record[ORIGIN_Y]) - (exact[row, 1] - top)
    ux, uy = mx + dx * m0, my + dy * m0
    slot[0], slot[1] = a * ux + b * uy, b * ux + c * uy
    slot[2] = -0.5 * (mxx + 2.0 * dx * mx + dx * dx * m0)
    slot[3] = -(mxy + dx * my + dy * mx + dx * dy * m0)
    slot[4] = -0.5 * (myy + 2.0 * dy * my + dy * dy * m0)
    slot[5] = m0 / opacity
