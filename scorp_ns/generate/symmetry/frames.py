"""The upright frame in which an object's symmetries are searched."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float

from scorp_ns.cameras import Camera
from scorp_ns.products import ProxyRequest


@dataclass(frozen=True)
class UprightFrame:
    """Axes at an object's centre with z up: x_capture = rotation @ x_upright + center."""

    rotation: Float[np.ndarray, "3 3"]
    center: Float[np.ndarray, " 3"]
    low: Float[np.ndarray, " 3"]
    """The lowest corner of the lifted Gaussians' box, in this frame."""
    high: Float[np.ndarray, " 3"]
    diagonal: float
    floor: float | None
    """The height of the support; None where there is none."""

    @classmethod
    def of(cls, request: ProxyRequest) -> UprightFrame:
        """The frame of a request's object, aligned with its box."""
        up = (request.up if request.support is None else request.support.up).double().cpu().numpy()
        up = up / np.linalg.norm(up)
        box = request.frame.rotation.double().cpu().numpy()
        level = box[:, np.abs(up @ box).argmin()]
        x = level - (level @ up) * up
        x = x / np.linalg.norm(x)
        rotation = np.stack([x, np.cross(up, x), up], axis=1)
        center = request.frame.center.double().cpu().numpy()
        half = np.abs(rotation.T @ box) @ request.frame.extent.double().cpu().numpy() / 2
        floor = None
        if request.support is not None:
            floor = float((request.support.point.double().cpu().numpy() - center) @ up)
        return cls(rotation, center, -half, half, request.frame.diagonal, floor)

    def to_capture(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """Points of this frame in the capture's."""
        return points @ self.rotation.T + self.center

    def camera(self, camera: Camera) -> Camera:
        """A camera of the capture in this frame."""
        T_capture_upright = torch.eye(4, dtype=torch.float64)
        T_capture_upright[:3, :3] = torch.from_numpy(self.rotation)
        T_capture_upright[:3, 3] = torch.from_numpy(self.center)
        exact = camera.exact()
        return replace(exact, viewmat=exact.viewmat @ T_capture_upright)
