"""Sights in a frame around the object that masks alone decide: lifted objects may trail dirt that swells their box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import torch
from jaxtyping import Bool, Float64
from scipy import ndimage

from scorp_ns.cameras import ArrayCamera
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.pose.surface_depth import surface_depth
from scorp_ns.products import VISIBLE, ObjectCrop

SMALLEST_PART = 0.05
"""Parts of a mask smaller than this share of its largest one are dirt."""

DEPTH_WEIGHT = 0.03
"""The weight of one window's depth for the object's place, beside the direction to it."""

SOFT, ROUNDS = 0.1, 8
"""A direction that misses the object by so many of its sizes counts half, and how often that is looked at anew."""


@dataclass(frozen=True)
class View:
    """A sight around the object: the mask without dirt, and the way from pixels to rays."""

    sight: ObjectCrop
    mask: Bool[np.ndarray, "h w"]
    depth: Float64[np.ndarray, "h w"]
    camera: ArrayCamera
    """In the capture's frame: directions are the same in both, for frames around objects are not turned."""
    origin: Float64[np.ndarray, " 3"]
    """The camera's position in this frame."""
    size: float
    """The unit of this frame, in the capture's units."""

    def with_surface(self, gaussians: Gaussians) -> View:
        """The view with better depths where it shows the object."""
        depth = surface_depth(gaussians, self.sight, self.size) / self.size
        return replace(self, depth=np.where(self.mask, depth, self.depth))


def view_around(sight: ObjectCrop, T_capture_observed: Similarity) -> View:
    """The sight in the frame around the object."""
    camera = sight.camera.numpy()
    origin = T_capture_observed.inverse().apply(torch.from_numpy(camera.center)).numpy()
    parts, number = cast(tuple[np.ndarray, int], ndimage.label(sight.trimap == VISIBLE))
    sizes = np.bincount(parts.ravel(), minlength=number + 1)
    sizes[0] = 0
    mask = (sizes >= max(1.0, SMALLEST_PART * sizes.max()))[parts]
    size = T_capture_observed.scale
    return View(sight, mask, sight.depth.astype(np.float64) / size, camera, origin, size)


def frame_by_masks(sights: Sequence[ObjectCrop]) -> Similarity | None:
    """A frame in which the object is at the origin and about as large as 1; None where no mask shows it."""
    identity = Similarity.identity()
    views = [view for view in (view_around(sight, identity) for sight in sights) if view.mask.any()]
    found = [_glimpse(view) for view in views]
    found = [one for one in found if one is not None]
    if not found:
        return None
    origins, directions, depths, spreads = (np.array(column) for column in zip(*found, strict=True))
    middle = np.median(origins + directions * depths[:, None], axis=0)
    size = 0.0
    for _ in range(ROUNDS):
        along = np.maximum(((middle - origins) * directions).sum(axis=1), 1e-9)
        size = float(np.median(spreads * along))
        if size <= 0:
            return None
        misses = np.linalg.norm(middle - origins - along[:, None] * directions, axis=1) / size
        weights = 1 / (1 + (misses / SOFT) ** 2)
        off = np.minimum(1.0, size / np.maximum(np.abs(depths - along), 1e-12))
        middle = _nearest_point(origins, directions, depths, weights, DEPTH_WEIGHT * weights * off)
    return Similarity(torch.eye(3, dtype=torch.float64), torch.from_numpy(middle), size)


def _glimpse(view: View) -> tuple[np.ndarray, np.ndarray, float, float] | None:
    """A camera, the direction to the mask's middle, the object's distance there, and its size at distance 1."""
    rows, columns = np.nonzero(view.mask)
    depths = view.depth[rows, columns]
    depths = depths[np.isfinite(depths) & (depths > 0)]
    if not len(depths):
        return None
    low = np.array([columns.min(), rows.min()], np.float64)
    high = np.array([columns.max(), rows.max()], np.float64) + 1
    through = view.camera.directions(*((low + high) / 2)[:, None])[0]
    length = float(np.linalg.norm(through))
    corners = view.camera.directions(*np.stack([low, high], axis=1))
    spread = float(np.linalg.norm(corners[1] - corners[0])) / length
    return view.origin, through / length, float(np.median(depths)) * length, spread


def _nearest_point(
    origins: Float64[np.ndarray, "n 3"],
    directions: Float64[np.ndarray, "n 3"],
    depths: Float64[np.ndarray, " n"],
    across: Float64[np.ndarray, " n"],
    along: Float64[np.ndarray, " n"],
) -> Float64[np.ndarray, " 3"]:
    """The point nearest to all rays, and less so to the places on them at these depths."""
    outer = directions[:, :, None] * directions[:, None]
    matrices = across[:, None, None] * (np.eye(3) - outer) + along[:, None, None] * outer
    targets = origins + directions * depths[:, None]
    return np.linalg.solve(matrices.sum(axis=0), np.einsum("nij,nj->i", matrices, targets))


def most_different(views: list[View], number: int) -> list[View]:
    """The sight that shows most, then always the one whose direction is furthest from all before."""
    if not views:
        return []
    directions = np.stack([view.origin / np.linalg.norm(view.origin) for view in views])
    chosen = [int(np.argmax([view.mask.sum() for view in views]))]
    while len(chosen) < min(number, len(views)):
        nearness = (directions @ directions[chosen].T).max(axis=1)
        nearness[chosen] = np.inf
        chosen.append(int(nearness.argmin()))
    return [views[index] for index in chosen]
