"""Free space around the cameras and halfway between neighbours, up to near the first seed point."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from scipy.spatial import KDTree
from torch import Tensor

NUM_NEIGHBOURS = 4
"""A camera shares the air halfway with so many others: on a dome, one to each side, one above and one below."""

POINTS_AT_A_TIME = 1 << 14
"""Bounds the memory of comparing millions of points with thousands of balls."""


@dataclass(frozen=True)
class FreeSpace:
    """Balls of air. A Gaussian inside is fog, made for one or two views and in the way of all others nearby."""

    centers: Float[Tensor, "balls 3"]
    radii: Float[Tensor, " balls"]

    def contains(self, points: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
        """The mask of points inside a ball."""
        centers, radii = self.centers.to(points), self.radii.to(points)
        return torch.cat(
            [
                (torch.cdist(some, centers, compute_mode="donot_use_mm_for_euclid_dist") < radii).any(dim=1)
                for some in points.split(POINTS_AT_A_TIME)
            ]
        )


def find_free_space(origins: Float[Tensor, "cameras 3"], seed_points: Float[Tensor, "n 3"], share: float) -> FreeSpace:
    """Balls around the cameras and their neighbours' midpoints, each reaching `share` of the way to a seed point.

    What has seed points is never inside, and a stray seed point makes balls smaller, never larger.
    """
    places = origins.detach().cpu().double().numpy()
    # The first neighbour of every camera is itself, which makes the camera's own place one of the midpoints.
    num_nearest = min(NUM_NEIGHBOURS + 1, len(places))
    _, nearest = KDTree(places).query(places, k=num_nearest)
    centers = ((places[:, None] + places[nearest.reshape(-1, num_nearest)]) / 2).reshape(-1, 3)
    distances, _ = KDTree(seed_points.detach().cpu().double().numpy()).query(centers)
    return FreeSpace(torch.from_numpy(centers).float(), share * torch.from_numpy(distances).float())
