"""A request to try generators on: a ball on a table, photographed from all sides but one."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float64, UInt8

from scorp_ns.cameras import ArrayCamera
from scorp_ns.gaussians.seeding import SH_C0
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import BACKGROUND, VISIBLE, ObjectCrop, ObjectFrame, ObjectView, ProxyRequest, Support

RADIUS = 0.05
"""Radius of the ball in metres; it touches the table, z = 0, at the origin."""

DISTANCE = 0.35
"""Distance of the cameras from the ball's centre."""

FOCAL, WIDTH, HEIGHT, SIDE = 160.0, 128, 96, 72
"""The cameras' focal length and size, and the side of the crops, in pixels."""

NUM_WINDOWS = 9
NUM_VIEWS = 3
NUM_GAUSSIANS = 400
UNSEEN = 0.3
"""Share of the circle from which there are no photographs."""

CENTER = np.array([0.0, 0.0, RADIUS])
TABLE_COLOR = np.array([150, 140, 130], np.uint8)


def example_request(name: str = "ball", seed: int = 1) -> ProxyRequest:
    """A whole request, made in milliseconds; the same one every time."""
    angles = 2 * math.pi * (1 - UNSEEN) * np.arange(NUM_WINDOWS) / NUM_WINDOWS
    windows = tuple(_photograph(f"{number:02d}.png", angle) for number, angle in enumerate(angles))
    frames = windows[:: NUM_WINDOWS // NUM_VIEWS][:NUM_VIEWS]
    gaussians, visibility = _gaussians(angles)
    up = torch.tensor([0.0, 0.0, 1.0])
    return ProxyRequest(
        name=name,
        prompt=f"a coloured {name}",
        seed=seed,
        views=tuple(map(_crop, frames)),
        frames=frames,
        windows=windows,
        gaussians=gaussians,
        visibility=visibility,
        frame=ObjectFrame(torch.eye(3), torch.from_numpy(CENTER).float(), torch.full((3,), 2 * RADIUS)),
        support=Support(torch.zeros(3), up),
        up=up,
    )


def _photograph(name: str, angle: float) -> ObjectCrop:
    """The photograph by a camera at this angle of a circle around the ball."""
    K = np.array([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])
    camera = ArrayCamera(_viewmat(angle), K, WIDTH, HEIGHT)
    rays, origin = camera.directions(*camera.pixel_centers()), camera.center
    # Rays advance by 1 along the camera's axis, so that distances in their lengths are depths.
    along, square = rays @ (origin - CENTER), (rays**2).sum(axis=-1)
    root = along**2 - square * (DISTANCE**2 - RADIUS**2)
    is_ball = root > 0
    to_ball = (-along - np.sqrt(root.clip(0))) / square
    to_table = np.where(rays[..., 2] < 0, -origin[2] / np.minimum(rays[..., 2], -1e-9), np.inf)
    points = origin + rays * to_ball[..., None]
    return ObjectCrop(
        name=name,
        photograph=np.where(is_ball[..., None], _colors(points), TABLE_COLOR),
        trimap=np.where(is_ball, VISIBLE, BACKGROUND).astype(np.uint8),
        depth=np.where(is_ball, to_ball, to_table).astype(np.float32),
        viewmat=torch.from_numpy(camera.viewmat),
        K=torch.from_numpy(K),
    )


def _viewmat(angle: float) -> Float64[np.ndarray, "4 4"]:
    """World to camera, for a camera that looks down on the ball at 30 degrees."""
    forward = -np.array([math.cos(angle) * math.sqrt(0.75), math.sin(angle) * math.sqrt(0.75), 0.5])
    right = np.array([-math.sin(angle), math.cos(angle), 0.0])
    viewmat = np.eye(4)
    viewmat[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    viewmat[:3, 3] = -viewmat[:3, :3] @ (CENTER - DISTANCE * forward)
    return viewmat


def _colors(points: Float64[np.ndarray, "*batch 3"]) -> UInt8[np.ndarray, "*batch 3"]:
    """The ball's colour at points of its surface, different on every side."""
    return (127.5 + 100 * ((points - CENTER) / RADIUS).clip(-1, 1)).astype(np.uint8)


def _crop(whole: ObjectCrop) -> ObjectView:
    """The square in the middle of a photograph, which shows all of the ball."""
    left, top = (WIDTH - SIDE) // 2, (HEIGHT - SIDE) // 2
    window = slice(top, top + SIDE), slice(left, left + SIDE)
    trimap = whole.trimap[window]
    alpha = np.where(trimap == VISIBLE, 255, 0).astype(np.uint8)
    K = whole.camera.cropped(left, top, SIDE, SIDE).K
    scores = {"coverage": 1.0, "sharpness": 1.0, "size": 1.0, "completeness": 1.0}
    rgba = np.concatenate([whole.photograph[window], alpha[..., None]], axis=2)
    return ObjectView(whole.name, rgba, trimap, whole.viewmat, K, scores)


def _gaussians(angles: Float64[np.ndarray, " n"]) -> tuple[Gaussians, torch.Tensor]:
    """Small Gaussians on the seen side of the ball, on a Fibonacci lattice, and their visibility."""
    steps = np.arange(NUM_GAUSSIANS)
    z, turns = 1 - 2 * (steps + 0.5) / NUM_GAUSSIANS, steps * math.pi * (3 - math.sqrt(5))
    flat = np.sqrt(1 - z**2)
    normals = np.stack([flat * np.cos(turns), flat * np.sin(turns), z], axis=1)
    towards = np.stack([-_viewmat(angle)[2, :3] for angle in angles])
    facing = (normals @ towards.T).max(axis=1)
    normals, facing = normals[facing > RADIUS / DISTANCE], facing[facing > RADIUS / DISTANCE]
    points = CENTER + RADIUS * normals
    size = RADIUS * math.sqrt(4 * math.pi / NUM_GAUSSIANS) / 2
    colors = torch.from_numpy(_colors(points)).float() / 255
    gaussians = Gaussians(
        means=torch.from_numpy(points).float(),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(len(points), 1),
        scales=torch.full((len(points), 3), size),
        opacities=torch.full((len(points),), 0.95),
        harmonics=((colors - 0.5) / SH_C0)[:, None],
    )
    return gaussians, torch.from_numpy(facing).float().clamp(0, 1)
