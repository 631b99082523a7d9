"""Whose a Gaussian is: its own clear votes decide, and where they are not clear its neighbours of like colour."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from lifting_scenes import ball_scene, with_unknown
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift import assignment
from scorp_ns.lift.assignment import assign_labels, smoothed_shares
from scorp_ns.lift.neighbours import find_neighbours
from scorp_ns.lift.votes import Votes, gather_votes

RED, BLUE = torch.tensor([1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0])


def grid(colors: Tensor, opacity: float = 0.9) -> Gaussians:
    """A square sheet of Gaussians, 0.1 apart, in these colours row by row."""
    side = round(len(colors) ** 0.5)
    x, y = torch.meshgrid(torch.arange(side) * 0.1, torch.arange(side) * 0.1, indexing="ij")
    means = torch.stack([x.flatten(), y.flatten(), torch.zeros(side**2)], dim=1)
    return Gaussians(
        means=means,
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(side**2, 1),
        scales=torch.full((side**2, 3), 0.05),
        opacities=torch.full((side**2,), opacity),
        harmonics=((colors - 0.5) / 0.28209479177387814)[:, None],
    )


def votes_of(weights: Tensor) -> Votes:
    return Votes(weights, torch.full((1, len(weights)), 255, dtype=torch.uint8))


def halves(side: int = 12) -> tuple[Gaussians, Tensor]:
    """A sheet whose left half is red and whose right half is blue, and which half each Gaussian is in."""
    is_right = (torch.arange(side) >= side // 2).repeat_interleave(side)
    return grid(torch.where(is_right[:, None], BLUE, RED)), is_right


def test_clear_votes_decide_alone():
    gaussians, is_right = halves()
    votes = votes_of(10.0 * torch.nn.functional.one_hot(is_right.long() + 1, 3).float())
    assert torch.equal(assign_labels(votes, gaussians, 0.6, 0.1), is_right.long() + 1)


def test_unclear_votes_go_the_way_of_neighbours_of_the_same_colour():
    gaussians, is_right = halves()
    weights = 10.0 * torch.nn.functional.one_hot(is_right.long() + 1, 3).float()
    column = torch.arange(len(weights)) // 12
    is_undecided = (column == 5) | (column == 6)
    weights[is_undecided] = torch.tensor([0.0, 5.0, 5.0])
    assert torch.equal(assign_labels(votes_of(weights), gaussians, 0.6, 0.1), is_right.long() + 1)


def test_a_few_wrong_votes_do_not_matter():
    gaussians, is_right = halves()
    weights = 0.2 * torch.nn.functional.one_hot(is_right.long() + 1, 3).float()
    wrong = torch.tensor([30, 66, 100])
    weights[wrong] = weights[wrong][:, [0, 2, 1]]
    assert torch.equal(assign_labels(votes_of(weights), gaussians, 0.6, 0.1), is_right.long() + 1)


def test_what_is_faint_or_unseen_belongs_to_nobody():
    gaussians, _ = halves()
    weights = torch.zeros(len(gaussians), 2)
    weights[:, 1] = 10.0
    weights[:5] = 0.0
    gaussians.opacities[5:10] = 0.1
    labels = assign_labels(votes_of(weights), gaussians, 0.6, 0.1)
    assert labels[:10].tolist() == [0] * 10 and (labels[10:] == 1).all()


@pytest.mark.parametrize("share, expected", [(0.59, 0), (0.61, 1)])
def test_the_least_share_is_what_an_object_needs(share: float, expected: int):
    gaussians, _ = halves()
    weights = 10 * torch.tensor([[1 - share, share]]).repeat(len(gaussians), 1)
    assert (assign_labels(votes_of(weights), gaussians, 0.6, 0.1) == expected).all()


def test_nothing_belongs_to_no_objects():
    gaussians, _ = halves()
    assert not assign_labels(votes_of(torch.ones(len(gaussians), 1)), gaussians, 0.6, 0.1).any()


def test_smoothed_shares_are_shares_and_the_minimum_of_the_energy():
    generator = torch.Generator().manual_seed(0)
    gaussians = grid(torch.rand(100, 3, generator=generator))
    owners = torch.randint(4, (100,), generator=generator)
    votes = votes_of(2.0 * torch.nn.functional.one_hot(owners, 4) + 0.3 * torch.rand(100, 4, generator=generator))
    smoothed = smoothed_shares(votes, gaussians)
    torch.testing.assert_close(smoothed.sum(dim=1), torch.ones(100), rtol=0, atol=1e-2)
    expected = _by_solving(votes, gaussians)
    assert np.abs(smoothed.numpy() - expected).max() < 0.02


def _by_solving(votes: Votes, gaussians: Gaussians) -> np.ndarray:
    """The minimum where the energy's gradient is zero, by one dense linear system."""
    everyone = np.ones(len(gaussians), bool)
    near = find_neighbours(gaussians.means.double().numpy(), everyone, everyone, assignment.NUM_NEIGHBOURS)
    colors = gaussians.base_colors.double().numpy()
    ties = assignment._ties(near, colors, gaussians.opacities.double().numpy()).toarray()
    clearness = assignment._clearness(votes, torch.arange(len(gaussians)))
    system = np.diag(clearness + ties.sum(axis=1)) - ties
    return np.linalg.solve(system, clearness[:, None] * votes.shares.double().numpy())


def test_broken_colours_spoil_no_neighbours():
    gaussians, is_right = halves()
    gaussians.harmonics[40] = float("nan")
    weights = torch.nn.functional.one_hot(is_right.long() + 1, 3).float()
    labels = assign_labels(votes_of(weights), gaussians, 0.6, 0.1)
    others = torch.arange(len(labels)) != 40
    assert torch.equal(labels[others], is_right.long()[others] + 1)


@pytest.mark.parametrize("number", [1, 2])
def test_so_few_gaussians_keep_their_own_votes(number: int):
    gaussians = grid(RED.repeat(4, 1))[torch.arange(number)]
    votes = votes_of(torch.tensor([[0.0, 5.0]]).repeat(number, 1))
    assert assign_labels(votes, gaussians, 0.6, 0.1).tolist() == [1] * number


def test_like_gaussians_in_one_place_go_together():
    gaussians = replace(grid(RED.repeat(100, 1)), means=torch.zeros(100, 3))
    is_second = (torch.arange(100) % 5 == 0).long()
    weights = 10.0 * torch.nn.functional.one_hot(is_second + 1, 3).float()
    assert assign_labels(votes_of(weights), gaussians, 0.6, 0.1).tolist() == [1] * 100


def test_every_gaussian_of_the_balls_finds_its_owner_though_most_pixels_are_unknown():
    scene = ball_scene(num_views=8)
    views = [with_unknown(view, 0.7, seed) for seed, view in enumerate(scene.views)]
    votes = gather_votes(scene.gaussians, views, 2)
    labels = assign_labels(votes, scene.gaussians, 0.6, 0.1)
    is_seen = votes.totals > 1
    assert (labels == scene.owners)[is_seen].float().mean() > 0.995


def test_hundreds_of_objects_are_told_apart():
    owners = torch.arange(10_000) * 300 // 10_000
    colors = torch.rand(300, 3, generator=torch.Generator().manual_seed(1))
    votes = votes_of(2.0 * torch.nn.functional.one_hot(owners + 1, 301).float())
    labels = assign_labels(votes, grid(colors[owners]), 0.6, 0.1)
    assert (labels == owners + 1).float().mean() > 0.99
