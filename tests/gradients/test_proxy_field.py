"""Derivatives of proxy fields in float64 agree with finite differences."""

from __future__ import annotations

import numpy as np
import torch
from torch.func import functional_call

from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.surfaces.marching import Grid

TINY = FieldConfig(base_spacing=0.1, distance_resolutions=(5, 9), color_resolutions=(3, 7), log2_table_size=5)


def tame_field() -> ProxyField:
    """A field near a ball, with random entries in all of its hash grids."""
    grid = Grid.around(np.full(3, -0.3), np.full(3, 0.3), TINY.base_spacing, 3)
    distances = np.linalg.norm(grid.points, axis=1).reshape(grid.shape) - 0.25
    field = ProxyField(TINY, grid, torch.from_numpy(distances)).double()
    generator = torch.Generator().manual_seed(0)
    for parameter in field.parameters():
        parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    return field


def some_points(n: int = 12, spread: float = 0.45) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return spread * (2 * torch.rand(n, 3, generator=generator, dtype=torch.float64) - 1)


def test_distance_in_the_points():
    field = tame_field()
    assert torch.autograd.gradcheck(field.sdf, some_points().requires_grad_())


def test_distance_far_outside():
    field = tame_field()
    assert torch.autograd.gradcheck(field.sdf, some_points(spread=5.0).requires_grad_())


def test_color_in_the_points():
    field = tame_field()
    assert torch.autograd.gradcheck(field.color, some_points().requires_grad_())


def test_both_in_the_parameters():
    field, points = tame_field(), some_points()
    names = [name for name, _ in field.named_parameters()]

    class Both(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.field = field

        def forward(self) -> torch.Tensor:
            return torch.cat([self.field.sdf(points)[:, None], self.field.color(points)], dim=1)

    def evaluate(*values: torch.Tensor) -> torch.Tensor:
        return functional_call(Both(), {f"field.{name}": value for name, value in zip(names, values, strict=True)}, ())

    assert torch.autograd.gradcheck(evaluate, tuple(field.parameters()))


def test_colors_train_without_moving_the_surface():
    field, points = tame_field(), some_points()
    field.color(points).sum().backward()
    assert all(parameter.grad is None for parameter in field.refinement.parameters())
    assert any(parameter.grad.abs().sum() > 0 for parameter in field.color_grids.parameters())
