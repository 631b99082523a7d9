"""What comes from a proxy goes where photographs show it and are truer without it, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from scorp_ns.compose.photometric_pruning import error_growth
from scorp_ns.gaussians.seeding import SH_C0
from scorp_ns.gaussians.splats import Gaussians, join_gaussians
from scorp_ns.products import OCCLUDER, VISIBLE, ObjectCrop

SIDE = 40
RED, BLUE = (0.8, 0.1, 0.1), (0.1, 0.1, 0.8)


def blobs(places: list[tuple[float, float, float]], color: tuple[float, float, float], radius: float) -> Gaussians:
    return Gaussians(
        means=torch.tensor(places),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(len(places), 1),
        scales=torch.full((len(places), 3), radius),
        opacities=torch.full((len(places),), 0.95),
        harmonics=((torch.tensor(color) - 0.5) / SH_C0).repeat(len(places), 1)[:, None],
    )


def wall() -> Gaussians:
    """A red wall at a depth of 2, thick enough that nothing shines through."""
    across = np.linspace(-1.2, 1.2, 25)
    return blobs([(float(x), float(y), z) for z in (2.0, 2.1) for x in across for y in across], RED, 0.08)


def sight(role: int = VISIBLE) -> ObjectCrop:
    """A photograph that is red all over."""
    return ObjectCrop(
        name="view",
        photograph=np.full((SIDE, SIDE, 3), np.round(255 * np.array(RED)), np.uint8),
        trimap=np.full((SIDE, SIDE), role, np.uint8),
        depth=np.full((SIDE, SIDE), 2.0, np.float32),
        viewmat=torch.eye(4),
        K=torch.tensor([[40.0, 0, 20], [0, 40.0, 20], [0, 0, 1]]),
    )


@pytest.mark.parametrize(
    ("fill", "objected"),
    [
        (blobs([(0, 0, 1.5)], BLUE, 0.1), True),
        (blobs([(0, 0, 1.5)], RED, 0.1), False),
        (blobs([(0, 0, 3.0)], BLUE, 0.1), False),
        (blobs([(9, 0, 1.5)], BLUE, 0.1), False),
    ],
    ids=["blue before red", "red before red", "hidden", "out of sight"],
)
def test_photographs_object_to_what_they_see_to_be_wrong(fill: Gaussians, objected: bool):
    scene = join_gaussians([wall(), fill])
    assert bool(error_growth(scene, [sight()], [sight().camera])[-1] > 0.05) == objected


def test_nobody_objects_where_something_else_stands():
    scene = join_gaussians([wall(), blobs([(0, 0, 1.5)], BLUE, 0.1)])
    assert not error_growth(scene, [sight(OCCLUDER)], [sight().camera]).any()


def test_small_differences_are_small_objections():
    scene = join_gaussians([wall(), blobs([(0, 0, 1.5)], (0.75, 0.1, 0.1), 0.1)])
    assert 0.0 < error_growth(scene, [sight()], [sight().camera])[-1] < 0.2


def test_photographs_need_what_they_would_be_wronger_without():
    lamp = blobs([(0, 0, 1.5)], RED, 0.1)
    blue_wall = blobs(wall().means.tolist(), BLUE, 0.08)
    assert error_growth(join_gaussians([blue_wall, lamp]), [sight()], [sight().camera])[-1] < -0.5


def test_joined_gaussians_keep_their_order_and_colours():
    plain = wall()[torch.arange(3)]
    turning = Gaussians(plain.means + 5, plain.quats, plain.scales, plain.opacities, torch.rand(3, 4, 3))
    joined = join_gaussians([plain, turning])
    assert torch.equal(joined.harmonics[3:], turning.harmonics)
    assert torch.equal(joined.harmonics[:3, :1], plain.harmonics) and not joined.harmonics[:3, 1:].any()
