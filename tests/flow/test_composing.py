"""What `ns-train` composes is what every tool of nerfstudio sees, and what was there before can still be seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from captures import BALL_NAMES, write_capture, write_object_masks
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.utils.eval_utils import eval_setup
from plyfile import PlyData
from tools import COARSE_PROXIES, run_folder, run_here, train_arguments

from scorp_ns.errors import ScorpError
from scorp_ns.formats.splat_ply import read_splats
from scorp_ns.model import ScorpModel
from scorp_ns.model_config import AFTER, BEFORE, OBJECTS
from scorp_ns.report.of_run.facts import check_run_report
from scorp_ns.run.composing import ComposeStage
from scorp_ns.run.run import Run
from scorp_ns.run.stage import stage_texts
from scorp_ns.scene.records import Tuned

OPTIONS = (
    *("--max-num-iterations", "80", "--save-objects", "True", "--pipeline.model.schedule.propose-at", "0.8"),
    *COARSE_PROXIES,
)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_object_masks(write_capture(tmp_path_factory.mktemp("balls") / "capture"))


@pytest.fixture(scope="module")
def composed(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.Tensor]:
    """The folder of a run, and what one of its cameras showed just before composing."""
    output = tmp_path_factory.mktemp("composed")
    renders, work = [], ComposeStage.work

    def looking_before(self: ComposeStage, run: Run) -> None:
        if not run.model.scene_composite.is_composed:
            renders.append(render(run.model.eval(), run.data.train_cameras))
            run.model.train()
        work(self, run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ComposeStage, "work", looking_before)
        run_here("ns-train", *train_arguments(capture, output, *OPTIONS))
    (before,) = renders
    return run_folder(output), before


def render(model: ScorpModel, cameras: Cameras) -> torch.Tensor:
    return model.get_outputs_for_camera(cameras[:1].to(model.device))["rgb"]


def loaded(folder: Path) -> tuple[ScorpModel, Cameras]:
    """A run's model and cameras, as nerfstudio's tools load them."""
    _, pipeline, _, _ = eval_setup(folder / "config.yml", test_mode="test")
    assert isinstance(pipeline.model, ScorpModel)
    return pipeline.model, pipeline.datamanager.train_dataset.cameras


def test_every_ball_is_filled(composed: tuple[Path, torch.Tensor]):
    model, _ = loaded(composed[0])
    assert set(model.scene_composite.names) == {*BALL_NAMES} and not model.scene_composite.failures
    for name in BALL_NAMES:
        assert model.scene_composite.record(name).filled > 0


def test_proxies_take_on_the_colours_of_the_photographs(composed: tuple[Path, torch.Tensor]):
    model, _ = loaded(composed[0])
    for name in BALL_NAMES:
        tuned = model.scene_proxies.record(name).tuning
        assert isinstance(tuned, Tuned) and tuned.evidence["error_tuned"] < 0.9 * tuned.evidence["error_generated"]


def test_before_is_seen_exactly_as_it_was(composed: tuple[Path, torch.Tensor]):
    folder, before = composed
    model, cameras = loaded(folder)
    after = render(model, cameras)
    model.show = BEFORE
    assert torch.equal(render(model, cameras), before)
    assert not torch.equal(after, before)


def test_the_exported_scene_is_the_composite(composed: tuple[Path, torch.Tensor], tmp_path: Path):
    run_here("ns-export", "gaussian-splat", "--load-config", composed[0] / "config.yml", "--output-dir", tmp_path)
    exported = PlyData.read(str(tmp_path / "splat.ply"))["vertex"]
    model, _ = loaded(composed[0])
    gaussians, _ = model.owned(AFTER)
    assert len(exported["x"]) == len(gaussians) != len(model.scene)
    torch.testing.assert_close(torch.tensor(exported["x"]), gaussians.means[:, 0])


def test_the_files_of_objects_hold_the_composite(composed: tuple[Path, torch.Tensor]):
    model, _ = loaded(composed[0])
    for name in BALL_NAMES:
        record = model.scene_composite.record(name)
        splats = read_splats(composed[0] / "scorp" / name / "gaussians.ply")
        assert len(splats) == record.kept + record.filled


def test_the_report_says_what_every_ball_is_made_of(composed: tuple[Path, torch.Tensor]):
    model, _ = loaded(composed[0])
    report = json.loads((composed[0] / "report.json").read_text())
    check_run_report(report, stage_texts())
    numbers = {show: len(model.owned(show)[0]) for show in (BEFORE, AFTER)}
    assert report["scene"]["gaussians"] == numbers[AFTER] and report["scene"]["gaussians_before"] == numbers[BEFORE]
    for name in BALL_NAMES:
        told, record = report["objects"][name]["compose"], model.scene_composite.record(name)
        assert told["state"] == "done" and told["seconds"] > 0
        assert all(told[key] == getattr(record, key) for key in ("kept", "dropped", "filled", "evidence"))
    page = (composed[0] / "report.html").read_text()
    assert "before, in the scene" in page and "after, alone" in page


def test_tools_show_what_the_run_was_told_to_show(composed: tuple[Path, torch.Tensor], tmp_path: Path):
    model, _ = loaded(composed[0])
    config = composed[0] / "config.yml"
    text = config.read_text()
    assert "show: after" in text
    try:
        for show in (OBJECTS, BALL_NAMES[0]):
            config.write_text(text.replace("show: after", f"show: {show}"))
            shown, _ = loaded(composed[0])
            assert shown.num_points == len(model.owned(show)[0])
    finally:
        config.write_text(text)


@pytest.mark.slow
def test_scenes_that_shall_be_kept_are_until_a_proxy_is_made_anew(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    run_here("ns-train", *train_arguments(capture, tmp_path, *OPTIONS, "--pipeline.model.compose.mode", "keep"))
    kept, one = run_folder(tmp_path), BALL_NAMES[0]
    model, _ = loaded(kept)
    assert model.scene_proxies.names and not model.scene_composite.is_composed
    assert "Composed objects" not in capsys.readouterr().out

    decide_in_the_viewer(kept, rejected=[one], makers={one: "asset"})
    again = ("--load-dir", kept, "--regenerate", one, "--pipeline.model.generator.per-object", one, "symmetry")
    run_here("ns-train", *train_arguments(capture, tmp_path / "anew", *OPTIONS, *again))
    model, _ = loaded(run_folder(tmp_path / "anew"))
    assert model.scene_proxies.proxy(one).made_by == "symmetry"
    assert one in model.scene_composite.names and one not in model.scene_proxies.rejected


def decide_in_the_viewer(run: Path, **decisions: object) -> None:
    """Let a run's checkpoint hold what somebody decided of its proxies."""
    (path,) = (run / "nerfstudio_models").iterdir()
    state = torch.load(path, weights_only=True)
    state["pipeline"]["_model.scene_proxies._extra_state"].update(decisions)
    torch.save(state, path)


def test_what_cannot_be_shown_is_refused_before_training(capture: Path, tmp_path: Path):
    with pytest.raises(ScorpError, match="red ball"):
        run_here("ns-train", *train_arguments(capture, tmp_path, *OPTIONS, "--pipeline.model.show", "blue ball"))


def test_an_object_is_composed_again_with_a_new_proxy(
    capture: Path, composed: tuple[Path, torch.Tensor], tmp_path: Path
):
    one, *others = BALL_NAMES
    again = ("--load-dir", composed[0], "--regenerate", one)
    run_here("ns-train", *train_arguments(capture, tmp_path, *OPTIONS, *again))
    before, after = loaded(composed[0])[0], loaded(run_folder(tmp_path))[0]
    assert set(after.scene_composite.names) == {*BALL_NAMES}
    for name in others:
        assert after.scene_composite.record(name).filled == before.scene_composite.record(name).filled
    assert len(after.scene_before.means) == len(after.scene_composite.layers) == len(after.scene_objects.labels)
    assert torch.equal(after.owned(BEFORE)[0].means, before.owned(BEFORE)[0].means)
    report = json.loads((run_folder(tmp_path) / "report.json").read_text())
    check_run_report(report, stage_texts())
    assert report["iterations"] == 80 and report["objects"][one]["compose"]["state"] == "done"
