"""Cameras for the pictures of an object: windows of photographs, and orbits to where no photograph was taken."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor

from scorp_ns.cameras import Camera, viewmat_at
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import CapturedView
from scorp_ns.render import render

MARGIN = 0.18
"""Room around what a window shows, as a share of its side."""

LEAST_WINDOW = 48
"""Windows of photographs have at least so many pixels a side."""

MOST_BEYOND = 0.5
"""Windows reach no further beyond their image than this share of it."""

NEAR = 0.01
"""The near plane that training has."""

ROOM_BEFORE = 1.2
"""Orbits cut away what stands before an object by more than this many of its diagonals."""


@dataclass(frozen=True)
class Shot:
    """A square picture's camera."""

    camera: Camera
    near: float = NEAR
    """The near plane."""


@dataclass(frozen=True)
class Window:
    """A square part of a photograph, in its pixels; it may reach beyond."""

    left: int
    top: int
    side: int

    def shot(self, view: CapturedView, size: int) -> Shot:
        """The window as a picture of so many pixels a side."""
        cropped = view.camera.to(torch.float64).cropped(self.left, self.top, self.side, self.side)
        return Shot(cropped.resized(size, size))


@torch.no_grad()
def shoot(
    gaussians: Gaussians, shot: Shot, antialiased: bool, background: float = 1.0
) -> tuple[Float[np.ndarray, "h w 3"], Float[np.ndarray, "h w"]]:
    """The render of the Gaussians over an even background, and its alpha."""
    mode = "antialiased" if antialiased else "classic"
    drawn = render(gaussians, shot.camera, background=background, rasterize_mode=mode, near_plane=shot.near)
    return drawn.colors.clamp(0, 1).cpu().numpy(), drawn.alpha.cpu().numpy()


def project(points: Float[Tensor, "n 3"], view: CapturedView) -> Float64[np.ndarray, "m 2"]:
    """The pixels in which a view shows those points that are before its camera."""
    camera, exact = view.camera.exact(), points.double().cpu()
    return camera.project(exact)[camera.to_camera(exact)[:, 2] > NEAR].numpy()


def window_around(pixels: Sequence[Float64[np.ndarray, "_ 2"]], view: CapturedView) -> Window | None:
    """The window of the view that shows all these pixels, as far as they are near its image; None if none is."""
    size = np.array([view.width, view.height])
    low, high = -MOST_BEYOND * size, (1 + MOST_BEYOND) * size
    shown = [each.clip(low, high) for each in pixels if len(each) and ((each >= 0) & (each < size)).all(axis=1).any()]
    if not shown:
        return None
    corners = np.concatenate(shown)
    start, end = corners.min(axis=0), corners.max(axis=0)
    side = max(LEAST_WINDOW, math.ceil(float((end - start).max()) / (1 - 2 * MARGIN)))
    left, top = np.round((start + end) / 2 - side / 2).astype(int)
    return Window(int(left), int(top), side)


@dataclass(frozen=True)
class Orbit:
    """Directions around an object, as seen from it."""

    center: Float64[Tensor, " 3"]
    diagonal: float
    up: Float64[Tensor, " 3"]
    ahead: Float64[Tensor, " 3"]
    """The level direction of azimuth 0."""
    elevation: float
    """In radians above the level, that of the middle photograph."""
    distance: float
    """Of the middle photograph's camera."""
    azimuths: tuple[float, ...]
    """Of the photographs' cameras, in radians."""

    def shot(self, azimuth: float, size: int, share: float) -> Shot:
        """A camera that looks at the object, whose diagonal fills this share of the picture."""
        aside = torch.linalg.cross(self.up, self.ahead)
        level = math.cos(azimuth) * self.ahead + math.sin(azimuth) * aside
        towards = math.cos(self.elevation) * level + math.sin(self.elevation) * self.up
        right = torch.nn.functional.normalize(torch.linalg.cross(self.up, level), dim=0)
        rotation = torch.stack([right, torch.linalg.cross(-towards, right), -towards])
        viewmat = viewmat_at(rotation, self.center + self.distance * towards)
        camera = Camera.square(viewmat, share * size * self.distance / self.diagonal, size)
        return Shot(camera, max(NEAR, self.distance - ROOM_BEFORE * self.diagonal))

    def unseen(self) -> tuple[float, float]:
        """The azimuth in the middle of the widest gap between photographs, and half of that gap, in radians."""
        around = sorted(azimuth % (2 * math.pi) for azimuth in self.azimuths)
        gaps = [later - earlier for earlier, later in zip(around, [*around[1:], around[0] + 2 * math.pi], strict=True)]
        widest = int(np.argmax(gaps))
        return around[widest] + gaps[widest] / 2, gaps[widest] / 2


def orbit_around(
    center: Float[Tensor, " 3"], diagonal: float, up: Float[Tensor, " 3"], views: Sequence[CapturedView]
) -> Orbit:
    """The orbit around an object that these views show, at their middle distance and height."""
    middle, axis = center.double().cpu(), torch.nn.functional.normalize(up.double().cpu(), dim=0)
    away = torch.stack([view.camera.exact().pose[:3, 3] - middle for view in views])
    heights = away @ axis
    levels = away - heights[:, None] * axis
    elevations = torch.atan2(heights, levels.norm(dim=1))
    ahead = _level_direction(levels[0], axis)
    aside = torch.linalg.cross(axis, ahead)
    return Orbit(
        center=middle,
        diagonal=diagonal,
        up=axis,
        ahead=ahead,
        elevation=float(elevations.median().clamp(-1.2, 1.2)),
        distance=max(float(away.norm(dim=1).median()), diagonal),
        azimuths=tuple(torch.atan2(levels @ aside, levels @ ahead).tolist()),
    )


def _level_direction(direction: Float64[Tensor, " 3"], up: Float64[Tensor, " 3"]) -> Float64[Tensor, " 3"]:
    """The direction's unit vector; any level one if the camera looks straight down."""
    if float(direction.norm()) > 1e-6:
        return direction / direction.norm()
    other = torch.eye(3, dtype=torch.float64)[int(up.abs().argmin())]
    return torch.nn.functional.normalize(torch.linalg.cross(up, other), dim=0)
