"""Alpha blending within one tile, for both passes: its records, its alphas, its finished pixels.

Inside a tile a Gaussian's alpha is 2**p with p a quadratic polynomial of the pixel's offset from an origin: the
Gaussian's centre, or where that lies outside, the nearest place in the tile. The polynomial is expanded in double
precision, so a needle whose centre lies a thousand pixels away is as exact as a dot in the tile.
"""

from __future__ import annotations

import math

import numpy as np

from scorp_ns.render.cpu import limits
from scorp_ns.render.cpu.jit import device_function
from scorp_ns.render.cpu.lanes import (
    absolute,
    any_lane,
    fma,
    load,
    minimum,
    nearest,
    negative_absolute,
    prefetch,
    select,
    spread,
    store,
    times_power_of_two,
)
from scorp_ns.render.cpu.tiles import HALF_X, HALF_Y, LEVEL, SLACK, TILE, A, B, C, X, Y, span_in_band

LOG2_E = 1.4426950408889634
LN_2 = np.float32(0.6931471805599453)
LOG2_MIN_ALPHA = np.float32(math.log2(limits.MIN_ALPHA))
MAX_ALPHA = np.float32(limits.MAX_ALPHA)
MIN_TRANSMITTANCE = np.float32(1e-4)
"""A pixel is finished before the Gaussian that would leave it this little."""

PIXELS = TILE * TILE
BATCH = 16
"""Gaussians between two looks at whether the tile is finished; those behind get no record."""

K0, KX, KY, KXX, KXY, KYY, ORIGIN_X, ORIGIN_Y, CENTRE_X, CENTRE_Y, FIRST_ROW, END_ROW, COLOR = range(13)
"""A record: the polynomial, its origin in the tile, the way from there to the Gaussian's centre with its sign
reversed, the pixel rows it can be seen in, then its channels. With three channels it fills a cache line."""

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
def write_record(record, splat, left, top, height_left):
    """Fill a record but for its channels, for a splat in the tile whose corner is (left, top)."""
    x, y, level = splat[X] - left, splat[Y] - top, splat[LEVEL]
    a, b, c = splat[A], splat[B], splat[C]
    # Rounded first, so that the expansion about it is exact.
    origin_x = np.float32(min(float(TILE), max(0.0, x)))
    origin_y = np.float32(min(float(TILE), max(0.0, y)))
    dx, dy = float(origin_x) - x, float(origin_y) - y
    record[ORIGIN_X], record[ORIGIN_Y], record[CENTRE_X], record[CENTRE_Y] = origin_x, origin_y, dx, dy
    # The ellipse's level is that of the faintest alpha, so the centre's alpha needs no logarithm.
    record[K0] = LOG2_MIN_ALPHA + 0.5 * LOG2_E * (level - (a * dx * dx + 2.0 * b * dx * dy + c * dy * dy))
    record[KX], record[KY] = -LOG2_E * (a * dx + b * dy), -LOG2_E * (b * dx + c * dy)
    record[KXX], record[KXY], record[KYY] = -0.5 * LOG2_E * a, -LOG2_E * b, -0.5 * LOG2_E * c
    # The band formula of the tiles with x and y exchanged: how far the ellipse reaches up and down inside the tile.
    low, high = max(0.5 - x, -splat[HALF_X]), min(TILE - 0.5 - x, splat[HALF_X])
    up, down = span_in_band(c, b, a, level, splat[HALF_Y], low, high)
    record[FIRST_ROW] = max(0.0, math.ceil(y + up - 0.5 - SLACK))
    record[END_ROW] = max(0.0, min(height_left, math.floor(y + down + 0.5 + SLACK)))


@device_function
def write_records(records, begin, end, rows, splats, colors, left, top, height_left):
    """Fill the records of intersections begin to end, all in one tile."""
    # The Gaussians of a tile lie anywhere in memory: without a word ahead each would be waited for.
    for i in range(end, min(end + BATCH, rows.shape[0])):
        prefetch(splats, rows[i])
        prefetch(colors, rows[i])
    for i in range(begin, end):
        record, row = records[i], rows[i]
        write_record(record, splats[row], left, top, height_left)
        for k in range(colors.shape[1]):
            record[COLOR + k] = colors[row, k]


@device_function
def visible_alpha(record, x, y):
    """The record's alpha along a pixel row, at offsets x, y from its origin; zero where it is too faint to draw."""
    along = fma(x, record[KXX], spread(record[KX] + record[KXY] * y))
    p = fma(x, along, spread(record[K0] + y * (record[KY] + record[KYY] * y)))
    return select(p >= LOG2_MIN_ALPHA, exp2(p), np.float32(0.0))


@device_function
def take_light(record, state, at, x, y):
    """Take one Gaussian's light out of a row of pixels, whose light is at `at`: its weights, and what led to them.

    The light of a pixel where too little would be left is marked by its sign, and stays.
    """
    left = load(state, at)
    raw = visible_alpha(record, x, y)
    alpha = minimum(raw, MAX_ALPHA)
    weight = alpha * left
    after = left - weight
    alive = after > MIN_TRANSMITTANCE
    store(state, at, select(alive, after, negative_absolute(left)))
    return select(alive, weight, np.float32(0.0)), raw, alpha, alive


@device_function
def alpha_answer(weight, raw, alpha, alive, along, behind):
    """A row's alpha times dL/dalpha, from what the Gaussian shows (`along`) and what lies `behind` it.

    A clamped alpha does not answer to its Gaussian, though its colour does.
    """
    u = weight * along - alpha * behind / (np.float32(1.0) - alpha)
    return select(alive, select(raw <= MAX_ALPHA, u, np.float32(0.0)), np.float32(0.0))


@device_function
def absolute_slopes(record, x, y, u):
    """Absolute gradients of the centre from each pixel of a row, in x and in y, over ln 2."""
    return (
        absolute(u * (fma(x, np.float32(2.0) * record[KXX], spread(record[KX] + record[KXY] * y)))),
        absolute(u * (fma(x, record[KXY], spread(record[KY] + np.float32(2.0) * record[KYY] * y)))),
    )


@device_function
def start_transmittance(state, columns, rows):
    """Set the tile's pixels inside the image to 1 and those outside to 0, which is to say finished."""
    for i in range(TILE):
        for j in range(TILE):
            state[i * TILE + j] = np.float32(1.0) if i < rows and j < columns else np.float32(0.0)


@device_function
def is_finished(state):
    """True if every pixel of the tile is finished: those keep their transmittance with a minus sign."""
    most = load(state, 0)
    for i in range(1, TILE):
        row = load(state, i * TILE)
        most = select(row > most, row, most)
    return not any_lane(most > np.float32(0.0))


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
def write_slot(slot, record, moments):
    """Fill the gradients of centre, conic and, but for a factor 1 / opacity, opacity from a tile's moments.

    `moments` are the sums of u {1, x, y, xx, xy, yy} about the record's origin, with u = alpha dL/dalpha. Since
    alpha = opacity exp(-sigma), dL/dsigma = -u; and moved to the centre, the moments are all that the derivatives of
    sigma = (a xx + c yy) / 2 + b xy need.
    """
    m0, mx, my, mxx, mxy, myy = moments
    dx, dy = record[CENTRE_X], record[CENTRE_Y]
    kx, ky, kxx, kxy, kyy = record[KX], record[KY], record[KXX], record[KXY], record[KYY]
    two = np.float32(2.0)
    slot[0] = -LN_2 * (kx * m0 + two * kxx * mx + kxy * my)
    slot[1] = -LN_2 * (ky * m0 + kxy * mx + two * kyy * my)
    slot[2] = np.float32(-0.5) * (mxx + dx * (two * mx + dx * m0))
    slot[3] = -(mxy + dx * my + dy * mx + dx * dy * m0)
    slot[4] = np.float32(-0.5) * (myy + dy * (two * my + dy * m0))
    slot[5] = m0
