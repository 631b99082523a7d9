"""What people ask for in the viewer of a training run changes the composite, and lasts through checkpoints."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from captures import BALL_NAMES, write_ball_assets, write_capture, write_object_masks
from nerfstudio.utils.eval_utils import eval_setup
from tools import COARSE_PROXIES, run_folder, run_here, train_arguments

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.model import ScorpModel
from scorp_ns.run import stage_runner
from scorp_ns.run.requests import Accept, Keep, Regenerate, Reject, Request, Restore, Search
from scorp_ns.run.run import Run
from scorp_ns.scene.records import Placed

RED, GREEN, YELLOW = BALL_NAMES

OPTIONS = (
    *("--max-num-iterations", "80", "--pipeline.model.schedule.propose-at", "0.8", "--save-objects", "True"),
    *COARSE_PROXIES,
)

ANY_PLACE = (
    *("--pipeline.model.place.least-explained", "0", "--pipeline.model.place.most-spill", "99"),
    *("--pipeline.model.place.most-distance", "99", "--pipeline.model.place.least-margin", "0"),
    *("--pipeline.model.place.most-cost", "99", "--pipeline.model.place.least-turn-margin", "0"),
)
"""Options that let every place be believed: balls of so few pixels look alike from everywhere."""

SHIFT = torch.tensor([0.02, 0.0, 0.01], dtype=torch.float64)


def shifted(pose: Similarity) -> Similarity:
    return Similarity(pose.rotation, pose.translation + SHIFT, 1.1 * pose.scale)


def mirrored(pose: Similarity) -> Similarity:
    return Similarity(-pose.rotation, pose.translation, pose.scale)


def place(model: ScorpModel, name: str) -> Similarity:
    pose = model.scene_proxies.proxy(name).T_world_proxy
    assert pose is not None
    return pose


def decided_by(model: ScorpModel, name: str) -> str:
    placement = model.scene_proxies.record(name).placement
    assert isinstance(placement, Placed)
    return placement.by


def train_and_ask(output: Path, *arguments: str | Path, wishes_at: dict[int, list]) -> list[str]:
    """Train, and ask for things as the viewer's threads do, before the given looks for wishes; the answers."""
    answers, carry_out, looks = [], stage_runner.carry_out, iter(range(10_000))

    def asking(run: Run) -> None:
        if answers.append not in run.requests.listeners:
            run.requests.listeners.append(answers.append)
        for make in wishes_at.get(next(looks), []):
            wish = make(run.model)
            assert isinstance(wish, Request)
            run.requests.ask(wish)
        carry_out(run)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage_runner, "carry_out", asking)
        run_here("ns-train", *arguments)
    return answers


def loaded(folder: Path) -> ScorpModel:
    _, pipeline, _, _ = eval_setup(folder / "config.yml", test_mode="test")
    assert isinstance(pipeline.model, ScorpModel)
    return pipeline.model


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_object_masks(write_capture(tmp_path_factory.mktemp("balls") / "capture"))


@pytest.fixture(scope="module")
def corrected(capture: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], Similarity]:
    """A run in which somebody moved one ball, rejected another and wished for what cannot be; what it answered."""
    output, places = tmp_path_factory.mktemp("corrected"), []

    def move(model: ScorpModel) -> Request:
        places.append(place(model, RED))
        return Accept(RED, shifted(places[0]))

    wishes_at = {
        68: [lambda _: Reject(YELLOW)],
        75: [
            move,
            lambda _: Reject(GREEN),
            lambda _: Reject("ghost"),
            lambda _: Keep("ghost"),
            lambda _: Regenerate(GREEN, "no such"),
        ],
        77: [lambda model: Search(RED, mirrored(place(model, RED)))],
    }
    answers = train_and_ask(output, *train_arguments(capture, output, *OPTIONS), wishes_at=wishes_at)
    return run_folder(output), answers, shifted(places[0])


def test_what_is_accepted_is_where_the_proxy_is_composed(corrected: tuple[Path, list[str], Similarity]):
    folder, answers, wanted = corrected
    model = loaded(folder)
    assert torch.equal(place(model, RED).matrix, wanted.matrix)
    assert decided_by(model, RED) == "person" and RED in model.scene_composite.names
    fill = model.gauss_params["means"][-model.scene_composite.record(RED).filled :].detach()
    distances = model.scene_proxies.proxy(RED).field.sdf(wanted.inverse().apply(fill))
    assert float(distances.abs().max()) < 0.02, "the fill lies on the proxy where it was put"
    assert "The proxy of 'red ball' stands where you put it." in answers


def test_what_is_rejected_keeps_what_was_lifted(corrected: tuple[Path, list[str], Similarity]):
    model = loaded(corrected[0])
    assert model.scene_composite.names == (RED,) and model.scene_proxies.rejected == {GREEN, YELLOW}
    for name in (GREEN, YELLOW):
        (one,) = (one for one in model.scene_objects.objects() if one.name == name)
        own = model.scene_composite.own(one)
        assert torch.equal(model.scene_composite.shown(one).indices, own.indices)


def test_wishes_that_cannot_be_fulfilled_are_answered(corrected: tuple[Path, list[str], Similarity]):
    _, answers, _ = corrected
    assert any("There is no object 'ghost' any more." in answer for answer in answers)
    assert "What was done to 'ghost' is stored." in answers, "it may have been removed"
    assert any("no such" in answer for answer in answers)
    assert any("mirrors its proxy" in answer for answer in answers)


def test_the_report_tells_what_people_decided(corrected: tuple[Path, list[str], Similarity]):
    objects = json.loads((corrected[0] / "report.json").read_text())["objects"]
    assert {name: one["decision"] for name, one in objects.items()} == {
        RED: "accepted",
        GREEN: "rejected",
        YELLOW: "rejected",
    }
    assert objects[RED]["place"]["by"] == "person"


def test_a_resumed_run_keeps_what_people_decided_and_takes_new_wishes(
    capture: Path, corrected: tuple[Path, list[str], Similarity], tmp_path: Path
):
    folder, _, wanted = corrected
    options = (*OPTIONS, *ANY_PLACE, "--max-num-iterations", "90", "--load-dir", folder)
    wishes_at = {4: [lambda _: Restore(YELLOW), lambda model: Search(RED, place(model, RED))]}
    answers = train_and_ask(tmp_path, *train_arguments(capture, tmp_path, *options), wishes_at=wishes_at)
    model = loaded(run_folder(tmp_path))
    assert model.scene_proxies.rejected == {GREEN} and set(model.scene_composite.names) == {RED, YELLOW}
    start = model.scene_proxies.record(RED).start
    assert start is not None and start.by_person and decided_by(model, RED) == "search", answers
    assert math.dist(place(model, RED).translation.tolist(), wanted.translation.tolist()) > 0.01
    assert model.gauss_params["means"].isfinite().all()


@pytest.mark.slow
def test_another_generator_makes_the_proxy_that_is_composed(
    capture: Path, corrected: tuple[Path, list[str], Similarity], tmp_path: Path
):
    assets = ("--pipeline.model.generator.asset.folder", write_ball_assets(tmp_path / "assets"))
    options = (*OPTIONS, *ANY_PLACE, "--max-num-iterations", "90", "--load-dir", corrected[0], *assets)
    wishes_at = {4: [lambda _: Regenerate(RED, "asset")]}
    answers = train_and_ask(tmp_path, *train_arguments(capture, tmp_path, *options), wishes_at=wishes_at)
    before, after = (loaded(folder).scene_proxies for folder in (corrected[0], run_folder(tmp_path)))
    assert before.proxy(RED).made_by == "symmetry" != after.proxy(RED).made_by, answers
    placement = after.record(RED).placement
    assert isinstance(placement, Placed) and placement.by != "person"
    assert RED in loaded(run_folder(tmp_path)).scene_composite.names
