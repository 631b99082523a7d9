"""The schedule keeps its proportions at any length of run."""

from __future__ import annotations

import pytest
from nerfstudio.plugins.types import MethodSpecification

from scorp_ns.config import scorp, scorp_quick
from scorp_ns.schedule import Schedule, ScheduleConfig


def test_defaults_are_splatfactos_numbers_at_its_length():
    schedule = Schedule(ScheduleConfig(), 30_000)
    steps = schedule.densification(num_train_views=200)
    assert (steps.start, steps.stop, steps.every) == (500, 15_000, 100)
    assert (steps.reset_every, steps.pause_after_reset, steps.limit_screen_size_until) == (3000, 300, 4000)
    assert [schedule.sh_degree(step, 3) for step in (0, 999, 1000, 3000, 29_999)] == [0, 0, 1, 3, 3]
    assert [schedule.downscale_factor(step, 2) for step in (0, 2999, 3000, 6000)] == [4, 4, 2, 1]


@pytest.mark.parametrize("num_iterations", [10, 300, 2000, 30_000])
def test_every_moment_lies_within_the_run(num_iterations: int):
    schedule = Schedule(ScheduleConfig(), num_iterations)
    steps = schedule.densification(num_train_views=50)
    assert 1 <= steps.start <= num_iterations
    assert steps.start <= steps.stop <= num_iterations
    assert schedule.downscale_factor(num_iterations, 2) == 1
    assert schedule.sh_degree(num_iterations, 3) == 3


def test_a_run_looks_at_every_view_before_it_densifies():
    assert Schedule(ScheduleConfig(), 1000).densification(num_train_views=40).every == 40


@pytest.mark.parametrize("num_iterations", [300, 2000, 30_000])
@pytest.mark.parametrize("num_train_views", [8, 64, 400])
@pytest.mark.parametrize("config", [scorp, scorp_quick], ids=lambda method: method.config.method_name)
def test_every_run_densifies_several_times(config: MethodSpecification, num_iterations: int, num_train_views: int):
    schedule = Schedule(config.config.pipeline.model.schedule, num_iterations)
    steps = schedule.densification(num_train_views)
    refinements = [
        step
        for step in range(steps.start + 1, steps.stop)
        if step % steps.every == 0 and step % steps.reset_every >= steps.pause_after_reset
    ]
    assert len(refinements) >= 3


def test_opacity_resets_can_be_switched_off():
    schedule = Schedule(ScheduleConfig(reset_opacity_every=1.0), 500)
    steps = schedule.densification(num_train_views=40)
    assert steps.reset_every > 500 and steps.pause_after_reset == 0


def test_a_negative_fraction_is_refused():
    with pytest.raises(ValueError, match="densify_until is -1"):
        ScheduleConfig(densify_until=-1)


def test_proxies_are_generated_when_objects_are_there():
    schedule = Schedule(ScheduleConfig(lift_at=0.9, propose_at=0.5), 100)
    assert schedule.propose_start == 90
    assert Schedule(ScheduleConfig(propose_at=2), 100).propose_start is None


def test_objects_are_composed_no_earlier_than_their_proxies_are_made():
    schedule = Schedule(ScheduleConfig(lift_at=0.2, propose_at=0.9, compose_at=0.5), 100)
    assert schedule.compose_start == 90
    assert Schedule(ScheduleConfig(compose_at=2), 100).compose_start is None
