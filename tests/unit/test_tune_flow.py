"""Whatever goes wrong with the colours of a proxy costs it these, and never the run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from ball_proxies import ball_proxy
from composed_models import lifted_model

from scorp_ns.errors import CompositionError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.run import tuning as tune_flow
from scorp_ns.run.stage_clock import StageClock
from scorp_ns.run.tuning import TuneFlow

REFUSED = CompositionError("No photograph shows it.", "Photographs decide.", "Check its masks.")


@pytest.mark.parametrize(
    ("error", "told"), [(REFUSED, "No photograph shows it."), (RuntimeError("out of memory"), "RuntimeError: out of")]
)
def test_a_failure_is_told_and_the_run_goes_on(error: Exception, told: str, monkeypatch):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(tune_flow, "tune", fail)
    monkeypatch.setattr(tune_flow, "scene_depths", lambda *_: None)
    monkeypatch.setattr(tune_flow, "capture_to_world", lambda _: Similarity.identity())
    model = lifted_model()
    model.scene_proxies.take(ball_proxy("mug", Similarity.identity()), 0.0)
    trainer, objects = SimpleNamespace(clock=StageClock()), SimpleNamespace(datamanager=None)
    TuneFlow(model, cast("Any", trainer), cast("Any", objects)).tune()
    assert (model.scene_proxies.tuned("mug") or {})["failed"].startswith(told)
