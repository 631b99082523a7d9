"""Blending weights of Gaussians on each label of an image, for all labels in one pass over the tiles.

A tile shows few of the labels, mostly one. For each Gaussian it draws it adds the weights up once per label it shows;
then each Gaussian collects from its tiles, always in the same order, whatever the number of threads.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from scorp_ns.render.cpu.blend_features import weigh_record
from scorp_ns.render.cpu.blend_math import (
    BATCH,
    COLOR,
    END_ROW,
    FIRST_ROW,
    ORIGIN_X,
    ORIGIN_Y,
    PIXELS,
    aligned,
    is_finished,
    lane_centres,
    start_transmittance,
    take_light,
    write_records,
)
from scorp_ns.render.cpu.jit import device_function, even_chunks, kernel, run_chunks
from scorp_ns.render.cpu.lanes import fma, load, spread, total
from scorp_ns.render.cpu.rasterizer import RenderSettings, project, tile_lists
from scorp_ns.render.cpu.tiles import TILE, A, C, TileLists

TILE_CHUNKS_PER_THREAD = 16
"""Tasks a thread's share of the tiles is split into; many, because tiles differ much in how full they are."""

ROW_CHUNKS_PER_THREAD = 4
"""Tasks a thread's share of the Gaussians is split into when sums are collected."""

SUMS_AT_ONCE = 1 << 24
"""Sums of tiles kept before they are collected, 64 MB; one full tile may exceed it. Only images of noise come near."""

RECORD = -(-COLOR // 16) * 16
"""Numbers a record without channels takes, in whole cache lines."""


@kernel
def find_labels(chunk, num_chunks, labels, tiles_x, found, num_found):
    """Fill the distinct labels of each tile in the order of their first pixels, and their number."""
    height, width = labels.shape
    num_tiles = num_found.shape[0]
    for tile in range(num_tiles * chunk // num_chunks, num_tiles * (chunk + 1) // num_chunks):
        top, left = tile // tiles_x * TILE, tile % tiles_x * TILE
        known, count = found[tile], 0
        for i in range(top, min(top + TILE, height)):
            for j in range(left, min(left + TILE, width)):
                label, k = labels[i, j], 0
                while k < count and known[k] != label:
                    k += 1
                if k == count:
                    known[k] = label
                    count += 1
        num_found[tile] = count


@device_function
def mark_labels(labels, top, left, found, count, marks, spans):
    """Fill one image of ones and zeros per label of the tile, and the pixel rows between which its ones lie."""
    for k in range(count):
        first, end = TILE, 0
        for i in range(TILE):
            any_here = False
            for j in range(TILE):
                y, x = top + i, left + j
                here = y < labels.shape[0] and x < labels.shape[1] and labels[y, x] == found[k]
                marks[k * PIXELS + i * TILE + j] = np.float32(1.0) if here else np.float32(0.0)
                any_here = any_here or here
            if any_here:
                first, end = min(first, i), i + 1
        spans[k, 0], spans[k, 1] = first, end


@device_function
def whole_weight(record, state, centres):
    """Take one Gaussian's light out of the tile; the sum of its weights."""
    x = centres - record[ORIGIN_X]
    weights = spread(np.float32(0.0))
    for i in range(np.uint32(record[FIRST_ROW]), np.uint32(record[END_ROW])):
        y = np.float32(i) + np.float32(0.5) - record[ORIGIN_Y]
        weight, _, _, _ = take_light(record, state, i * np.uint32(TILE), x, y)
        weights = weights + weight
    return total(weights)


@device_function
def share_weights(record, weights, marks, spans, count, sums, at):
    """Write the sums of one Gaussian's weights over the pixels of each label."""
    for k in range(count):
        share = spread(np.float32(0.0))
        first, end = max(np.uint32(record[FIRST_ROW]), spans[k, 0]), min(np.uint32(record[END_ROW]), spans[k, 1])
        for i in range(first, end):
            row = i * np.uint32(TILE)
            share = fma(load(weights, row), load(marks, np.uint32(k * PIXELS) + row), share)
        sums[at + k] = total(share)


@kernel
def weigh_labels(
    chunk, num_chunks, tiles, offsets, rows, slots, splats, no_colors, labels, tiles_x, found, num_found, starts, sums,
    places,
):  # fmt: skip
    """Fill `sums`, the labels' weights of one intersection after the other, and where each Gaussian finds its own."""
    height, width = labels.shape
    most = num_found[tiles[0] : tiles[1]].max()
    state, weights, marks = aligned(PIXELS), aligned(PIXELS), aligned(most * PIXELS)
    spans = np.empty((most, 2), np.uint32)
    records = aligned(BATCH * RECORD).reshape(BATCH, RECORD)
    centres = lane_centres()
    count = tiles[1] - tiles[0]
    for tile in range(tiles[0] + count * chunk // num_chunks, tiles[0] + count * (chunk + 1) // num_chunks):
        top, left = tile // tiles_x * TILE, tile % tiles_x * TILE
        begin, end, known = offsets[tile], offsets[tile + 1], num_found[tile]
        at = starts[tile] - starts[tiles[0]]
        start_transmittance(state, width - left, height - top)
        if known > 1:
            mark_labels(labels, top, left, found[tile], known, marks, spans)
        while begin < end and not is_finished(state):
            size = min(BATCH, end - begin)
            write_records(records, 0, size, rows[begin:], splats, no_colors, left, top, min(float(height - top), TILE))
            for i in range(size):
                if known == 1:
                    sums[at] = whole_weight(records[i], state, centres)
                else:
                    weigh_record(records[i], state, weights, centres)
                    share_weights(records[i], weights, marks, spans, known, sums, at)
                place = places[slots[begin + i]]
                place[0], place[1] = tile + 1, at
                at += known
            begin += size


@kernel
def collect(chunk, num_chunks, tiles, slot_ends, counts, places, found, num_found, sums, weights, totals):
    """Add to the Gaussians' weights what the tiles in this band have for them, tile after tile."""
    for row in range(weights.shape[0] * chunk // num_chunks, weights.shape[0] * (chunk + 1) // num_chunks):
        for slot in range(slot_ends[row] - counts[row], slot_ends[row]):
            tile, at = places[slot, 0] - 1, places[slot, 1]
            if tiles[0] <= tile < tiles[1]:
                for k in range(num_found[tile]):
                    label = found[tile, k]
                    totals[row] += sums[at + k]
                    if label >= 0:
                        weights[row, label] += sums[at + k]


def bands(starts: np.ndarray) -> Iterator[tuple[int, int]]:
    """Ranges of tiles whose sums are kept at once; `starts` counts the sums before each tile, and all."""
    first, num_tiles = 0, len(starts) - 1
    while first < num_tiles:
        end = int(np.searchsorted(starts, starts[first] + SUMS_AT_ONCE, side="right")) - 1
        end = max(end, first + 1)
        yield first, end
        first = end


def weigh_tiles(
    lists: TileLists, splats: np.ndarray, labels: np.ndarray, weights: np.ndarray, totals: np.ndarray
) -> None:
    """Add all tiles' weights to the Gaussians'."""
    tiles_y, tiles_x = (-(-length // TILE) for length in labels.shape)
    found, num_found = np.empty((tiles_y * tiles_x, PIXELS), np.int32), np.empty(tiles_y * tiles_x, np.int32)
    run_chunks(find_labels, even_chunks(TILE_CHUNKS_PER_THREAD), labels, tiles_x, found, num_found)
    starts = np.zeros(len(num_found) + 1, np.int64)
    np.cumsum(np.diff(lists.offsets) * num_found.astype(np.int64), out=starts[1:])
    no_colors = np.empty((len(splats), 0), np.float32)
    # The system hands zeros out as such; where one is left, nothing was drawn.
    places = np.zeros((len(lists.rows), 2), np.int32)
    for band in bands(starts):
        sums = np.empty(starts[band[1]] - starts[band[0]], np.float32)
        run_chunks(
            weigh_labels, even_chunks(TILE_CHUNKS_PER_THREAD), band, lists.offsets, lists.rows, lists.slots, splats,
            no_colors, labels, tiles_x, found, num_found, starts, sums, places,
        )  # fmt: skip
        run_chunks(
            collect, even_chunks(ROW_CHUNKS_PER_THREAD), band, lists.slot_ends, lists.counts, places, found, num_found,
            sums, weights, totals,
        )  # fmt: skip


def weigh_view(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    viewmat: Tensor,
    K: Tensor,
    labels: Tensor,
    num_labels: int,
    view: RenderSettings,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Weights [gaussians, labels] and their totals over all pixels, then radii, conics and opacities as drawn."""
    projected = project(means, quats, scales, opacities, viewmat[None], K[None], view)
    radii, _, depths, _, opacities, splats = projected
    tiles = (1, -(-view.height // TILE), -(-view.width // TILE))
    no_channels, cameras = means.new_empty((*radii.shape, 0)), torch.zeros_like(radii)
    lists = tile_lists(splats, radii, depths, opacities, no_channels, cameras, tiles)
    weights, totals = np.zeros((len(means), num_labels), np.float32), np.zeros(len(means), np.float32)
    weigh_tiles(lists, splats[0].numpy(), labels.to(torch.int32).contiguous().numpy(), weights, totals)
    conics = splats[0, :, A : C + 1]
    return torch.from_numpy(weights), torch.from_numpy(totals), radii[0], conics, opacities[0]
