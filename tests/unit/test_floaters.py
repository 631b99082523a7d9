"""What hangs where an object is, or before it, is told from what stands beside it and from what it stands on."""

from __future__ import annotations

import pytest
import torch

from scorp_ns.compose.floaters import are_floaters
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import Support

GROUND = Support(torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]))


def small(places: torch.Tensor) -> Gaussians:
    number = len(places)
    return Gaussians(
        means=places.float(),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(number, 1),
        scales=torch.full((number, 3), 1e-3),
        opacities=torch.full((number,), 0.5),
        harmonics=torch.zeros(number, 1, 3),
    )


def cup() -> Gaussians:
    """The surface of a cube of side 1 that is open above and stands on the ground."""
    sides = torch.rand(4000, 3, generator=torch.Generator().manual_seed(0))
    axis = torch.arange(4000) % 5
    sides[axis == 0, 0], sides[axis == 1, 0], sides[axis == 2, 1], sides[axis == 3, 1] = 0.0, 1.0, 0.0, 1.0
    sides[axis == 4, 2] = 0.0
    return small(sides)


@pytest.mark.parametrize(
    ("place", "hangs"),
    [
        ((0.5, 0.5, 0.5), True),
        ((0.5, -0.1, 0.5), True),
        ((0.5, -0.6, 0.5), False),
        ((0.5, -0.1, 0.0), False),
        ((0.5, 0.5, -0.2), False),
    ],
    ids=["in the cup", "before it", "beside it", "on the ground", "below"],
)
def test_haze_hangs_in_the_object_or_close_to_it(place: tuple[float, float, float], hangs: bool):
    assert are_floaters(small(torch.tensor([place])), cup(), GROUND, nearness=0.15).tolist() == [hangs]


def test_without_a_plane_haze_may_hang_below():
    assert are_floaters(small(torch.tensor([[0.5, 0.5, -0.1]])), cup(), None, nearness=0.15).all()


def test_large_gaussians_that_reach_the_object_are_haze():
    far = small(torch.tensor([[0.5, -0.6, 0.5]]))
    far.scales[:] = 0.7
    assert are_floaters(far, cup(), GROUND, nearness=0.15).all()
