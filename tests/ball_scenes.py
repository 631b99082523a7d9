"""Balls on a floor as opaque Gaussians, and photographs' cameras around them: what clicks are tested on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import CapturedView

WIDTH, HEIGHT, FOCAL = 96, 72, 90.0
FLOOR_RADIUS = 2.4


def balls_on_floor(centers: np.ndarray, radii: np.ndarray, num: int = 1500) -> tuple[Gaussians, Tensor]:
    """The scene, z up, and whose each Gaussian is: 0 the floor, k the k-th ball."""
    golden = np.pi * (3 - np.sqrt(5))
    steps = np.arange(num)
    z = 1 - 2 * (steps + 0.5) / num
    directions = np.stack([np.cos(golden * steps), np.sin(golden * steps)], axis=1) * np.sqrt(1 - z**2)[:, None]
    sphere = np.concatenate([directions, z[:, None]], axis=1)
    parts = [
        (center + radius * sphere, 2 * radius / np.sqrt(num)) for center, radius in zip(centers, radii, strict=True)
    ]
    num_floor = 6000
    steps = np.arange(num_floor)
    away = FLOOR_RADIUS * np.sqrt((steps + 0.5) / num_floor)
    floor = np.stack([away * np.cos(golden * steps), away * np.sin(golden * steps), 0 * away], axis=1)
    parts.insert(0, (floor, FLOOR_RADIUS / np.sqrt(num_floor)))
    owners = torch.cat([torch.full((len(points),), owner) for owner, (points, _) in enumerate(parts)])
    sizes = np.concatenate([np.full(len(points), size) for points, size in parts])
    means = torch.from_numpy(np.concatenate([points for points, _ in parts])).float()
    colors = torch.nn.functional.one_hot(owners % 3, 3).float()
    gaussians = Gaussians(
        means=means,
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(len(means), 1),
        scales=torch.from_numpy(sizes).float()[:, None].repeat(1, 3),
        opacities=torch.full((len(means),), 0.95),
        harmonics=colors[:, None],
    )
    return gaussians, owners


def views_around(num: int = 10, distance: float = 2.0) -> list[CapturedView]:
    """Cameras in a circle that look down on the floor's middle."""
    K = torch.tensor([[FOCAL, 0, WIDTH / 2], [0, FOCAL, HEIGHT / 2], [0, 0, 1]])
    photograph = torch.zeros((HEIGHT, WIDTH, 3), dtype=torch.uint8)
    angles = 2 * np.pi * np.arange(num) / num
    origins = [np.array([distance * np.cos(angle), distance * np.sin(angle), 1.3]) for angle in angles]
    return [
        CapturedView(f"{index}.png", photograph, None, _looking_at_middle(origin), K)
        for index, origin in enumerate(origins)
    ]


def _looking_at_middle(origin: np.ndarray) -> Tensor:
    forward = -origin / np.linalg.norm(origin)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    viewmat = np.eye(4)
    viewmat[:3, :3] = np.stack([right, np.cross(forward, right), forward])
    viewmat[:3, 3] = -viewmat[:3, :3] @ origin
    return torch.from_numpy(viewmat).float()


def click_at(target: Sequence[float], origin: Sequence[float] = (0.4, -2.0, 1.3)) -> tuple[Tensor, Tensor]:
    """The ray of a click on a point: where it begins, and its direction."""
    start = torch.tensor(origin)
    return start, torch.tensor(target) - start
