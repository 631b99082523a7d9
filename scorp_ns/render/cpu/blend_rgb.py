"""Blending of three channels, the case that training spends its time in: every channel has its own variable."""

from __future__ import annotations

import numpy as np

from scorp_ns.render.cpu.blend_math import (
    BATCH,
    COLOR,
    END_ROW,
    FIRST_ROW,
    LN_2,
    ORIGIN_X,
    ORIGIN_Y,
    PIXELS,
    absolute_slopes,
    aligned,
    alpha_answer,
    clear,
    is_finished,
    lane_centres,
    start_transmittance,
    take_light,
    tile_corner,
    write_records,
    write_slot,
)
from scorp_ns.render.cpu.jit import device_function, kernel
from scorp_ns.render.cpu.lanes import fma, load, spread, store, total
from scorp_ns.render.cpu.tiles import TILE

RED, GREEN, BLUE = PIXELS, 2 * PIXELS, 3 * PIXELS
"""Offsets of the channels in a tile's state; the transmittance comes first."""


@device_function
def blend_record(record, state, centres):
    """Draw one Gaussian over the tile."""
    x = centres - record[ORIGIN_X]
    red, green, blue = spread(record[COLOR]), spread(record[COLOR + 1]), spread(record[COLOR + 2])
    for i in range(np.uint32(record[FIRST_ROW]), np.uint32(record[END_ROW])):
        at = i * np.uint32(TILE)
        y = np.float32(i) + np.float32(0.5) - record[ORIGIN_Y]
        weight, _, _, _ = take_light(record, state, at, x, y)
        store(state, at + np.uint32(RED), fma(weight, red, load(state, at + np.uint32(RED))))
        store(state, at + np.uint32(GREEN), fma(weight, green, load(state, at + np.uint32(GREEN))))
        store(state, at + np.uint32(BLUE), fma(weight, blue, load(state, at + np.uint32(BLUE))))


@kernel
def blend_rgb(
    chunk, num_chunks, offsets, rows, splats, colors, backgrounds, tiles_y, tiles_x, records, drawn, image,
    transmittance, alphas,
):  # fmt: skip
    """Fill the image [cameras, height, width, 3], the light left and the light taken in one chunk of tiles."""
    height, width = image.shape[1], image.shape[2]
    state = aligned(4 * PIXELS)
    centres = lane_centres()
    num_tiles = offsets.shape[0] - 1
    for tile in range(num_tiles * chunk // num_chunks, num_tiles * (chunk + 1) // num_chunks):
        camera, top, left = tile_corner(tile, tiles_y, tiles_x)
        begin, end = offsets[tile], offsets[tile + 1]
        clear(state, 4 * PIXELS)
        start_transmittance(state, width - left, height - top)
        while begin < end and not is_finished(state):
            batch_end = min(begin + BATCH, end)
            write_records(records, begin, batch_end, rows, splats, colors, left, top, min(float(height - top), TILE))
            for i in range(begin, batch_end):
                blend_record(records[i], state, centres)
            begin = batch_end
        drawn[tile] = begin
        for i in range(min(TILE, height - top)):
            for j in range(min(TILE, width - left)):
                at = i * TILE + j
                light = abs(state[at])
                transmittance[camera, top + i, left + j] = light
                alphas[camera, top + i, left + j] = np.float32(1.0) - light
                pixel = image[camera, top + i, left + j]
                pixel[0] = state[RED + at] + light * backgrounds[camera, 0]
                pixel[1] = state[GREEN + at] + light * backgrounds[camera, 1]
                pixel[2] = state[BLUE + at] + light * backgrounds[camera, 2]


@device_function
def read_gradients(state, rest, camera, top, left, image, transmittance, g_image, g_alpha):
    """Copy the tile's pixel gradients and start `rest`, all that is still to come behind the next Gaussian.

    For one pixel that is the drawn colour times its gradient, less the light left times the opacity's gradient.
    """
    for i in range(min(TILE, image.shape[1] - top)):
        for j in range(min(TILE, image.shape[2] - left)):
            at = i * TILE + j
            behind = -transmittance[camera, top + i, left + j] * g_alpha[camera, top + i, left + j]
            for k in range(3):
                gradient = g_image[camera, top + i, left + j, k]
                state[(k + 1) * PIXELS + at] = gradient
                behind += gradient * image[camera, top + i, left + j, k]
            rest[at] = behind


@device_function
def unblend_record(record, state, rest, centres, absolute_sums):
    """Move one Gaussian from what is to come to what is done; its moments, colour gradients and absolute slopes.

    With w the weight, c the colour, g the pixel's gradient and T the light before, and with `rest` counting all that
    lies behind: dL/dalpha = T (c . g) - rest / (1 - alpha).
    """
    x = centres - record[ORIGIN_X]
    red, green, blue = spread(record[COLOR]), spread(record[COLOR + 1]), spread(record[COLOR + 2])
    nothing = spread(np.float32(0.0))
    u0, u1, u2, ax, ay = nothing, nothing, nothing, nothing, nothing
    sum_red, sum_green, sum_blue = nothing, nothing, nothing
    for i in range(np.uint32(record[FIRST_ROW]), np.uint32(record[END_ROW])):
        at = i * np.uint32(TILE)
        y = np.float32(i) + np.float32(0.5) - record[ORIGIN_Y]
        weight, raw, alpha, alive = take_light(record, state, at, x, y)
        g_red = load(state, at + np.uint32(RED))
        g_green = load(state, at + np.uint32(GREEN))
        g_blue = load(state, at + np.uint32(BLUE))
        along = fma(blue, g_blue, fma(green, g_green, red * g_red))
        behind = load(rest, at) - weight * along
        store(rest, at, behind)
        u = alpha_answer(weight, raw, alpha, alive, along, behind)
        u0, u1, u2 = u0 + u, fma(u, y, u1), fma(u, y * y, u2)
        sum_red, sum_green, sum_blue = (
            fma(weight, g_red, sum_red),
            fma(weight, g_green, sum_green),
            fma(weight, g_blue, sum_blue),
        )
        if absolute_sums:
            pull_x, pull_y = absolute_slopes(record, x, y, u)
            ax, ay = ax + pull_x, ay + pull_y
    moments = (total(u0), total(u0 * x), total(u1), total(u0 * x * x), total(u1 * x), total(u2))
    return moments, (total(sum_red), total(sum_green), total(sum_blue)), (total(ax) * LN_2, total(ay) * LN_2)


@kernel
def blend_rgb_backward(
    chunk, num_chunks, offsets, slots, records, drawn, tiles_y, tiles_x, image, transmittance, g_image, g_alpha,
    absolute_sums, out,
):  # fmt: skip
    """Fill `out`, one line per intersection: centre 2, conic 3, opacity, colour 3, absolute centre 2 if asked."""
    height, width = image.shape[1], image.shape[2]
    state, rest = aligned(4 * PIXELS), aligned(PIXELS)
    centres = lane_centres()
    num_tiles = offsets.shape[0] - 1
    for tile in range(num_tiles * chunk // num_chunks, num_tiles * (chunk + 1) // num_chunks):
        camera, top, left = tile_corner(tile, tiles_y, tiles_x)
        begin, end = offsets[tile], offsets[tile + 1]
        clear(state, 4 * PIXELS)
        clear(rest, PIXELS)
        start_transmittance(state, width - left, height - top)
        read_gradients(state, rest, camera, top, left, image, transmittance, g_image, g_alpha)
        for i in range(begin, drawn[tile]):
            record, slot = records[i], out[slots[i]]
            moments, shares, slopes = unblend_record(record, state, rest, centres, absolute_sums)
            write_slot(slot, record, moments)
            slot[6], slot[7], slot[8] = shares
            if absolute_sums:
                slot[9], slot[10] = slopes
        for i in range(drawn[tile], end):
            out[slots[i]] = np.float32(0.0)
