"""Cameras at random places, looking in random directions."""

from __future__ import annotations

import torch


def random_camera_to_worlds(num: int) -> torch.Tensor:
    """Camera-to-world matrices [num, 3, 4] from torch's random generator."""
    rotations = torch.linalg.qr(torch.randn(num, 3, 3))[0]
    rotations = rotations * torch.linalg.det(rotations)[:, None, None]
    return torch.cat([rotations, torch.randn(num, 3, 1)], dim=2)
