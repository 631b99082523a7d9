"""In the real `ns-train`, stages of other packages work on every object, and those that fail cost no more than that."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from captures import BALL_NAMES, write_capture, write_object_masks
from nerfstudio.utils.eval_utils import eval_setup
from stage_plugins import HELD, HOSTILE, TOLD, install
from tools import COARSE_PROXIES, run_folder, run_here, train_arguments

from scorp_ns.pipeline import ScorpPipeline
from scorp_ns.plugins import registry
from scorp_ns.products import Support
from scorp_ns.report.of_run.facts import check_run_report
from scorp_ns.run.plugin_stages import stages_with
from scorp_ns.run.stage import STAGES, stage_texts
from scorp_ns.schedule import Schedule
from scorp_ns.viewer.stage_list import running_lines

NAMES = ("settle", *HOSTILE)

NAMED = BALL_NAMES[:2]
"""The balls that have masks."""


def plane_below(surroundings: Any, object_points: torch.Tensor, up: torch.Tensor) -> Support:
    """A plane at the object's lowest point: so short a run finds none."""
    up = torch.nn.functional.normalize(up.cpu().float(), dim=0)
    return Support(object_points.cpu()[(object_points.cpu() @ up).argmin()], up)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The folder of a run with the example's stage and all hostile ones, which stay installed."""
    place = tmp_path_factory.mktemp("stages")
    capture = write_object_masks(write_capture(place / "capture"))
    shutil.rmtree(capture / "object_masks" / BALL_NAMES[2])
    stages = (*("--pipeline.stages", *NAMES), *("--pipeline.stage-options", "settle.most", "1"))
    length = ("--max-num-iterations", "60", "--pipeline.model.schedule.propose-at", "0.8")
    HELD.clear()
    with pytest.MonkeyPatch.context() as patch:
        (place / "site").mkdir()
        install(place / "site", patch)
        patch.setattr("scorp_ns.lift.description.find_support", plane_below)
        run_here("ns-train", *train_arguments(capture, place, *length, *stages, *COARSE_PROXIES))
        yield run_folder(place)


def test_the_report_has_the_facts_of_every_stage(folder: Path):
    document = json.loads((folder / "report.json").read_text())
    report = check_run_report(document, stage_texts(stages_with(NAMES, {})))
    assert set(report.objects) == set(NAMED)
    for name in NAMED:
        entry = document["objects"][name]
        assert entry["settle"]["state"] == "done" and abs(entry["settle"]["moved"]) < 1
        assert entry["compose"]["state"] == "done", "A stage cost more than its own work."
        for stage, words in TOLD.items():
            assert entry[stage]["state"] == "failed" and words in entry[stage]["reason"]
        assert entry["picky"]["state"] == ("failed" if name == "red ball" else "done")
    warned = " ".join(document["warnings"])
    assert all(f"The stage '{name}' failed in" in warned for name in ("unkept", "unasked", "unfinished"))
    assert document["stages"]["settle"]["seconds"] > 0


def test_the_page_tells_them(folder: Path):
    page = (folder / "report.html").read_text()
    assert "settled" in page and "moved down by" in page and "half way" in page


def test_the_scene_is_sound(folder: Path):
    (path,) = (folder / "nerfstudio_models").iterdir()
    saved = torch.load(path, weights_only=True)
    scene = {name: one for name, one in saved["pipeline"].items() if "gauss_params" in name}
    assert scene and all(bool(one.isfinite().all()) for one in scene.values())
    assert set(saved["scorp"]["stages"]["settle"]["worked"]) == set(NAMED)


def test_the_viewer_lists_the_stage_where_it_belongs(folder: Path):
    _, pipeline, _, _ = eval_setup(folder / "config.yml", test_mode="test")
    assert isinstance(pipeline, ScorpPipeline)
    schedule = Schedule(pipeline.model.config.schedule, 60)
    pipeline.run.training, pipeline.model.step = cast("Any", SimpleNamespace(schedule=schedule)), 59
    lines = [line.strip("✓ ") for line in running_lines(pipeline.run, pipeline.stages, "completed")]
    assert lines.index("proxies placed") < lines.index("settled") < lines.index("colours tuned")


def test_a_finished_run_opens_without_the_packages(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def without(group: str, **choice: Any) -> Any:
        return () if group == registry.STAGES else entry_points(group=group, **choice)

    monkeypatch.setattr(registry, "entry_points", without)
    _, pipeline, _, _ = eval_setup(folder / "config.yml", test_mode="test")
    assert isinstance(pipeline, ScorpPipeline) and pipeline.stages == STAGES
