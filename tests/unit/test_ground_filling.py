"""Where an object stood the ground goes on as it is around: in its place, in its colours, without black."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
import torch
from scipy.spatial.transform import Rotation

from scorp_ns.compose.ground_filling import close_ground
from scorp_ns.errors import CompositionError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians, join_gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.products import Support

HALF, SPACING = 1.2, 0.02
"""Of the square table, whose top is the plane z = 0."""

SIZE = 0.3
"""Side of the cube that stands in its middle."""

SHADOW = 0.25
"""The table behind the cube was hidden up to so far."""

COLOR_TOLERANCE = 0.03

LEVEL = 0.01
"""How far from the table its continuation may lie, which is put a little below what was seen."""


def gaussians(means: torch.Tensor, colors: torch.Tensor, size: float) -> Gaussians:
    number = len(means)
    harmonics = torch.zeros(number, 4, 3)
    harmonics[:, 0] = (colors - 0.5) / 0.28209479
    scales = torch.tensor([size, size, 0.1 * size]).repeat(number, 1)
    quats = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(number, 1)
    return Gaussians(means, quats, scales, torch.full((number,), 0.95), harmonics)


def table_color(means: torch.Tensor) -> torch.Tensor:
    """Brighter along x, redder along y."""
    x, y = means[:, 0] / HALF, means[:, 1] / HALF
    return torch.stack([0.5 + 0.2 * x + 0.2 * y, 0.5 + 0.2 * x, 0.5 + 0.2 * x - 0.2 * y], dim=1)


@cache
def table(is_whole: bool = False) -> Gaussians:
    """The table as photographs show it, all from one side: nothing below the cube and behind it."""
    axis = torch.arange(-HALF, HALF, SPACING)
    x, y = torch.meshgrid(axis, axis, indexing="ij")
    means = torch.stack([x.flatten(), y.flatten(), torch.zeros(x.numel())], dim=1)
    is_hidden = (means[:, 0].abs() < SIZE / 2) & (means[:, 1] > -SIZE / 2) & (means[:, 1] < SIZE / 2 + SHADOW)
    means = means if is_whole else means[~is_hidden]
    return gaussians(means, table_color(means), 0.7 * SPACING)


@cache
def cube() -> Gaussians:
    means = SIZE * (torch.rand(3000, 3, generator=torch.Generator().manual_seed(0)) - 0.5)
    means[:, 2] += SIZE / 2
    return gaussians(means, torch.zeros(3000, 3), 0.01)


SUPPORT = Support(torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]))


def test_the_hole_is_filled_below_and_behind_the_object():
    closed = close_ground(table(), cube(), SUPPORT)
    patch = closed.patch.means
    for place in ([0.0, 0.0], [0.1, 0.1], [0.0, SIZE / 2 + SHADOW - 0.02], [-0.13, 0.2]):
        assert (patch[:, :2] - torch.tensor(place)).norm(dim=1).min() < 0.03
    assert patch[:, 2].abs().max() < LEVEL
    assert patch[:, 0].abs().max() < SIZE / 2 + 0.1 and patch[:, 1].min() > -SIZE / 2 - 0.1


def test_colours_go_on_as_around_and_are_never_black():
    patch = close_ground(table(), cube(), SUPPORT).patch
    assert (patch.base_colors - table_color(patch.means)).abs().max() < COLOR_TOLERANCE
    assert patch.harmonics.shape[1] == 4


def test_darkness_below_the_object_and_its_haze_go_but_the_table_stays():
    dark = gaussians(torch.tensor([[0.05, 0.0, 0.0], [0.0, 0.1, -0.05]]), torch.zeros(2, 3), 0.02)
    haze = gaussians(torch.tensor([[0.0, 0.0, SIZE + 0.01], [0.1, SIZE / 2 + 0.004, 0.2]]), torch.zeros(2, 3), 0.02)
    lamp = gaussians(torch.tensor([[0.0, 0.0, 2 * SIZE]]), torch.zeros(1, 3), 0.02)
    others = join_gaussians([table(), dark, haze, lamp])
    kept = close_ground(others, cube(), SUPPORT).kept
    assert kept[-5:].tolist() == [False, False, False, False, True]
    is_away = table().means.abs().amax(dim=1) > SIZE / 2 + 0.1
    assert kept[: len(table())][is_away].all()


def test_a_ground_that_was_seen_below_is_closed_by_no_more_than_was_taken():
    closed = close_ground(table(is_whole=True), cube(), SUPPORT)
    assert closed.patch.means[:, :2].abs().max() < SIZE / 2 + 0.1


def test_nothing_is_added_beyond_the_edge_of_the_ground():
    at_edge = replace(cube(), means=cube().means + torch.tensor([0.0, HALF - SIZE / 2, 0.0]))
    support = Support(torch.tensor([0.0, HALF - SIZE / 2, 0.0]), SUPPORT.up)
    patch = close_ground(table(), at_edge, support).patch
    assert patch.means[:, 1].max() < HALF + 0.1


@pytest.mark.parametrize("seed", range(3))
def test_the_result_turns_with_the_scene(seed: int):
    rotation = torch.from_numpy(Rotation.random(random_state=seed).as_matrix())
    motion = Similarity(rotation, torch.tensor([3.0, -2.0, 1.0], dtype=torch.float64), 2.5)
    moved = [transform_gaussians(part, motion) for part in (table(), cube())]
    support = Support(motion.apply(SUPPORT.point), (rotation @ SUPPORT.up.double()).float())
    patch = transform_gaussians(close_ground(*moved, support).patch, motion.inverse())
    assert patch.means[:, 2].abs().max() < LEVEL
    assert (patch.base_colors - table_color(patch.means)).abs().max() < COLOR_TOLERANCE
    assert area(patch) == pytest.approx(area(close_ground(table(), cube(), SUPPORT).patch), rel=0.1)


def area(patch: Gaussians) -> float:
    """As much as the ground that is covered, in a unit of its own."""
    return float((patch.scales[:, 0] ** 2).sum())


def test_a_ground_nobody_saw_is_not_made_up():
    with pytest.raises(CompositionError, match="Hardly anything is seen"):
        close_ground(table()[table().means[:, 0] > HALF - 3 * SPACING], cube(), SUPPORT)
