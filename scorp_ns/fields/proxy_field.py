"""The proxy field: signed distance and colour everywhere in a proxy's own frame."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.hash_pyramid import HashPyramid
from scorp_ns.surfaces.marching import Grid

REFINED_CELLS = 2.0
"""Cells of the dense grid from the surface to where refinement has faded out.

Interpolating a distance errs by less than 0.87 cells. So refinement is whole up to one cell, and beyond two the dense
grid alone is right about the side a point is on: no stray entry of a hash table can make a surface there.
"""


class ProxyField(nn.Module):
    """A dense grid of distances, refined by hash grids near the surface, and a colour from other hash grids."""

    distances: Tensor
    low: Tensor
    spacing: Tensor
    mean_color: Tensor
    color_map: Float[Tensor, "3 4"]
    """From generated colours, with a 1 below them, to those that match the photographs."""

    def __init__(self, config: FieldConfig, grid: Grid, distances: Float[Tensor, "x y z"]) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("distances", distances)
        self.register_buffer("low", torch.from_numpy(grid.origin).to(distances))
        self.register_buffer("spacing", torch.tensor(grid.spacing).to(distances))
        self.register_buffer("mean_color", torch.full((3,), 0.5).to(distances))
        self.register_buffer("color_map", torch.eye(3, 4).to(distances))
        size, encoding = config.log2_table_size, config.encoding
        self.refinement = HashPyramid(config.distance_resolutions, size, 1, encoding)
        self.color_grids = HashPyramid(config.color_resolutions, size, 3, encoding)
        self.residual_grids = HashPyramid(config.residual_resolutions, size, 3, encoding)

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], config: FieldConfig) -> ProxyField:
        """The field that another's state_dict describes, exactly; the configuration has to be that field's."""
        distances = state["distances"]
        x, y, z = distances.shape
        grid = Grid(np.zeros(3), 1.0, (x, y, z))
        field = cls(config, grid, torch.empty_like(distances)).to(distances.device)
        field.load_state_dict(dict(state))
        return field

    @property
    def size(self) -> Float[Tensor, " 3"]:
        """Lengths of the sides of the box that the dense grid covers: the proxy's box and a margin."""
        return (torch.tensor(self.distances.shape).to(self.low) - 1) * self.spacing

    @property
    def bounds(self) -> tuple[Float[Tensor, " 3"], Float[Tensor, " 3"]]:
        """The lowest and the highest corner of that box. The surface lies inside."""
        return self.low, self.low + self.size

    def sdf(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Signed distances, negative inside.

        Outside of its box it is the distance to the box and that of the box's nearest point to the surface: never
        less than the true distance, and at most 1.5 times as much.
        """
        clamped = self._clamp(x)
        base = self._base_distance(clamped)
        share = (REFINED_CELLS - base.abs() / self.spacing).clamp(0, 1)
        near = (share > 0).nonzero()[:, 0]
        refined = share[near] * self.refinement(self.in_unit_cube(clamped[near]))[:, 0]
        return base.index_add(0, near, refined) + _lengths(x - clamped)

    def color(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """Colours as pictures store them (sRGB), in [0, 1]; they mean something at the surface and close to it.

        They are those that were generated until the field is told how the photographs differ from them.
        """
        mapped = self.generated_color(x) @ self.color_map[:, :3].T + self.color_map[:, 3]
        return (mapped.clamp(0, 1) + self.residual_grids(self.in_unit_cube(self._clamp(x)))).clamp(0, 1)

    def generated_color(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """Colours as the generator made them."""
        return (self.mean_color + self.color_grids(self.in_unit_cube(self._clamp(x)))).clamp(0, 1)

    def set_color_map(self, matrix: Float[Tensor, "3 3"], offset: Float[Tensor, " 3"]) -> None:
        """Take generated colours through this map."""
        self.color_map.copy_(torch.cat([matrix, offset[:, None]], dim=1))

    def fit_residual(self, x: Float[Tensor, "n 3"], residual: Float[Tensor, "n 3"]) -> None:
        """Add to mapped colours what is given at points of the surface, in place of what was added before."""
        self.residual_grids.fit(self.in_unit_cube(x), residual, self.config.fit_steps)

    def box_distance(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Distances to the box, 0 in it: outside of it, `sdf` is never less."""
        return _lengths(x - self._clamp(x))

    def is_refined(self, x: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
        """The mask of points so near that hash grids refine the distance."""
        return self._base_distance(self._clamp(x)).abs() < REFINED_CELLS * self.spacing

    def in_unit_cube(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        """Points of the box in the unit cube, where hash grids live; no rounding leads out of it."""
        return ((x - self.low) / self.size.max()).clamp(0, 1)

    def _clamp(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        low, high = self.bounds
        return x.maximum(low).minimum(high)

    def _base_distance(self, x: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
        """Trilinear interpolation of the dense grid at points of its box."""
        # grid_sample wants the fastest axis first, and the corners at -1 and 1.
        places = (2 * (x - self.low) / self.size - 1).flip(-1)[None, None, None]
        return torch.nn.functional.grid_sample(
            self.distances[None, None], places, padding_mode="border", align_corners=True
        )[0, 0, 0, 0]


def _lengths(vectors: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    """Lengths whose gradient at zero is zero."""
    squared = (vectors**2).sum(dim=-1)
    is_zero = squared == 0
    return torch.where(is_zero, squared, torch.where(is_zero, torch.ones_like(squared), squared).sqrt())
