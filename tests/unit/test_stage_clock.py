"""The clock counts every second once, and goes on where it was saved."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from scorp_ns.run.stage_clock import StageClock, read_costs, write_costs


def test_time_counts_for_the_innermost_stage():
    clock = StageClock()
    start = time.perf_counter()
    with clock.stage("scene"):
        time.sleep(0.05)
        with clock.stage("lift"):
            time.sleep(0.1)
        time.sleep(0.05)
    whole = time.perf_counter() - start
    costs = clock.state()
    assert costs["lift"]["seconds"] >= 0.1 and costs["scene"]["seconds"] >= 0.1
    assert costs["lift"]["seconds"] + costs["scene"]["seconds"] == pytest.approx(whole, abs=0.02)


def test_memory_in_use_is_seen():
    clock = StageClock()
    with clock.stage("small"):
        time.sleep(0.15)
    with clock.stage("large"):
        ballast = np.ones(25_000_000)
        time.sleep(0.25)
    assert clock.costs["large"]["peak_mb"] > clock.costs["small"]["peak_mb"] + ballast.nbytes / 2e6


def test_a_resumed_run_adds_to_what_was_saved():
    first, second = StageClock(), StageClock()
    with first.stage("scene"):
        time.sleep(0.05)
        saved = first.state()
    second.load_state(saved, {})
    with second.stage("scene"):
        time.sleep(0.05)
    assert second.costs["scene"]["seconds"] >= 0.1
    assert second.costs["scene"]["peak_mb"] >= saved["scene"]["peak_mb"]


def test_an_object_has_its_part_of_each_stage():
    first, second = StageClock(), StageClock()
    for _ in range(2):
        with first.stage("place"), first.of_object("mug"):
            time.sleep(0.02)
    second.load_state(first.state(), first.of_objects)
    with second.stage("compose"), second.of_object("mug"):
        time.sleep(0.02)
    assert set(second.of_objects["mug"]) == {"place", "compose"}
    assert 0.04 <= second.of_objects["mug"]["place"] <= second.costs["place"]["seconds"]


def test_costs_are_read_back(tmp_path: Path):
    costs = {"scene": {"seconds": 1.25, "peak_mb": 300.0}}
    write_costs(costs, tmp_path / "scorp" / "stages.json")
    assert read_costs(tmp_path / "scorp" / "stages.json") == costs
    assert read_costs(tmp_path / "nothing.json") == {}
