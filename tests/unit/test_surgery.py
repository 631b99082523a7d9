"""Gaussians come and go in the middle of training, and optimizers go on as if nothing had happened to the others."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians, gaussians_from_parameters, parameters_from_gaussians
from scorp_ns.gaussians.surgery import append_rows, keep_rows

NUM_ROWS = 6


class Training:
    """Two parameters that learn, each row by itself."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        shapes = {"means": (NUM_ROWS, 3), "opacities": (NUM_ROWS, 1)}
        self.parameters = {
            name: torch.nn.Parameter(torch.randn(shape, generator=generator)) for name, shape in shapes.items()
        }
        self.optimizers: dict[str, torch.optim.Optimizer] = {
            name: torch.optim.Adam([value], lr=0.1) for name, value in self.parameters.items()
        }
        self.state: dict[str, Any] = {"count": torch.arange(1.0, NUM_ROWS + 1), "grad2d": None, "scene_scale": 1.0}

    def steps(self, number: int) -> None:
        for _ in range(number):
            self.loss = sum(((value - 1) ** 2).sum() for value in self.parameters.values())
            for optimizer in self.optimizers.values():
                optimizer.zero_grad()
            assert isinstance(self.loss, Tensor)
            self.loss.backward(retain_graph=True)
            for optimizer in self.optimizers.values():
                optimizer.step()


def rows(number: int) -> dict[str, Tensor]:
    return {"means": torch.full((number, 3), 5.0), "opacities": torch.full((number, 1), 5.0)}


def trained() -> Training:
    training = Training()
    training.steps(3)
    return training


def test_new_rows_come_last_and_the_others_learn_as_before():
    training, alone = trained(), trained()
    append_rows(training.parameters, training.optimizers, training.state, rows(2))
    assert torch.equal(training.parameters["means"][NUM_ROWS:], torch.full((2, 3), 5.0))
    training.steps(4)
    alone.steps(4)
    for name, value in alone.parameters.items():
        assert torch.equal(training.parameters[name][:NUM_ROWS], value)
        assert bool((training.parameters[name][NUM_ROWS:] < 5).all()), "new rows learn"


def test_rows_that_stay_learn_as_before():
    training, alone = trained(), trained()
    kept = torch.tensor([True, False, True, True, False, True])
    keep_rows(training.parameters, training.optimizers, training.state, kept)
    training.steps(4)
    alone.steps(4)
    for name, value in alone.parameters.items():
        assert torch.equal(training.parameters[name], value[kept])
    assert training.state["count"].tolist() == [1, 3, 4, 6]


def test_the_strategy_knows_nothing_of_new_rows_yet():
    training = trained()
    append_rows(training.parameters, training.optimizers, training.state, rows(2))
    assert training.state == {**training.state, "grad2d": None, "scene_scale": 1.0}
    assert training.state["count"].tolist() == [1, 2, 3, 4, 5, 6, 0, 0]


def test_the_optimizer_holds_the_parameter_and_remembers_nothing_of_the_old_one():
    training = trained()
    append_rows(training.parameters, training.optimizers, training.state, rows(1))
    for name, optimizer in training.optimizers.items():
        assert optimizer.param_groups[0]["params"] == [training.parameters[name]]
        assert list(optimizer.state) == [training.parameters[name]]
        assert bool((optimizer.state[training.parameters[name]]["exp_avg"][NUM_ROWS:] == 0).all())


def test_parameters_without_an_optimizer_or_a_step_change_as_well():
    training = Training()
    append_rows(training.parameters, {"means": training.optimizers["means"]}, {}, rows(1))
    assert all(len(value) == NUM_ROWS + 1 for value in training.parameters.values())


@pytest.mark.parametrize(("sh_degree", "given_degree"), [(0, 0), (1, 0), (3, 0), (2, 2), (1, 2)])
def test_parameters_stand_for_the_gaussians_they_come_from(sh_degree: int, given_degree: int):
    generator = torch.Generator().manual_seed(1)
    harmonics = 0.5 * torch.rand(20, (given_degree + 1) ** 2, 3, generator=generator)
    gaussians = Gaussians(
        means=torch.randn(20, 3, generator=generator),
        quats=torch.randn(20, 4, generator=generator),
        scales=torch.rand(20, 3, generator=generator) + 0.01,
        opacities=0.9 * torch.rand(20, generator=generator) + 0.05,
        harmonics=harmonics,
    )
    back = gaussians_from_parameters(parameters_from_gaussians(gaussians, sh_degree), sh_degree)
    for name in ("means", "quats", "scales", "opacities"):
        torch.testing.assert_close(getattr(back, name), getattr(gaussians, name))
    shared = min(back.harmonics.shape[1], harmonics.shape[1])
    torch.testing.assert_close(back.harmonics[:, :shared], harmonics[:, :shared])
    assert not back.harmonics[:, shared:].any()
