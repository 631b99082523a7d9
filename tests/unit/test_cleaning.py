"""An object without its floaters, and who is next to whom."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from lifting_scenes import Ball, join, shell
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.cleaning import clean_object
from scorp_ns.lift.neighbours import find_neighbours, islands


def ball(x: float = 0.0, radius: float = 0.3, number: int = 400) -> Gaussians:
    return shell(Ball((x, 0.0, 0.0), radius, num_gaussians=number), torch.Generator().manual_seed(0))


def cleaned(gaussians: Gaussians, min_island: float = 0.05, weights: Tensor | None = None) -> list[bool]:
    weights = torch.ones(len(gaussians)) if weights is None else weights
    return clean_object(gaussians, weights, min_island).tolist()


def moved(gaussians: Gaussians, offsets: Tensor) -> Gaussians:
    return Gaussians(**{**vars(gaussians), "means": gaussians.means + offsets})


def test_a_whole_object_stays_whole():
    assert all(cleaned(ball()))


def test_lone_floaters_are_dropped():
    floaters = moved(ball(number=5), torch.eye(5, 3) * 3 + torch.tensor([0.0, 0.0, 1.5]))
    assert cleaned(join([ball(), floaters])) == [True] * 400 + [False] * 5


def test_a_small_island_is_dropped_and_a_large_one_stays():
    small, large = ball(2.0, 0.05, 15), ball(1.0, 0.15, 100)
    assert cleaned(join([ball(), large, small])) == [True] * 500 + [False] * 15


def test_an_islands_size_is_in_votes():
    weights = torch.cat([torch.ones(400), torch.full((100,), 0.01)])
    assert cleaned(join([ball(), ball(1.0, 0.15, 100)]), weights=weights) == [True] * 400 + [False] * 100


def test_the_largest_island_stays_however_small_a_share_it_has():
    parts = [ball(2.0 * place, 0.3, 50 + place) for place in range(10)]
    assert sum(cleaned(join(parts), min_island=0.5)) == 59


def test_without_votes_nothing_but_strays_goes():
    assert all(cleaned(join([ball(), ball(1.0, 0.15, 100)]), weights=torch.zeros(500)))


def test_a_large_gaussian_far_from_small_ones_is_no_stray():
    """A plain face is one large Gaussian, where a painted one has many small ones."""
    lid = moved(ball(number=1), torch.tensor([[0.0, 0.0, 0.25]]))
    lid.scales[:] = torch.tensor([0.3, 0.3, 0.01])
    assert all(cleaned(join([ball(), lid])))


@pytest.mark.parametrize("number", [1, 2, 3, 9])
def test_so_few_gaussians_are_all_there_is(number: int):
    assert all(cleaned(ball(number=400)[torch.arange(number)]))


def test_many_gaussians_in_one_place_are_no_trouble():
    gaussians = ball(number=3000)
    gaussians.means[:] = 1.0
    assert all(cleaned(gaussians))


def test_half_an_objects_gaussians_in_one_place_do_not_make_the_others_strays():
    gaussians = ball(number=400)
    gaussians.means[:210] = gaussians.means[0].clone()
    assert sum(cleaned(gaussians)[210:]) > 180


def test_needles_are_no_trouble():
    gaussians = ball()
    gaussians.scales[:20, 0] = 50.0
    assert sum(cleaned(gaussians)) >= 399


def test_neighbours_are_those_that_brute_force_finds():
    random = np.random.default_rng(0)
    points, of, among = random.normal(size=(200, 3)), random.random(200) < 0.4, random.random(200) < 0.5
    near = find_neighbours(points, of, among, 7)
    for row, index in enumerate(near.of):
        distances = np.linalg.norm(points - points[index], axis=1)
        distances[~among | (np.arange(200) == index)] = np.inf
        assert near.indices[row].tolist() == np.argsort(distances)[:7].tolist()
        np.testing.assert_allclose(near.distances[row], np.sort(distances)[:7])


def test_nobody_is_their_own_neighbour_even_among_copies():
    points, everyone = np.zeros((30, 3)), np.ones(30, bool)
    near = find_neighbours(points, everyone, everyone, 5)
    assert (near.indices != near.of[:, None]).all() and near.indices.shape == (30, 5)


def test_islands_are_told_apart_by_the_gap_between_them():
    spacing = 0.3 * (4 * np.pi / 400) ** 0.5
    two = join([ball(), ball(0.6 + 4 * spacing)])
    assert len(set(islands(two, 0.0).tolist())) == 2
    assert len(set(islands(two, 6 * spacing).tolist())) == 1
