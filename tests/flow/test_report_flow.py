"""The report that `ns-train` leaves says the truth about the run: what the model remembers, failures included."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from captures import BALL_NAMES, write_capture, write_object_masks
from nerfstudio.utils.eval_utils import eval_setup
from small_runs import small_training
from tools import run_folder, run_here, train_arguments

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.model import ScorpModel
from scorp_ns.report.of_run.facts import check_run_report
from scorp_ns.run import reporting
from scorp_ns.run.reporting import PAGE_FILE, REPORT_FILE, Reporting
from scorp_ns.run.stage import stage_texts
from scorp_ns.run.stage_clock import read_costs
from scorp_ns.scene.records import Refused
from scorp_ns.trainer import ScorpTrainer

RED, GREEN, YELLOW = BALL_NAMES
REASON = "It covers <half> of its masks & no more."


def read(folder: Path) -> dict[str, Any]:
    """The report in a folder, checked."""
    report = json.loads((folder / REPORT_FILE).read_text())
    check_run_report(report, stage_texts())
    return report


@pytest.fixture
def pipeline(tiny_run: Path) -> Any:
    """The finished run's pipeline, as nerfstudio's tools load it."""
    return eval_setup(tiny_run / "config.yml", test_mode="test")[1]


def report_again(pipeline: Any, folder: Path, **seconds: dict[str, float]) -> None:
    """Write the report of a loaded run to another folder, as the end of training would."""
    run = pipeline.run
    run.clock.load_state({"scene": {"seconds": 1.0, "peak_mb": 2.0}}, seconds)
    run.training = replace(small_training(pipeline.model, folder).in_training, folder=folder)
    for _ in range(2):
        run.warn(REASON)
    Reporting(run, pipeline.stages).write()


def test_the_report_says_what_the_model_remembers(tiny_run: Path, pipeline: Any):
    report, model = read(tiny_run), pipeline.model
    assert isinstance(model, ScorpModel)
    assert set(report["objects"]) == {*BALL_NAMES} and report["iterations"] == 300
    assert report["scene"]["gaussians"] == report["scene"]["gaussians_before"] == len(model.scene)
    to_world = pipeline.datamanager.capture_to_world
    for one in model.scene_objects.objects():
        entry, proxy = report["objects"][one.name], model.scene_proxies.proxy(one.name)
        assert entry["lift"]["gaussians"] == len(one.indices)
        assert entry["lift"]["mask_iou"] == pytest.approx(one.mask_iou)
        assert entry["propose"]["made_by"] == proxy.made_by and entry["propose"]["evidence"] == dict(proxy.evidence)
        assert proxy.T_world_proxy is not None
        pose = to_world @ Similarity.from_matrix(torch.tensor(entry["place"]["proxy_to_capture"]).double())
        torch.testing.assert_close(pose.matrix, proxy.T_world_proxy.matrix, rtol=1e-4, atol=1e-4)
        assert entry["place"]["by"] == "generator" and len(entry["place"]["overlays"]) == 3
        assert all(each["iou"] > 0.4 for each in entry["place"]["overlays"])
        assert entry["compose"]["state"] == "skipped" and entry["reached"] == "place"
        assert entry["masks"]["frames"] >= 11


def test_the_report_knows_the_cost_of_every_stage(tiny_run: Path):
    stages, written = read(tiny_run)["stages"], read_costs(tiny_run / "scorp" / "stages.json")
    assert {*written} < {*stages} and "report" in stages
    for name in ("lift", "propose"):
        assert stages[name]["seconds"] == pytest.approx(written[name]["seconds"], abs=0.02)
    assert all(entry["propose"]["seconds"] > 0 for entry in read(tiny_run)["objects"].values())


def test_the_page_shows_every_object_and_the_run_tells_where_it_is(tiny_run: Path):
    page = (tiny_run / PAGE_FILE).read_text()
    assert all(f">{name}</h3>" in page for name in BALL_NAMES)
    assert page.count("data:image/jpeg") > 3 * 20 and "src=x" not in page
    told = "".join((tiny_run.parents[2] / "printed.txt").read_text().split())
    assert f"objects:{tiny_run / PAGE_FILE}".replace(" ", "") in told


def test_failures_and_decisions_are_told_word_for_word(pipeline: Any, tmp_path: Path):
    store = pipeline.model.scene_proxies
    place = store.proxy(RED).T_world_proxy
    store.set_placement(RED, Refused(REASON, {"explained": 0.5}, place))
    store.fail(GREEN, "No server answered.")
    store.reject(YELLOW)
    pipeline.model.scene_objects.failures["ghost"] = "It has no pixels."
    report_again(pipeline, tmp_path, **{RED: {"place": 4.5}})
    assert read(tmp_path)["warnings"] == [REASON]
    red, green, yellow, ghost = (read(tmp_path)["objects"][name] for name in (*BALL_NAMES, "ghost"))
    assert (red["place"]["state"], red["place"]["reason"], red["place"]["seconds"]) == ("failed", REASON, 4.5)
    assert red["place"]["confidence"] == {"explained": 0.5} and len(red["place"]["overlays"]) == 3
    assert red["place"]["proxy_to_capture"] and red["compose"]["state"] == "skipped"
    assert green["propose"]["state"] == "done" and green["propose"]["reason"].endswith("No server answered.")
    assert yellow["decision"] == "rejected" and "viewer" in yellow["compose"]["reason"]
    assert ghost["lift"] == {"state": "failed", "reason": "It has no pixels."} and ghost["reached"] == "nothing"
    page = (tmp_path / PAGE_FILE).read_text()
    assert "It covers &lt;half&gt; of its masks &amp; no more." in page and "outlines, refused, IoU" in page


def test_an_object_that_lost_its_gaussians_is_told_of(pipeline: Any, tmp_path: Path):
    store = pipeline.model.scene_objects
    store.labels[store.indices(RED)] = 0
    report_again(pipeline, tmp_path)
    red = read(tmp_path)["objects"][RED]
    assert red["lift"]["state"] == "failed" and "Gaussians" in red["lift"]["reason"] and red["masks"]["state"] == "done"


def test_a_report_that_cannot_be_written_costs_the_report_only(
    pipeline: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    report_again(pipeline, in_the_way)
    said = " ".join(capsys.readouterr().out.split())
    assert "cannot be written" in said and "The run itself is complete." in said


def test_a_run_without_masks_has_a_report_that_says_how_to_add_objects(tmp_path: Path):
    capture = write_capture(tmp_path / "capture")
    run_here("ns-train", *train_arguments(capture, tmp_path, "--max-num-iterations", "4"))
    report = read(run_folder(tmp_path))
    assert report["objects"] == {} and "masks" not in report and report["scene"]["gaussians"] > 0
    assert "Pick by click" in (run_folder(tmp_path) / PAGE_FILE).read_text()


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_object_masks(write_capture(tmp_path_factory.mktemp("interrupted") / "capture"))


def train_until(capture: Path, output: Path, stop: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Train until somebody presses Ctrl-C in an iteration; objects are lifted after 64 of the 80."""
    train_iteration = ScorpTrainer.train_iteration

    def interrupted(self: ScorpTrainer, step: int) -> Any:
        if step == stop:
            raise KeyboardInterrupt
        return train_iteration(self, step)

    monkeypatch.setattr(ScorpTrainer, "train_iteration", interrupted)
    run_here("ns-train", *train_arguments(capture, output, "--max-num-iterations", "80"))


def test_an_interrupted_run_leaves_the_report_of_what_there_is(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    train_until(capture, tmp_path, 70, monkeypatch)
    folder = run_folder(tmp_path)
    report = read(folder)
    assert report["interrupted_at"] == 70 and report["iterations"] == 80
    assert {name: one["lift"]["state"] for name, one in report["objects"].items()} == dict.fromkeys(BALL_NAMES, "done")
    assert "interrupted at 70 of 80" in (folder / PAGE_FILE).read_text()
    assert not any((folder / "nerfstudio_models").glob("*.ckpt")), "checkpoints come when they would"


def test_a_run_interrupted_before_it_has_objects_has_no_report(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    train_until(capture, tmp_path, 3, monkeypatch)
    assert not (run_folder(tmp_path) / REPORT_FILE).exists()


def test_an_interruption_stays_one_whatever_the_report_runs_into(
    capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def half_done(*_: object) -> None:
        raise IndexError("rows are missing")

    monkeypatch.setattr(reporting, "run_page", half_done)
    train_until(capture, tmp_path, 70, monkeypatch)
    said = " ".join(capsys.readouterr().out.split())
    assert "The report could not be written: rows are missing" in said and "KeyboardInterrupt" in said
