"""Evidence of an object in its photographs: silhouettes and depths, in the upright frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, UInt8
from scipy import ndimage

from scorp_ns.cameras import ArrayCamera, Camera
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.symmetry.frames import UprightFrame
from scorp_ns.generate.symmetry.fusion_kernel import NEAR
from scorp_ns.products import BACKGROUND, VISIBLE, ObjectCrop
from scorp_ns.render import render
from scorp_ns.render.surface_depth import SOLID, front_depths

STEEP = 0.15
"""Surfaces seen at a smaller cosine than this have no reliable depth."""

Row = Float[np.ndarray, " n"]

NUM_VIRTUAL_VIEWS = 24
"""Virtual cameras around an object that no photograph shows."""

VIRTUAL_PIXELS = 128
"""The width and height of their images."""

FAR = 1e4
"""A depth beyond everything, in the capture's units."""


@dataclass(frozen=True)
class ViewEvidence:
    """Silhouette, depth and camera of one window."""

    photograph: UInt8[np.ndarray, "h w 3"]
    mask_distance: Float32[np.ndarray, "h w"]
    """Signed distance in pixels to the possible silhouette (the object or an occluder), negative inside."""
    depth: Float32[np.ndarray, "h w"]
    """The depth of the first opaque surface; 0 on the object where it is unknown."""
    middle: Float32[np.ndarray, "h w"]
    """The mean depth of the object's Gaussians, also behind occluders; 0 where there is none."""
    weight: Float32[np.ndarray, "h w"]
    """The confidence in the object's depth, 0 to 1."""
    cosine: Float32[np.ndarray, "h w"]
    """The cosine between the surface's normal and the camera's ray."""
    is_cut: bool
    """True if the object may go on beyond the window's border."""
    camera: ArrayCamera
    """The window's camera in the upright frame."""

    def project(self, points: Float[np.ndarray, "n 3"]) -> tuple[Row, Row, Row, Bool[np.ndarray, " n"]]:
        """Columns, rows and depths of points, and the mask of those that lie before the camera and in the window."""
        homogeneous = self.camera.homogeneous(self.camera.to_camera(points))
        depths = homogeneous[:, 2]
        columns, rows = homogeneous[:, :2].T / np.maximum(depths, NEAR)
        return columns, rows, depths, self.camera.frames(homogeneous) & (depths > NEAR)


def gather_view_evidence(
    windows: Sequence[ObjectCrop], gaussians: Gaussians, frame: UprightFrame
) -> list[ViewEvidence]:
    """The evidence of each window, with the object's depth from its own Gaussians."""
    return [_view_evidence(window, gaussians, frame) for window in windows]


def _view_evidence(window: ObjectCrop, gaussians: Gaussians, frame: UprightFrame) -> ViewEvidence:
    is_object = window.trimap == VISIBLE
    possible = window.trimap != BACKGROUND
    front, is_front = front_depths(gaussians, window.camera)
    middle, _ = front_depths(gaussians, window.camera, front=0.0)
    surface, is_solid = front.cpu().numpy(), is_front.cpu().numpy()
    is_known = is_object & is_solid
    depth = np.where(np.isfinite(window.depth), window.depth, FAR)
    depth = np.where(is_object, np.where(is_solid, surface, 0.0), depth).astype(np.float32)
    cosine, is_smooth = _surface_cosine(depth, is_known, window)
    weight = is_known & is_smooth & (cosine > STEEP)
    border = np.ones_like(is_object)
    border[1:-1, 1:-1] = False
    return ViewEvidence(
        photograph=window.photograph,
        mask_distance=_signed_distance(possible),
        depth=depth,
        middle=np.where(is_solid & possible, middle.cpu().numpy(), 0.0).astype(np.float32),
        weight=np.where(weight, cosine, 0.0).astype(np.float32),
        cosine=cosine.astype(np.float32),
        is_cut=bool((border & possible).any()),
        camera=frame.camera(window.camera).numpy(),
    )


def _signed_distance(inside: Bool[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Signed distance to the outline in pixels, negative inside."""
    if inside.all():
        return np.full(inside.shape, -float(max(inside.shape)), np.float32)
    depth, distance = (np.asarray(ndimage.distance_transform_edt(part)) for part in (inside, ~inside))
    return np.where(inside, 0.5 - depth, distance - 0.5).astype(np.float32)


def _surface_cosine(
    depth: Float[np.ndarray, "h w"], is_known: Bool[np.ndarray, "h w"], window: ObjectCrop
) -> tuple[Float[np.ndarray, "h w"], Bool[np.ndarray, "h w"]]:
    """The viewing cosine of each pixel's surface, and a mask of pixels whose neighbours are on the object too."""
    camera = window.camera.numpy()
    rays = camera.at_depths(*camera.pixel_centers(), np.ones(depth.shape))
    points = rays * np.where(is_known, depth, 0.0)[..., None]
    whole = ndimage.binary_erosion(is_known, np.ones((3, 3)))
    if min(depth.shape) < 3:
        return np.zeros(depth.shape), np.zeros(depth.shape, bool)
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    lengths = np.linalg.norm(normals, axis=-1) * np.linalg.norm(rays, axis=-1)
    cosine = np.abs((normals * rays).sum(axis=-1)) / np.maximum(lengths, 1e-12)
    return np.where(whole, cosine, 0.0), whole


def render_virtual_windows(gaussians: Gaussians, frame: UprightFrame) -> list[ObjectCrop]:
    """Windows rendered from the Gaussians alone by cameras on a Fibonacci sphere, for objects without a photograph."""
    distance = 2.6 * frame.diagonal
    windows = []
    for index in range(NUM_VIRTUAL_VIEWS):
        height = 1 - 2 * (index + 0.5) / NUM_VIRTUAL_VIEWS
        angle = index * np.pi * (3 - np.sqrt(5))
        radius = np.sqrt(1 - height**2)
        forward = -np.array([radius * np.cos(angle), radius * np.sin(angle), height])
        right = np.array([-forward[1], forward[0], 0.0]) / radius
        viewmat = np.eye(4)
        viewmat[:3, :3] = np.stack([right, np.cross(forward, right), forward]) @ frame.rotation.T
        viewmat[:3, 3] = np.array([0, 0, distance]) - viewmat[:3, :3] @ frame.center
        camera = Camera.square(torch.from_numpy(viewmat), 2.0 * VIRTUAL_PIXELS, VIRTUAL_PIXELS)
        windows.append(_virtual_window(gaussians, camera, str(index)))
    return [window for window in windows if bool((window.trimap == VISIBLE).any())]


def _virtual_window(gaussians: Gaussians, camera: Camera, name: str) -> ObjectCrop:
    drawn = render(gaussians, camera, channels=gaussians.base_colors)
    alpha = drawn.alpha.cpu().numpy()
    photograph = np.clip(drawn.colors.cpu().numpy() / np.maximum(alpha[..., None], 1e-6), 0, 1)
    return ObjectCrop(
        name=name,
        photograph=(255 * photograph).round().astype(np.uint8),
        trimap=np.where(alpha > SOLID, VISIBLE, BACKGROUND).astype(np.uint8),
        depth=np.full(alpha.shape, np.inf, np.float32),
        viewmat=camera.viewmat,
        K=camera.K,
    )
