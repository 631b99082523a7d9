"""What photographs say of space: where the object's surface is, and where nothing of it can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Float64, UInt8
from scipy import ndimage
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.symmetry.frames import UprightFrame
from scorp_ns.products import BACKGROUND, VISIBLE, ObjectCrop
from scorp_ns.render import rasterization
from scorp_ns.render.surface_depth import SOLID, front_depths

STEEP = 0.15
"""Surfaces that a camera sees at a smaller cosine than this tell no depth."""

Row = Float[np.ndarray, " n"]

NUM_IMAGINED = 24
"""Cameras around an object that no photograph shows."""

IMAGINED_PIXELS = 128
"""The width and height of their images."""

FAR = 1e4
"""A depth beyond everything, in the capture's units."""


@dataclass(frozen=True)
class Observation:
    """What one sight says of the pixels of its window."""

    photograph: UInt8[np.ndarray, "h w 3"]
    outside: Float32[np.ndarray, "h w"]
    """How many pixels it is to what may be the object, negative within it; the object's outline is at 0."""
    depth: Float32[np.ndarray, "h w"]
    """Of the first thing that hides what is behind it; 0 where it is the object at an unknown depth."""
    middle: Float32[np.ndarray, "h w"]
    """Of the middle of the object's Gaussians, also where other things hide them; 0 where it cannot be."""
    weight: Float32[np.ndarray, "h w"]
    """How well the depth of the object's surface is known, 0 to 1."""
    cosine: Float32[np.ndarray, "h w"]
    """Of the angle at which the camera sees the surface."""
    is_cut: bool
    """Whether the object may go on beyond the window's border."""
    rotation: Float64[np.ndarray, "3 3"]
    translation: Float64[np.ndarray, " 3"]
    """x_camera = rotation @ x_upright + translation."""
    lens: Float64[np.ndarray, " 4"]
    """Focal lengths and principal point: fx, fy, cx, cy."""

    @property
    def center(self) -> Float64[np.ndarray, " 3"]:
        """Where the camera stands."""
        return -self.rotation.T @ self.translation

    def project(self, points: Float[np.ndarray, "n 3"]) -> tuple[Row, Row, Row]:
        """Columns, rows and depths of points; the middle of the first pixel is at 0, 0."""
        x, y, z = (points @ self.rotation.T + self.translation).T
        safe = np.maximum(z, 1e-6)
        return self.lens[0] * x / safe + self.lens[2] - 0.5, self.lens[1] * y / safe + self.lens[3] - 0.5, z


def observe(sights: Sequence[ObjectCrop], gaussians: Gaussians, frame: UprightFrame) -> list[Observation]:
    """What the sights say in the upright frame, with the depth of the object's surface from its own Gaussians."""
    return [_observe(sight, gaussians, frame) for sight in sights]


def _observe(sight: ObjectCrop, gaussians: Gaussians, frame: UprightFrame) -> Observation:
    is_object = sight.trimap == VISIBLE
    possible = sight.trimap != BACKGROUND
    height, width = sight.depth.shape
    front, is_front = front_depths(gaussians, sight.viewmat, sight.K, width, height)
    middle, _ = front_depths(gaussians, sight.viewmat, sight.K, width, height, front=0.0)
    surface, is_solid = front.cpu().numpy(), is_front.cpu().numpy()
    is_known = is_object & is_solid
    depth = np.where(np.isfinite(sight.depth), sight.depth, FAR)
    depth = np.where(is_object, np.where(is_solid, surface, 0.0), depth).astype(np.float32)
    cosine, is_smooth = _facing(depth, is_known, sight)
    weight = is_known & is_smooth & (cosine > STEEP)
    viewmat, K = frame.camera(sight.viewmat).numpy(), sight.K.double().cpu().numpy()
    border = np.ones_like(is_object)
    border[1:-1, 1:-1] = False
    return Observation(
        photograph=sight.photograph,
        outside=_signed_pixels(possible),
        depth=depth,
        middle=np.where(is_solid & possible, middle.cpu().numpy(), 0.0).astype(np.float32),
        weight=np.where(weight, cosine, 0.0).astype(np.float32),
        cosine=cosine.astype(np.float32),
        is_cut=bool((border & possible).any()),
        rotation=viewmat[:3, :3].copy(),
        translation=viewmat[:3, 3].copy(),
        lens=np.array([K[0, 0], K[1, 1], K[0, 2], K[1, 2]]),
    )


def _signed_pixels(inside: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Distance to the outline between pixels, negative inside."""
    if inside.all():
        return np.full(inside.shape, -float(max(inside.shape)), np.float32)
    depth, distance = (np.asarray(ndimage.distance_transform_edt(part)) for part in (inside, ~inside))
    return np.where(inside, 0.5 - depth, distance - 0.5).astype(np.float32)


def _facing(
    depth: Float[np.ndarray, "h w"], is_known: Bool[np.ndarray, "h w"], sight: ObjectCrop
) -> tuple[Float[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """The cosine at which each pixel's surface is seen, and whether its neighbours lie on one surface with it."""
    K = sight.K.numpy()
    rows, columns = np.indices(depth.shape)
    rays = np.stack([(columns + 0.5 - K[0, 2]) / K[0, 0], (rows + 0.5 - K[1, 2]) / K[1, 1], np.ones(depth.shape)], -1)
    points = rays * np.where(is_known, depth, 0.0)[..., None]
    whole = ndimage.binary_erosion(is_known, np.ones((3, 3)))
    if min(depth.shape) < 3:
        return np.zeros(depth.shape), np.zeros(depth.shape, bool)
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    lengths = np.linalg.norm(normals, axis=-1) * np.linalg.norm(rays, axis=-1)
    cosine = np.abs((normals * rays).sum(axis=-1)) / np.maximum(lengths, 1e-12)
    return np.where(whole, cosine, 0.0), whole


def imagine_sights(gaussians: Gaussians, frame: UprightFrame) -> list[ObjectCrop]:
    """What cameras around an object would see of its Gaussians alone, for objects that no photograph shows."""
    side, focal, distance = IMAGINED_PIXELS, 2.0 * IMAGINED_PIXELS, 2.6 * frame.diagonal
    K = torch.tensor([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1]], dtype=torch.float64)
    sights = []
    for index in range(NUM_IMAGINED):
        height = 1 - 2 * (index + 0.5) / NUM_IMAGINED
        angle = index * np.pi * (3 - np.sqrt(5))
        radius = np.sqrt(1 - height**2)
        forward = -np.array([radius * np.cos(angle), radius * np.sin(angle), height])
        right = np.array([-forward[1], forward[0], 0.0]) / radius
        viewmat = np.eye(4)
        viewmat[:3, :3] = np.stack([right, np.cross(forward, right), forward]) @ frame.rotation.T
        viewmat[:3, 3] = np.array([0, 0, distance]) - viewmat[:3, :3] @ frame.center
        sights.append(_imagined(gaussians, torch.from_numpy(viewmat), K, side, str(index)))
    return [sight for sight in sights if bool((sight.trimap == VISIBLE).any())]


def _imagined(gaussians: Gaussians, viewmat: Tensor, K: Tensor, side: int, name: str) -> ObjectCrop:
    image, opacity, _ = rasterization(
        gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.base_colors,
        viewmat.to(gaussians.means)[None], K.to(gaussians.means)[None], side, side,
    )  # fmt: skip
    alpha = opacity[0].cpu().numpy()
    photograph = np.clip(image[0].cpu().numpy() / np.maximum(alpha, 1e-6), 0, 1)
    return ObjectCrop(
        name=name,
        photograph=(255 * photograph).round().astype(np.uint8),
        trimap=np.where(alpha[..., 0] > SOLID, VISIBLE, BACKGROUND).astype(np.uint8),
        depth=np.full((side, side), np.inf, np.float32),
        viewmat=viewmat,
        K=K,
    )
