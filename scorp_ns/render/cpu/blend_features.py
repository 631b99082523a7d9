"""Blending of any number of channels: depth, labels, features. The arithmetic of `blend_rgb` with a channel loop."""

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


@device_function
def weigh_record(record, state, weights, centres):
    """Take one Gaussian's light out of the tile; its weight at each pixel of its rows goes to `weights`."""
    x = centres - record[ORIGIN_X]
    for i in range(np.uint32(record[FIRST_ROW]), np.uint32(record[END_ROW])):
        at = i * np.uint32(TILE)
        y = np.float32(i) + np.float32(0.5) - record[ORIGIN_Y]
        weight, _, _, _ = take_light(record, state, at, x, y)
        store(weights, at, weight)


@device_function
def add_channels(record, state, weights, channels):
    """Draw one Gaussian's channels with its weights."""
    for k in range(channels):
        for i in range(np.uint32(record[FIRST_ROW]), np.uint32(record[END_ROW])):
            at = i * np.uint32(TILE)
            into = np.uint32((k + 1) * PIXELS) + at
            store(state, into, fma(load(weights, at), record[COLOR + k], load(state, into)))


@kernel
def blend_features(
    chunk, num_chunks, offsets, rows, splats, colors, backgrounds, tiles_y, tiles_x, records, drawn, image,
    transmittance, alphas,
):  # fmt: skip
    """Fill the image [cameras, height, width, channels], the light left and the light taken in one chunk of tiles."""
    height, width, channels = image.shape[1], image.shape[2], image.shape[3]
    state, weights = aligned((channels + 1) * PIXELS), aligned(PIXELS)
    centres = lane_centres()
    num_tiles = offsets.shape[0] - 1
    for tile in range(num_tiles * chunk // num_chunks, num_tiles * (chunk + 1) // num_chunks):
        camera, top, left = tile_corner(tile, tiles_y, tiles_x)
        begin, end = offsets[tile], offsets[tile + 1]
        clear(state, (channels + 1) * PIXELS)
        start_transmittance(state, width - left, height - top)
        while begin < end and not is_finished(state):
            batch_end = min(begin + BATCH, end)
            write_records(records, begin, batch_end, rows, splats, colors, left, top, min(float(height - top), TILE))
            for i in range(begin, batch_end):
                weigh_record(records[i], state, weights, centres)
                add_channels(records[i], state, weights, channels)
            begin = batch_end
        drawn[tile] = begin
        for i in range(min(TILE, height - top)):
            for j in range(min(TILE, width - left)):
                light = abs(state[i * TILE + j])
                transmittance[camera, top + i, left + j] = light
                alphas[camera, top + i, left + j] = np.float32(1.0) - light
                for k in range(channels):
                    channel = state[(k + 1) * PIXELS + i * TILE + j]
                    image[camera, top + i, left + j, k] = channel + light * backgrounds[camera, k]


@device_function
def read_gradients(state, rest, camera, top, left, image, transmittance, g_image, g_alpha):
    """Copy the tile's pixel gradients and start `rest`, all that is still to come behind the next Gaussian.

    For one pixel that is the drawn channels times their gradients, less the light left times the opacity's gradient.
    """
    for i in range(min(TILE, image.shape[1] - top)):
        for j in range(min(TILE, image.shape[2] - left)):
            at = i * TILE + j
            behind = -transmittance[camera, top + i, left + j] * g_alpha[camera, top + i, left + j]
            for k in range(image.shape[3]):
                gradient = g_image[camera, top + i, left + j, k]
                state[(k + 1) * PIXELS + at] = gradient
                behind += gradient * image[camera, top + i, left + j, k]
            rest[at] = behind


@device_function
def unblend_record(record, state, rest, weights, centres, channels, absolute_sums):
    """Move one Gaussian from what is to come to what is done; its moments and absolute slopes.

    With w the weight, c the channels, g the pixel's gradients and T the light before, and with `rest` counting all
    that lies behind: dL/dalpha = T (c . g) - rest / (1 - alpha). The weights are left for the channels' gradients.
    """
    x = centres - record[ORIGIN_X]
    nothing = spread(np.float32(0.0))
    u0, u1, u2, ax, ay = nothing, nothing, nothing, nothing, nothing
    for i in range(np.uint32(record[FIRST_ROW]), np.uint32(record[END_ROW])):
        at = i * np.uint32(TILE)
        y = np.float32(i) + np.float32(0.5) - record[ORIGIN_Y]
        weight, raw, alpha, alive = take_light(record, state, at, x, y)
        store(weights, at, weight)
        along = nothing
        for k in range(channels):
            along = fma(load(state, at + np.uint32((k + 1) * PIXELS)), record[COLOR + k], along)
        behind = load(rest, at) - weight * along
        store(rest, at, behind)
        u = alpha_answer(weight, raw, alpha, alive, along, behind)
        u0, u1, u2 = u0 + u, fma(u, y, u1), fma(u, y * y, u2)
        if absolute_sums:
            pull_x, pull_y = absolute_slopes(record, x, y, u)
            ax, ay = ax + pull_x, ay + pull_y
    moments = (total(u0), total(u0 * x), total(u1), total(u0 * x * x), total(u1 * x), total(u2))
    return moments, (total(ax) * LN_2, total(ay) * LN_2)


@device_function
def share_channels(record, state, weights, channels, slot):
    """Write the gradients of a Gaussian's channels: its weights times the pixels' gradients."""
    for k in range(channels):
        share = spread(np.float32(0.0))
        for i in range(np.uint32(record[FIRST_ROW]), np.uint32(record[END_ROW])):
            at = i * np.uint32(TILE)
            share = fma(load(weights, at), load(state, at + np.uint32((k + 1) * PIXELS)), share)
        slot[6 + k] = total(share)


@kernel
def blend_features_backward(
    chunk, num_chunks, offsets, slots, records, drawn, tiles_y, tiles_x, image, transmittance, g_image, g_alpha,
    absolute_sums, out,
):  # fmt: skip
    """Fill `out`, one line per intersection: centre 2, conic 3, opacity, channels, absolute centre 2 if asked."""
    height, width, channels = image.shape[1], image.shape[2], image.shape[3]
    state, rest, weights = aligned((channels + 1) * PIXELS), aligned(PIXELS), aligned(PIXELS)
    centres = lane_centres()
    num_tiles = offsets.shape[0] - 1
    for tile in range(num_tiles * chunk // num_chunks, num_tiles * (chunk + 1) // num_chunks):
        camera, top, left = tile_corner(tile, tiles_y, tiles_x)
        begin, end = offsets[tile], offsets[tile + 1]
        clear(state, (channels + 1) * PIXELS)
        clear(rest, PIXELS)
        start_transmittance(state, width - left, height - top)
        read_gradients(state, rest, camera, top, left, image, transmittance, g_image, g_alpha)
        for i in range(begin, drawn[tile]):
            record, slot = records[i], out[slots[i]]
            moments, slopes = unblend_record(record, state, rest, weights, centres, channels, absolute_sums)
            write_slot(slot, record, moments)
            share_channels(record, state, weights, channels, slot)
            if absolute_sums:
                slot[6 + channels], slot[7 + channels] = slopes
        for i in range(drawn[tile], end):
            out[slots[i]] = np.float32(0.0)
