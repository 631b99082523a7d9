"""Masks snapped to image edges: a mask drawn too wide or too tight is moved to the edges of its photograph."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int16, UInt8
from scipy import ndimage

REACH = 0.02
"""Largest move of a mask's outline, as a share of the image's longer side."""

LEAST_MOVE = 1.5
"""Outlines nearer to the edges than this many pixels are as good as pixels can be; they stay."""

CLEARLY_BETTER = 1.15
"""A move must raise the mean edge strength under the outline by this factor, or the photograph does not support it."""

LONGER_SIDE = 640
"""Edges are looked for at this size at the most."""

NEARLY_BEST = 0.8
"""The nearest edge of at least this share of the strongest one is the outline: rims have inner edges too."""

LEAST_LENGTH = 0.5
"""Parallels shorter than this share of the outline do not count: thin parts are gone there."""

EDGE_LIMIT = 60.0
"""The strongest edges count no more than this, so that a few of them do not outvote a whole outline."""

LEAST_PIXELS = 50
"""Smaller masks have too little outline."""

FRAME = 2
"""Pixels along the image's border that do not count: an object cut there has no edge."""


def snap_to_edges(
    labels: Int16[np.ndarray, "h w"], photograph: UInt8[np.ndarray, "h w 3"]
) -> tuple[Int16[np.ndarray, "h w"], dict[int, float]]:
    """The labels with every object's outline moved evenly to the photograph's edges, and by how many pixels outward.

    An outline's offset is where, among its own parallels, the mean gradient has its nearest high peak. A few hundred
    pixels vote on one number, so texture inside and clutter outside do not matter much; a mask that fits is returned
    unchanged.
    """
    factor = max(1, -(-max(labels.shape) // LONGER_SIDE))
    edges = edge_strength(photograph[::factor, ::factor])
    offsets: dict[int, float] = {}
    for label in np.unique(labels[labels > 0]).tolist():
        offset = factor * outline_offset(labels[::factor, ::factor] == label, edges)
        if abs(offset) >= LEAST_MOVE:
            offsets[label] = offset
    return _moved(labels, offsets), offsets


def edge_strength(photograph: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """The length of the colour gradient in CIELAB, where equal steps look alike, cut at a limit."""
    lab = cv2.cvtColor(photograph.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    lab = cv2.GaussianBlur(lab, (0, 0), 0.8)
    gradients = [cv2.Sobel(lab, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1))]
    return np.minimum(np.linalg.norm(np.concatenate(gradients, axis=-1), axis=-1), EDGE_LIMIT)


def outline_offset(mask: Bool[np.ndarray, "h w"], edges: Float32[np.ndarray, "h w"]) -> float:
    """The outward offset in pixels that puts the mask's outline on the strongest edges; 0 if that is not clear."""
    if mask.sum() < LEAST_PIXELS:
        return 0.0
    reach = max(4, round(REACH * max(mask.shape)))
    window = _window(mask, reach + 2)
    outward = _distance_outward(mask[window])
    inside_frame = np.zeros(mask.shape, bool)
    inside_frame[FRAME:-FRAME, FRAME:-FRAME] = True
    outward[~inside_frame[window]] = np.inf
    parallels = [np.abs(outward - offset) <= 0.75 for offset in range(-reach, reach + 1)]
    least = LEAST_LENGTH * parallels[reach].sum()
    profile = np.array([_mean_where(edges[window], one) if one.sum() >= least else 0.0 for one in parallels])
    best = _nearest_peak(profile, reach)
    if best is None or profile[best] < CLEARLY_BETTER * profile[reach]:
        return 0.0
    return best - reach + _peak(*profile[best - 1 : best + 2])


def _nearest_peak(profile: Float[np.ndarray, " n"], middle: int) -> int | None:
    """The index of the high peak nearest to the middle; None without one between the ends."""
    inner = profile[1:-1]
    is_peak = (inner >= profile[:-2]) & (inner >= profile[2:]) & (inner >= NEARLY_BEST * profile.max())
    peaks = 1 + np.flatnonzero(is_peak)
    return int(peaks[np.abs(peaks - middle).argmin()]) if len(peaks) else None


def _mean_where(values: Float32[np.ndarray, "h w"], chosen: Bool[np.ndarray, "h w"]) -> float:
    """The mean of the chosen values; 0 if they are too few."""
    return float(values[chosen].mean()) if chosen.sum() >= 10 else 0.0


def _peak(left: float, middle: float, right: float) -> float:
    """The vertex of the parabola through three equidistant values, relative to the middle one."""
    bend = left - 2 * middle + right
    return 0.0 if bend >= 0 else float(0.5 * (left - right) / bend)


def _window(mask: Bool[np.ndarray, "h w"], margin: int) -> tuple[slice, slice]:
    """The mask's bounding box, enlarged."""
    rows, columns = ndimage.find_objects(mask.astype(np.uint8))[0]
    return (
        slice(max(0, rows.start - margin), rows.stop + margin),
        slice(max(0, columns.start - margin), columns.stop + margin),
    )


def _distance_outward(mask: Bool[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """Every pixel's distance from the outline, which runs between pixels; negative inside."""
    inside, outside = (np.asarray(ndimage.distance_transform_edt(part)) for part in (mask, ~mask))
    return np.where(mask, 0.5 - inside, outside - 0.5)


def _moved(labels: Int16[np.ndarray, "h w"], offsets: dict[int, float]) -> Int16[np.ndarray, "h w"]:
    """The labels with outlines moved: shrinking leaves background, and objects grow over background only."""
    moved = labels.copy()
    for label, offset in offsets.items():
        window = _window(labels == label, max(0, int(np.ceil(offset))) + 1)
        outward = _distance_outward(labels[window] == label)
        view = moved[window]
        if offset < 0:
            view[(labels[window] == label) & (outward > offset)] = 0
        else:
            view[(view == 0) & (outward < offset)] = label
    return moved
