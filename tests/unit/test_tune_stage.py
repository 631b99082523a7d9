"""Whatever goes wrong with the colours of a proxy costs it these, and never the run."""

from __future__ import annotations

from pathlib import Path

import pytest
from ball_proxies import ball_proxy
from composed_models import lifted_model
from small_runs import small_training

from scorp_ns.errors import CompositionError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.run import tuning
from scorp_ns.run.tuning import TuneStage
from scorp_ns.scene.records import NotTuned

REFUSED = CompositionError("No photograph shows it.", "Photographs decide.", "Check its masks.")


@pytest.mark.parametrize(
    ("error", "told"), [(REFUSED, "No photograph shows it."), (RuntimeError("out of memory"), "RuntimeError: out of")]
)
def test_a_failure_is_told_and_the_run_goes_on(
    error: Exception, told: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(tuning, "tune", fail)
    model = lifted_model()
    model.scene_proxies.take(ball_proxy("mug", Similarity.identity()), 0.0)
    run = small_training(model, tmp_path)
    TuneStage().work(run)
    tuned = model.scene_proxies.record("mug").tuning
    assert isinstance(tuned, NotTuned) and tuned.reason.startswith(told)
    assert TuneStage().facts(run, "mug").state == "failed"
