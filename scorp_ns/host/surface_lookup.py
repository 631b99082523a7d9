"""Colour and normal of the scene at points on its surface, for rays that no single camera casts."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from scipy.spatial import KDTree
from torch import Tensor

POINTS_PER_CHUNK = 1 << 17


@dataclass(frozen=True)
class SurfaceLookup:
    """Gaussians ready to be asked what the surface looks like at a point."""

    means: Float[Tensor, "n 3"]
    scales: Float[Tensor, "n 3"]
    rotations: Float[Tensor, "n 3 3"]
    opacities: Float[Tensor, " n"]
    colors: Float[Tensor, "n 3"]
    num_neighbours: int = 8

    @cached_property
    def _tree(self) -> KDTree:
        return KDTree(self.means.cpu().numpy())

    @cached_property
    def _normals(self) -> Float[Tensor, "n 3"]:
        """Each Gaussian's shortest axis."""
        shortest = self.scales.argmin(dim=1)
        return self.rotations[torch.arange(len(shortest), device=shortest.device), :, shortest]

    def at(
        self, points: Float[Tensor, "p 3"], directions: Float[Tensor, "p 3"]
    ) -> tuple[Float[Tensor, "p 3"], Float[Tensor, "p 3"]]:
        """Colours in [0, 1], and unit normals turned against the viewing `directions`."""
        chunks = [
            self._chunk(points[start : start + POINTS_PER_CHUNK], directions[start : start + POINTS_PER_CHUNK])
            for start in range(0, len(points), POINTS_PER_CHUNK)
        ]
        colors, normals = zip(*chunks, strict=True)
        return torch.cat(colors), torch.cat(normals)

    def _chunk(self, points: Tensor, directions: Tensor) -> tuple[Tensor, Tensor]:
        num_neighbours = min(self.num_neighbours, len(self.means))
        _, found = self._tree.query(points.cpu().numpy(), k=num_neighbours, workers=-1)
        found = torch.from_numpy(found.reshape(len(points), num_neighbours)).to(points.device)
        weights = self._weights(points, found)
        colors = (weights[..., None] * self.colors[found]).sum(dim=1)
        normals = self._normals[found]
        faces_away = (normals * directions[:, None]).sum(dim=-1, keepdim=True) > 0
        normals = (weights[..., None] * torch.where(faces_away, -normals, normals)).sum(dim=1)
        return colors, torch.nn.functional.normalize(normals, dim=-1)

    def _weights(self, points: Float[Tensor, "p 3"], found: Tensor) -> Float[Tensor, "p k"]:
        """Weights of the neighbours of a point: opacity times its density there, summing to one.

        Distances count in units of each Gaussian's size; the nearest always has a say, however far it is.
        """
        offsets = points[:, None] - self.means[found]
        local = torch.einsum("pkij,pki->pkj", self.rotations[found], offsets) / self.scales[found]
        exponents = -0.5 * local.square().sum(dim=-1)
        density = torch.exp(exponents - exponents.amax(dim=1, keepdim=True))
        weights = self.opacities[found] * density
        return weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-12)
