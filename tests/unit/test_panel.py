"""The panel says what a run does and asks it for what people want, at once, whatever training is busy with."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
import viser
from ball_proxies import ball_proxy
from browser import free_port
from composed_models import camera, compose, lifted_model, lifted_scene_of
from small_runs import small_data, small_run, small_training
from viser import GuiEvent

from scorp_ns.errors import PickError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.model import ScorpModel
from scorp_ns.products import ObjectView
from scorp_ns.run.requests import Accept, Regenerate, Reject, RequestQueue, Restore, Search
from scorp_ns.run.run import Run
from scorp_ns.run.stage import STAGES
from scorp_ns.scene.records import Placed, Refused
from scorp_ns.schedule import ScheduleConfig
from scorp_ns.viewer import camera_choice
from scorp_ns.viewer.object_list import status_of, strip_of
from scorp_ns.viewer.panel import ScorpPanel
from scorp_ns.viewer.place_edits import rotation_from_wxyz
from scorp_ns.viewer.render_modes import Colors, Shown
from scorp_ns.viewer.stage_list import running_lines, share_done, waiting_line
from scorp_ns.viewer.tab import add_tab

PLACE = Similarity(torch.eye(3, dtype=torch.float64), torch.tensor([0.1, 0.2, 0.0]).double(), 0.5)

AT_ONCE_S = 0.2
"""So soon a panel has to answer."""


class Photographs:
    """The one training image, taken beside the object and above it."""

    def __init__(self) -> None:
        self.cameras = camera()
        self.cameras.camera_to_worlds[0, 0, 3] = 1.0

    def __len__(self) -> int:
        return 1


class Panel:
    """The panel of a model in a viewer that nobody looks at; its server is a real one."""

    def __init__(self, server: viser.ViserServer, model: ScorpModel, folder: Path, is_training: bool) -> None:
        self.model, self.server, self.lock, self.rerenders = model, server, Lock(), 0
        self.trainer = SimpleNamespace(training_state="training")
        frames = [SimpleNamespace(name="a.jpg"), SimpleNamespace(name="held_out.jpg")]
        data = small_data(train_dataset=Photographs(), mask_frames=frames)
        self.run = small_training(model, folder, data) if is_training else small_run(model, folder, data)
        self.group = server.gui.add_tab_group()
        viewer = SimpleNamespace(
            viser_server=server,
            log_filename=folder / "run" / "viewer_log_filename.txt",
            trainer=self.trainer if is_training else None,
            train_lock=self.lock,
            _trigger_rerender=self._rerender,
        )
        self.run.requests.is_heard = is_training
        self.panel = ScorpPanel(self.run, STAGES)
        self.panel._setup(cast("Any", viewer))
        self.panel.refresh()

    def _rerender(self) -> None:
        self.rerenders += 1

    @property
    def session(self) -> Any:
        return self.panel.session

    @property
    def said(self) -> str:
        return self.session.message.content.replace("\\", "")

    def handle(self, label: str) -> Any:
        """What people see under this label; the server remembers those of earlier tests as well."""
        handles = self.server.gui._gui_input_handle_from_id.values()
        return [one for one in handles if one._impl.label == label][-1]

    def do(self, label: str, value: Any = None) -> Any:
        """Press a button or change a value, as the page does; it must not take long. Returns the page's camera."""
        handle, began = self.handle(label), time.perf_counter()
        if value is not None:
            handle._impl.value = value
        client = SimpleNamespace(camera=SimpleNamespace(), atomic=nullcontext)
        for callback in handle._impl.update_cb:
            callback(GuiEvent(client=cast("Any", client), client_id=0, target=handle))
        assert time.perf_counter() - began < AT_ONCE_S
        return client.camera


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture(scope="module")
def server() -> Iterator[viser.ViserServer]:
    server = viser.ViserServer(host="127.0.0.1", port=free_port(), verbose=False)
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def no_looks_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The panel refreshes when the tests say so, not from a thread that comes between two of their lines."""
    monkeypatch.setattr(ScorpPanel, "_refresh_for_ever", lambda self: None)


@pytest.fixture
def model() -> ScorpModel:
    model = lifted_model()
    model.scene_proxies.take(ball_proxy("mug", PLACE), seconds=1.0)
    return model


@pytest.fixture
def panel(server: viser.ViserServer, model: ScorpModel, tmp_path: Path) -> Iterator[Panel]:
    yield Panel(server, model, tmp_path, is_training=True)
    server.gui.reset()


@pytest.fixture
def finished(
    server: viser.ViserServer, model: ScorpModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Panel]:
    monkeypatch.setattr(camera_choice, "find_views", lambda run, objects: None)
    yield Panel(server, model, tmp_path, is_training=False)
    server.gui.reset()


def test_the_panel_is_a_tab_of_the_viewers_own(panel: Panel):
    assert panel.group._labels == ["scorp"]


def test_the_panel_has_a_tab_even_where_the_viewers_are_not_to_be_found():
    made = []
    gui = SimpleNamespace(add_tab_group=lambda: SimpleNamespace(add_tab=lambda *label: made.append(label)))
    add_tab(cast("Any", gui))
    assert made[0][0] == "scorp"


def test_what_is_chosen_is_shown_at_once(panel: Panel):
    assert panel.session.choice.name == "mug", "the first object is chosen"
    panel.do("Show", Shown.SPLIT.value)
    panel.do("Colours", Colors.VISIBILITY.value)
    panel.do("Divide at", 0.25)
    look = panel.session.choice
    assert (look.shown, look.colors, look.split) == (Shown.SPLIT, Colors.VISIBILITY, 0.25)
    assert panel.rerenders >= 3 and panel.handle("Divide at").visible
    assert panel.model.show == "after", "training goes on with what it needs"


def test_a_place_that_is_accepted_waits_for_the_run(panel: Panel):
    panel.do("Move proxy", True)
    panel.do("Shift", (0.0, 0.0, 1.0))
    panel.do("Nudge")
    panel.do("Size %", 200.0)
    panel.do("Mirror", "y")
    draft = panel.session.choice.draft
    with panel.lock:  # A stage that takes long holds it.
        panel.do("Accept place")
    (wish,) = panel.run.requests.waiting
    assert isinstance(wish, Accept) and wish.name == "mug" and wish.T_world_proxy == draft
    assert draft.is_mirrored and draft.scale == pytest.approx(2 * PLACE.scale)
    assert draft.translation.tolist() == pytest.approx([0.1, 0.2, 1.0])
    assert panel.session.choice.draft is None and not panel.handle("Move proxy").value


def test_the_gizmo_moves_the_proxy(panel: Panel):
    panel.do("Move proxy", True)
    handle = panel.panel._parts[-1]._gizmo._handle
    assert handle is not None
    np.testing.assert_allclose(handle.position, [1.0, 2.0, 0.0])
    handle._impl.position, handle._impl.wxyz = np.array([5.0, 0.0, 0.0]), np.array([0.0, 0.0, 0.0, 1.0])
    for callback in handle._impl_aux.update_cb:
        callback(handle)
    panel.do("Search from there")
    (wish,) = panel.run.requests.waiting
    assert isinstance(wish, Search) and wish.T_world_start.translation.tolist() == [0.5, 0.0, 0.0]
    assert torch.allclose(wish.T_world_start.rotation, torch.diag(torch.tensor([-1.0, -1, 1])).double())


def test_people_look_from_where_photographs_were_taken_and_from_behind(panel: Panel):
    assert not hasattr(panel.do("Look from there"), "position") and "has views first" in panel.said
    image = np.zeros((8, 8, 4), np.uint8)
    panel.model.scene_objects.views["mug"] = (
        ObjectView("a.jpg", image, image[..., 0], torch.eye(4), torch.eye(3), {}),
    )
    panel.panel.refresh()
    there, behind = panel.do("Look from there"), panel.do("Look from behind")
    np.testing.assert_allclose(there.position, [10.0, 0.0, 20.0])
    np.testing.assert_allclose(behind.position, [-10.0, 0.0, 20.0])
    assert there.fov == pytest.approx(2 * np.arctan(16 / 30))
    forward = torch.tensor([0.0, 0, 1]).double()
    assert (rotation_from_wxyz(tuple(there.wxyz)) @ forward).tolist() == pytest.approx([0, 0, -1])


def test_the_camera_arc_has_a_line_from_each_camera_that_sees_the_object(panel: Panel):
    nodes = panel.server.scene._handle_from_node_name
    panel.do("Camera arc", True)
    assert "/scorp/arc/0" in nodes and "/scorp/arc/0_line" not in nodes, "nobody sees the mug"
    seen = lifted_scene_of(panel.model, {"a.jpg": 0.6})
    panel.model.scene_objects.take(seen)
    panel.do("Camera arc", True)
    assert "/scorp/arc/0_line" in nodes and "/scorp/arc/1" not in nodes


def test_undo_takes_a_proxy_back_to_where_it_stands(panel: Panel):
    panel.do("Flip", "x")
    assert not torch.allclose(panel.session.choice.draft.matrix, PLACE.matrix)
    panel.do("Undo")
    assert torch.allclose(panel.session.choice.draft.matrix, PLACE.matrix)


def test_nothing_is_accepted_that_nobody_moved(panel: Panel):
    panel.do("Accept place")
    assert "Move the proxy first" in panel.said and not panel.run.requests.waiting


def test_objects_are_rejected_restored_and_generated_again(panel: Panel):
    panel.do("Reject")
    panel.model.scene_proxies.reject("mug")
    panel.panel.refresh()
    assert panel.handle("Restore").visible and not panel.handle("Reject").visible
    panel.do("Restore")
    panel.do("Generator", "asset")
    panel.do("Regenerate")
    assert panel.run.requests.waiting == (Reject("mug"), Restore("mug"), Regenerate("mug", "asset"))


def test_a_paused_run_says_when_it_will_answer(panel: Panel):
    panel.trainer.training_state = "paused"
    panel.do("Reject")
    assert "when training is resumed" in panel.said
    assert "resumed: reject" in (waiting_line(panel.run, is_paused=True) or "")


def test_a_look_that_fails_is_told_once_and_the_next_one_shows_the_run(
    panel: Panel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    looks: list[str] = []

    def fail() -> None:
        looks.append("failed")
        raise AttributeError("no such handle")

    def list_less() -> None:
        looks.append("less")
        raise KeyError("mug")

    for refresh in (fail, list_less, fail, lambda: looks.append("shown")):
        monkeypatch.setattr(panel.panel, "refresh", refresh)
        panel.panel._refresh_if_possible()
    assert looks == ["failed", "less", "failed", "shown"]
    assert capsys.readouterr().out.count("no such handle") == 1


def test_answers_of_the_run_are_shown(panel: Panel):
    panel.run.requests.answer("'mug' keeps what was lifted of it.")
    assert "'mug' keeps what was lifted of it." in panel.said


def test_a_finished_run_is_shown_but_says_that_it_cannot_be_changed(finished: Panel):
    finished.do("Show", Shown.PLACED.value)
    finished.do("Flip", "z")
    assert finished.session.choice.draft is not None
    for label in ("Accept place", "Reject", "Regenerate"):
        finished.do(label)
        assert "--load-dir" in finished.said and "run --vis viewer" in finished.said
    assert not finished.run.requests.waiting


def test_views_that_cannot_be_found_are_looked_for_once_unless_people_ask(
    finished: Panel, monkeypatch: pytest.MonkeyPatch
):
    asked = []

    def fail(run: Run, objects: Any) -> None:
        asked.append(objects)
        raise PickError("No image is there.", "Views are images.", "Bring them back.")

    monkeypatch.setattr(camera_choice, "find_views", fail)
    finished.panel._parts[2]._looked_for.clear()
    finished.panel.refresh()
    wait_until(lambda: "No image is there." in finished.said)
    finished.panel.refresh()
    wait_until(lambda: finished.handle("Find views").visible)
    assert len(asked) == 1
    finished.do("Find views")
    wait_until(lambda: len(asked) == 2)


def test_work_is_cancelled_while_training_waits_for_it(panel: Panel):
    with panel.lock, panel.run.clock.stage("propose"), panel.run.work_on("mug", "Proxy of") as work:
        work.report(0.5, "thinking")
        assert panel.handle("Cancel").visible
        panel.do("Cancel")
        assert work.cancelled.is_set()
    assert not panel.handle("Cancel").visible


def test_an_object_that_is_gone_is_no_more_chosen(panel: Panel):
    panel.do("Move proxy", True)
    panel.model.scene_objects.remove("mug")
    panel.panel.refresh()
    assert panel.session.choice.name is None and panel.session.choice.draft is None
    panel.do("Reject")
    assert "Choose an object first" in panel.said


def test_the_list_tells_how_far_an_object_has_come_how_sure_that_is_and_why_no_further(model: ScorpModel):
    def status() -> tuple[str, str, tuple[str, ...]]:
        (one,) = status_of(model)
        return one.stage, one.confidence, one.reasons

    store = model.scene_proxies
    assert status() == ("proxy placed", "by a test, seen share 50%", ())
    store.set_placement("mug", Placed(PLACE, {"explained": 0.97, "margin": 7.0}, "search"))
    assert status()[1] == "by a test, explained 97%"
    store.set_placement("mug", Placed(PLACE, {}, "person"))
    assert status()[1] == "by a test, placed by you"
    store.set_placement("mug", Refused("It fits nowhere.", {"explained": 0.2}, None))
    store.fail("mug", "Cancelled.")
    assert status() == ("proxy without a place", "by a test, explained 20%", ("Cancelled.", "It fits nowhere."))
    compose(model)
    assert status()[0] == "composed: 15 kept, 7 from its proxy"
    store.reject("mug")
    assert status()[0] == "rejected by you: as it was lifted"
    model.scene_objects.failures["ghost"] = "Its masks are empty."
    assert status_of(model)[-1].stage == "not lifted"


def test_the_stages_say_what_is_done_what_runs_and_what_comes_when(model: ScorpModel, tmp_path: Path):
    run = small_training(model, tmp_path, schedule=ScheduleConfig(place_at=2, compose_at=0.9))
    model.step = 49
    with run.clock.stage("scene"):
        lines = running_lines(run, STAGES, "training")
    assert lines[0] == "▶ scene: iteration 50 of 100" and share_done(run) == 0.5
    assert "· objects lifted: at iteration 81" in lines and "· composed: at iteration 91" in lines
    assert "· proxies placed: not in this run" in lines
    model.step = 80
    with run.clock.stage("propose"):
        lines = running_lines(run, STAGES, "training")
    assert "✓ objects lifted" in lines and "▶ **proxies made: now**" in lines


def test_every_stage_shows_when_its_turn_has_come(model: ScorpModel, tmp_path: Path):
    schedule = ScheduleConfig(lift_at=0.8, propose_at=0.8, place_at=0.8, refine_for=0.1, compose_at=0.95)
    run = small_training(model, tmp_path, schedule=schedule, num_iterations=1000)
    model.step = 800

    def lines(stage: str) -> list[str]:
        with run.clock.stage(stage):
            return running_lines(run, STAGES, "training")

    def now(stage: str) -> list[str]:
        return [line for line in lines(stage) if line.startswith("▶")]

    assert now("place") == ["▶ **proxies placed: now**"]
    assert {"· places refined: next", "· composed: at iteration 951"} <= {*lines("place")}
    model.step = 850
    model.scene_refinement.begin({"mug": PLACE})
    assert now("scene") == ["▶ scene: iteration 851 of 1000", "▶ **places refined: now**"]
    model.scene_refinement.end()
    model.step = 950
    assert now("tune") == ["▶ **colours tuned: now**"]
    assert {"✓ places refined", "· composed: next", "· report written: at the end"} <= {*lines("tune")}
    model.step = 999
    assert now("report") == ["▶ **report written: now**"]
    assert "✓ scene: iteration 1000 of 1000" in lines("report")
    assert all(line.startswith("✓") for line in running_lines(run, STAGES, "completed"))


def test_the_last_of_equal_wishes_counts():
    wishes = RequestQueue()
    for wish in (Accept("mug", PLACE), Reject("mug"), Accept("pot", PLACE), Accept("mug", Similarity.identity())):
        wishes.ask(wish)
    taken = wishes.take()
    assert [(type(wish), wish.name) for wish in taken] == [(Reject, "mug"), (Accept, "pot"), (Accept, "mug")]
    assert isinstance(taken[-1], Accept) and taken[-1].T_world_proxy.scale == 1 and not wishes.waiting


def test_pictures_of_objects_stay_small():
    rgba = np.random.default_rng(0).integers(0, 255, (400, 400, 4), dtype=np.uint8)
    view = ObjectView("a.jpg", rgba, rgba[..., 0], torch.eye(4), torch.eye(3), {})
    address = strip_of([view] * 6)
    assert address.startswith("data:image/jpeg;base64,") and len(address) < 30_000
