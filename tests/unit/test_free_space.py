"""The air before and between cameras."""

from __future__ import annotations

import torch

from scorp_ns.gaussians import free_space
from scorp_ns.gaussians.free_space import find_free_space

ORIGINS = torch.tensor([[0.0, 0, 0], [1, 0, 0]])
SEEDS = torch.tensor([[0.0, 0, 1], [1, 0, 1]])


def test_air_surrounds_cameras_and_their_midpoints_up_to_near_the_seed_points():
    space = find_free_space(ORIGINS, SEEDS, share=0.9)
    points = torch.tensor([[0.0, 0, 0.89], [0, 0, 0.91], [1, 0, -0.89], [0.5, 0, 0.99], [0.5, 0, 1.01], [5, 0, 0]])
    assert space.contains(points).tolist() == [True, False, True, True, False, False]


def test_no_seed_point_is_in_the_air():
    origins, seeds = torch.randn(30, 3), torch.randn(500, 3)
    assert not find_free_space(origins, seeds, share=0.99).contains(seeds).any()


def test_a_single_camera_has_air_too():
    assert find_free_space(ORIGINS[:1], SEEDS, share=0.5).contains(torch.zeros(1, 3)).all()


def test_many_points_are_compared_in_parts(monkeypatch):
    points, space = torch.randn(100, 3), find_free_space(ORIGINS, SEEDS, share=0.9)
    whole = space.contains(points)
    monkeypatch.setattr(free_space, "POINTS_AT_A_TIME", 7)
    assert (space.contains(points) == whole).all() and 0 < whole.sum() < 100
