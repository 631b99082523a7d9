"""Frames whose masks do not look like those of the other frames.

The order of frames says little: captures jump between rings. So an object is recognised by its colours, which reveal
swapped names and masks that spill over in any order; sizes count only where they differ much from all neighbours'. The
bounds lie between the values of clean and of disturbed masks of three captures; `tests/masks` measures both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from scorp_ns.masks.measuring import FrameMeasure

FEWEST_PIXELS = 50
"""Fewest pixels of a usable colour histogram."""

FEWEST_FRAMES = 5
"""Fewest frames for a usual colour profile."""

SWAP_MARGIN = 0.1
"""Margin in Hellinger distance, 0 to 1, by which the colours must be nearer to another object's than to its own."""

SPILL = 0.25
"""Share of the mask, beyond the usual one, that may have colours of the rest of the images."""

SIZE_FACTOR = 6.0
"""An area that differs by this factor from the frames before and from those after is no matter of viewpoint."""

NUM_NEIGHBOURS = 3
"""Frames on either side with which areas are compared."""


@dataclass(frozen=True)
class Suspicion:
    """A frame in which an object's mask is probably wrong."""

    frame: int
    label: int
    reason: str


@dataclass(frozen=True)
class ColorProfile:
    """Colour histograms of an object over all frames."""

    frames: Int64[np.ndarray, " frames"]
    """Frames with enough pixels."""
    colors: Float32[np.ndarray, "frames bins"]
    """The histogram in each of them, as shares."""
    usual: Float32[np.ndarray, " bins"]
    """The median histogram, robust against a few wrong frames."""
    rest: Float32[np.ndarray, " bins"]
    """The mean histogram of the object's complement."""


def find_suspicions(measures: Sequence[FrameMeasure | None], names: Sequence[str]) -> list[Suspicion]:
    """All suspicions, one for each frame and object at the most, in the order of the frames."""
    profiles = {label: profile for label in range(1, len(names) + 1) if (profile := _color_profile(measures, label))}
    found: dict[tuple[int, int], Suspicion] = {}
    for suspicion in (*_size_jumps(measures, len(names)), *_spills(profiles), *_swaps(profiles, names)):
        found[suspicion.frame, suspicion.label] = suspicion
    return [found[key] for key in sorted(found)]


def _color_profile(measures: Sequence[FrameMeasure | None], label: int) -> ColorProfile | None:
    """The colour profile of an object; None if it is in too few frames."""
    frames, colors, rests = [], [], []
    for frame, measure in enumerate(measures):
        if measure is None or measure.colors is None or measure.rest is None:
            continue
        for row in np.flatnonzero(measure.labels == label):
            if measure.colors[row].sum() >= FEWEST_PIXELS:
                frames.append(frame)
                colors.append(measure.colors[row] / measure.colors[row].sum())
                rests.append(measure.rest[row] / max(measure.rest[row].sum(), 1))
    if len(frames) < FEWEST_FRAMES:
        return None
    middle = np.median(colors, axis=0)
    usual = middle / middle.sum() if middle.sum() > 0 else np.mean(colors, axis=0)
    return ColorProfile(
        np.array(frames), np.stack(colors), usual.astype(np.float32), np.mean(rests, axis=0, dtype=np.float32)
    )


def _swaps(profiles: dict[int, ColorProfile], names: Sequence[str]) -> list[Suspicion]:
    """Frames where an object has the colours of another."""
    labels = list(profiles)
    if len(labels) < 2:
        return []
    usual = np.sqrt(np.stack([profile.usual for profile in profiles.values()]))
    suspicions = []
    for own, (label, profile) in enumerate(profiles.items()):
        distances = np.sqrt(np.maximum(0, 1 - np.sqrt(profile.colors) @ usual.T))
        nearest = distances.argmin(axis=1)
        gains = distances[:, own] - distances.min(axis=1)
        for frame, other, gain in zip(profile.frames.tolist(), nearest.tolist(), gains.tolist(), strict=True):
            if gain > SWAP_MARGIN:
                suspicions.append(Suspicion(frame, label, f"looks like '{names[labels[other] - 1]}'"))
    return suspicions


def _spills(profiles: dict[int, ColorProfile]) -> list[Suspicion]:
    """Frames where much of the mask has colours that are rather those of the rest of the images."""
    suspicions = []
    for label, profile in profiles.items():
        foreign = profile.colors[:, profile.rest > profile.usual].sum(axis=1)
        bound = np.median(foreign) + SPILL
        for frame, share in zip(profile.frames.tolist(), foreign.tolist(), strict=True):
            if share > bound:
                suspicions.append(Suspicion(frame, label, f"{share:.0%} look like other things"))
    return suspicions


def _size_jumps(measures: Sequence[FrameMeasure | None], num_objects: int) -> list[Suspicion]:
    """Frames where an object's area is far from that in the frames before and in the frames after."""
    frames, areas = _areas(measures, num_objects)
    suspicions = []
    for label in range(1, num_objects + 1):
        shown = np.flatnonzero(areas[:, label - 1])
        shares = areas[shown, label - 1]
        for position in np.flatnonzero(_jumps(shares) > np.log(SIZE_FACTOR)).tolist():
            nearby = np.median(shares[position - NUM_NEIGHBOURS : position + NUM_NEIGHBOURS + 1])
            factor = max(shares[position] / nearby, nearby / shares[position])
            what = "larger" if shares[position] > nearby else "smaller"
            frame = int(frames[shown[position]])
            suspicions.append(Suspicion(frame, label, f"{factor:.0f} times {what} than around it"))
    return suspicions


def _areas(
    measures: Sequence[FrameMeasure | None], num_objects: int
) -> tuple[Int64[np.ndarray, " frames"], Float64[np.ndarray, "frames objects"]]:
    """The frames that have a map, and the share of the map that each object has there."""
    frames = np.array([frame for frame, measure in enumerate(measures) if measure is not None], np.int64)
    areas = np.zeros((len(frames), num_objects))
    for row, measure in enumerate(measure for measure in measures if measure is not None):
        areas[row, measure.labels - 1] = measure.areas / measure.num_pixels
    return frames, areas


def _jumps(shares: Float64[np.ndarray, " frames"]) -> Float64[np.ndarray, " frames"]:
    """The log ratio of each share to the median of its neighbours before or after, whichever is nearer.

    At a jump between rings a frame still agrees with one side; the ends have one side only and are not judged.
    """
    logs = np.log(shares)
    jumps = np.zeros(len(logs))
    for position in range(NUM_NEIGHBOURS, len(logs) - NUM_NEIGHBOURS):
        before = np.median(logs[position - NUM_NEIGHBOURS : position])
        after = np.median(logs[position + 1 : position + 1 + NUM_NEIGHBOURS])
        jumps[position] = min(abs(logs[position] - before), abs(logs[position] - after))
    return jumps
