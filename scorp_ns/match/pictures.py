"""Square pictures of an object on grey with the 3D point of each pixel: photographs, and renders of a proxy."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float64, UInt8
from scipy import ndimage

from scorp_ns.cameras import PIXEL_CENTER, Camera, viewmat_at
from scorp_ns.products import VISIBLE, ObjectCrop
from scorp_ns.surfaces.queries import SurfaceQueries

SIDE = 320
"""Side of the pictures in pixels: small objects are enlarged, for features need some pixels around them."""

MARGIN = 0.1
"""Margin around the object, in shares of its longer side."""

GREY = 128
"""The background."""

DISTANCE = 2.5
"""Distance from a proxy's middle to the camera, in its diagonals."""


@dataclass(frozen=True)
class PointPicture:
    """A picture of an object with the 3D point of each pixel."""

    image: UInt8[np.ndarray, "s s 3"]
    points: Float64[np.ndarray, "s s 3"]
    """The surface point of each pixel; NaN where it is unknown."""

    def turned(self, quarters: int) -> PointPicture:
        """The picture turned counter-clockwise by so many quarters."""
        return PointPicture(np.ascontiguousarray(np.rot90(self.image, quarters)), np.rot90(self.points, quarters))

    def places(self, columns_rows: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 3"]:
        """The surface points at places of the picture; NaN off the object and the picture."""
        is_number = np.isfinite(columns_rows).all(axis=1)
        columns, rows = np.floor(np.where(is_number[:, None], columns_rows, -1)).astype(np.int64).T
        side = len(self.points)
        is_inside = (columns >= 0) & (columns < side) & (rows >= 0) & (rows < side)
        return np.where(is_inside[:, None], self.points[rows.clip(0, side - 1), columns.clip(0, side - 1)], np.nan)


def photograph_picture(window: ObjectCrop) -> PointPicture | None:
    """The object in a photograph, enlarged to fill the picture; None if it is not shown."""
    mask = window.trimap == VISIBLE
    if not mask.any():
        return None
    rows, columns = np.nonzero(mask)
    low = np.array([columns.min(), rows.min()], np.float64)
    high = np.array([columns.max(), rows.max()], np.float64) + 1
    extent = (1 + 2 * MARGIN) * float((high - low).max())
    corner, step = (low + high - extent) / 2, extent / SIDE
    # Places of the picture p are places corner + step * p of the photograph; OpenCV counts from pixels' middles.
    shift = corner + step / 2 - PIXEL_CENTER
    to_photograph = np.array([[step, 0, shift[0]], [0, step, shift[1]]])
    color = _resampled(window.photograph, to_photograph, cv2.INTER_CUBIC if step < 1 else cv2.INTER_AREA)
    is_object = _resampled(mask.astype(np.uint8), to_photograph, cv2.INTER_NEAREST) > 0
    depth = _resampled(window.depth, to_photograph, cv2.INTER_NEAREST).astype(np.float64)
    inner = ndimage.binary_erosion(mask).astype(np.uint8)
    is_known = (_resampled(inner, to_photograph, cv2.INTER_NEAREST) > 0) & np.isfinite(depth)
    middles = corner[:, None] + step * (np.arange(SIDE) + PIXEL_CENTER)
    camera = window.camera.numpy()
    local = camera.local_directions(*np.meshgrid(*middles)) * np.where(is_known, depth, np.nan)[..., None]
    image = np.where(is_object[..., None], color, GREY).astype(np.uint8)
    return PointPicture(image, camera.to_world(local))


def _resampled(values: np.ndarray, to_values: np.ndarray, how: int) -> np.ndarray:
    return cv2.warpAffine(values, to_values, (SIDE, SIDE), flags=how | cv2.WARP_INVERSE_MAP)


def render_pictures(queries: SurfaceQueries, number: int) -> list[PointPicture]:
    """Renders from evenly spread directions of a proxy whose box is centred at the origin and has the diagonal 1."""
    return [_render(queries, rotation) for rotation in _sphere_rotations(number)]


def _sphere_rotations(number: int) -> Float64[np.ndarray, "n 3 3"]:
    """World-to-camera rotations on a Fibonacci sphere, looking at the proxy."""
    steps = np.arange(number) + 0.5
    heights, turns = 1 - 2 * steps / number, steps * math.pi * (3 - math.sqrt(5))
    flat = np.sqrt(1 - heights**2)
    towards = np.stack([flat * np.cos(turns), flat * np.sin(turns), heights], axis=1)
    side = np.cross(towards, [0.0, 0.0, 1.0])
    right = side / np.linalg.norm(side, axis=1, keepdims=True)
    return np.stack([right, np.cross(towards, right), towards], axis=1)


def _render(queries: SurfaceQueries, rotation: Float64[np.ndarray, "3 3"]) -> PointPicture:
    """The render of the proxy by the camera with this rotation."""
    origin = -DISTANCE * rotation[2]
    viewmat = viewmat_at(torch.from_numpy(rotation), torch.from_numpy(origin))
    camera = Camera.square(viewmat, SIDE * DISTANCE / (1 + 2 * MARGIN), SIDE).numpy()
    rays = camera.at_depths(*camera.pixel_centers(), np.ones((SIDE, SIDE))).reshape(-1, 3) @ rotation
    hits = queries.cast(np.broadcast_to(origin, rays.shape).astype(np.float32), rays.astype(np.float32))
    is_hit = np.isfinite(hits.distances)
    image = np.where(is_hit[:, None], 255 * np.clip(hits.colors, 0, 1), GREY).round().astype(np.uint8)
    points = origin + rays * np.where(is_hit, hits.distances, np.nan)[:, None]
    return PointPicture(image.reshape(SIDE, SIDE, 3), points.reshape(SIDE, SIDE, 3))
