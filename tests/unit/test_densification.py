"""Gaussians are pruned below one opacity, and reset to another."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import Parameter

from scorp_ns.gaussians.densification import Densification

OPACITIES = torch.tensor([0.03, 0.06, 0.15, 0.5, 0.95])


def opacities_after(steps: range) -> torch.Tensor:
    """What is left of Gaussians that pull nowhere, after a strategy's steps."""
    count = len(OPACITIES)
    parameters = {
        "means": Parameter(torch.randn(count, 3)),
        "scales": Parameter(torch.full((count, 3), -4.0)),
        "quats": Parameter(torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1)),
        "opacities": Parameter(torch.logit(OPACITIES)),
    }
    optimizers = {name: torch.optim.Adam([parameter], lr=1e-3) for name, parameter in parameters.items()}
    strategy = Densification(
        prune_opa=0.05, reset_opa=0.4, refine_start_iter=0, refine_every=10, reset_every=20, pause_refine_after_reset=5
    )
    state = strategy.initialize_state(scene_scale=1.0)
    for step in steps:
        means2d = torch.zeros(1, len(parameters["means"]), 2)
        means2d.grad = torch.zeros_like(means2d)
        info: dict[str, Any] = {"width": 2, "height": 2, "n_cameras": 1, "means2d": means2d, "gaussian_ids": None}
        info["radii"] = torch.ones(means2d.shape[:2], dtype=torch.int32)
        strategy.step_post_backward(parameters, optimizers, state, step, info)
    assert strategy.prune_opa == 0.05
    return torch.sigmoid(parameters["opacities"].detach())


def test_a_reset_prunes_nothing_and_leaves_the_opacity_that_is_asked_for():
    assert torch.allclose(opacities_after(range(20, 21)), OPACITIES.clamp_max(0.4))


def test_pruning_spares_what_is_above_its_own_threshold():
    assert torch.allclose(opacities_after(range(10, 11)), OPACITIES[1:])


def test_gaussians_below_the_reset_survive_pruning_after_it():
    assert torch.allclose(opacities_after(range(20, 32)), OPACITIES[1:].clamp_max(0.4))
