"""The viewer's folder of objects says what it does and why it does not, and the model remembers what was picked."""

from __future__ import annotations

from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch
from ball_proxies import ball_proxy
from ball_scenes import balls_on_floor, click_at, views_around
from nerfstudio.viewer.viewer_elements import ViewerControl
from small_runs import small_data, small_run

from scorp_ns.errors import OutputError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.lift.config import LiftConfig
from scorp_ns.products import LiftedScene, ObjectInfo
from scorp_ns.run.object_editing import pick_object
from scorp_ns.run.requests import Keep, Restore
from scorp_ns.scene.composite import SceneComposite
from scorp_ns.scene.objects import SceneObjects
from scorp_ns.scene.picks import PICKS_FILE, Pick, read_picks, write_picks
from scorp_ns.scene.pose_refinement import PoseRefinement
from scorp_ns.scene.proxies import SceneProxies
from scorp_ns.viewer.picking_tab import NOTHING_PICKED, ObjectPicking
from scorp_ns.viewer.session import Session

CENTERS = np.array([[0.0, 0.0, 0.3], [0.75, 0.3, 0.2]])
GAUSSIANS, OWNERS = balls_on_floor(CENTERS, CENTERS[:, 2])
CAPTURE_TO_WORLD = Similarity(torch.eye(3, dtype=torch.float64), torch.tensor([1.0, 2.0, 0.0]).double(), 0.5)
MASKED = ObjectInfo("mug")


class Gui:
    """Handles as viser gives them: they hold values and remember their callbacks."""

    def __init__(self) -> None:
        self.handles: dict[str, Any] = {}

    def add_folder(self, label: str, **options: Any) -> MagicMock:
        return MagicMock()

    def add_markdown(self, content: str) -> Any:
        return self._add(f"markdown {len(self.handles)}", content=content)

    def add_dropdown(self, label: str, options: Any) -> Any:
        return self._add(label, value=options[0], options=options)

    def add_button(self, label: str, visible: bool = True, hint: str | None = None) -> Any:
        return self._add(label, visible=visible)

    def add_text(self, label: str, value: str, hint: str | None = None) -> Any:
        return self._add(label, value=value)

    add_checkbox = add_text

    def _add(self, label: str, **values: Any) -> Any:
        handle = SimpleNamespace(**values, callbacks=[])
        handle.on_click = handle.on_update = handle.callbacks.append
        self.handles[label] = handle
        return handle

    def press(self, label: str) -> None:
        for callback in self.handles[label].callbacks:
            callback(None)


class Panel:
    """The folder in a viewer without a page; its run has one scene and one capture."""

    def __init__(self, folder: Path) -> None:
        self.gui, self.scene, self.lock = Gui(), MagicMock(), Lock()
        self.store = SceneObjects()
        self.model = self._model()
        masks = SimpleNamespace(objects=(MASKED,))
        data = small_data(views_around(), CAPTURE_TO_WORLD, object_masks=masks)
        self.run = small_run(self.model, folder, data)
        self.trainer = SimpleNamespace(training_state="training")
        server = SimpleNamespace(gui=self.gui, scene=self.scene, get_clients=dict)
        viewer: Any = SimpleNamespace(
            viser_server=server,
            stats_markdown=SimpleNamespace(order=3.0),
            log_filename=folder / "viewer_log_filename.txt",
            trainer=self.trainer,
            train_lock=self.lock,
        )
        control = ViewerControl()
        control._setup(viewer)
        self.picking = ObjectPicking(Session(self.run, viewer), control)

    def _model(self) -> Any:
        return SimpleNamespace(
            scene_objects=self.store,
            scene_proxies=SceneProxies(),
            scene_composite=SceneComposite(),
            scene_refinement=PoseRefinement(),
            scene=GAUSSIANS,
            camera_optimizer=None,
            device="cpu",
            config=SimpleNamespace(lift=LiftConfig(), rasterize_mode="classic"),
        )

    def click(self, target: Any) -> None:
        origin, direction = click_at(target)
        clicked: Any = SimpleNamespace(origin=tuple(origin.tolist()), direction=tuple(direction.tolist()))
        self.picking.click(clicked)

    def pick(self, name: str, target: Any) -> None:
        self.gui.handles["New object"].value = name
        self.gui.press("Pick by click")
        self.click(target)

    def remove(self, name: str) -> None:
        self.gui.handles["Picked"].value = name
        self.gui.press("Remove")

    def decide(self, name: str) -> None:
        """Let a run make all of an object that it may, and people decide all that they can."""
        self.model.scene_proxies.take(ball_proxy(name, CAPTURE_TO_WORLD), seconds=1.0)
        self.model.scene_proxies.fail(name, "Cancelled.")
        self.model.scene_proxies.reject(name)
        self.model.scene_proxies.makers[name] = "asset"
        self.model.scene_composite.fail(name, "Nothing is hidden.")
        self.run.requests.ask(Restore(name))

    @property
    def known(self) -> set[str]:
        """The objects of which anything is known but what was lifted."""
        proxies, composite = self.model.scene_proxies, self.model.scene_composite
        made = {*proxies.names, *proxies.failures, *composite.failures}
        return made | proxies.rejected | {*proxies.makers} | {wish.name for wish in self.run.requests.waiting}

    @property
    def info(self) -> str:
        return self.picking.info.content.replace("\\", "")


@pytest.fixture
def panel(tmp_path: Path) -> Panel:
    return Panel(tmp_path)


def test_a_click_makes_an_object_with_the_name_given(panel: Panel):
    panel.pick("große Kugel", CENTERS[0].tolist())
    (one,) = panel.store.objects()
    assert one.name == "große Kugel"
    assert one.label == 2, "after the objects with masks"
    assert float((OWNERS[one.indices] == 1).float().mean()) > 0.99
    assert "is an object now" in panel.info
    assert panel.gui.handles["Picked"].options == ("große Kugel",)
    assert panel.gui.handles["New object"].value == ""
    panel.scene.remove_pointer_callback.assert_called_once()


def test_the_pick_is_remembered_in_the_frame_of_the_capture(panel: Panel):
    panel.pick("ball", CENTERS[0].tolist())
    (pick,) = panel.store.picks
    hit = CAPTURE_TO_WORLD.apply(torch.tensor(pick.point).double())
    assert abs(float((hit - torch.from_numpy(CENTERS[0])).norm()) - CENTERS[0, 2]) < 0.05


def test_no_click_is_waited_for_without_a_name(panel: Panel):
    panel.gui.press("Pick by click")
    assert panel.info == "Give the object a name first."
    panel.scene.on_pointer_event.assert_not_called()


@pytest.mark.parametrize("name", ["mug", "ball"])
def test_names_are_given_once(panel: Panel, name: str):
    panel.pick("ball", CENTERS[0].tolist())
    panel.pick(name, CENTERS[1].tolist())
    assert panel.info == f"There is an object '{name}' already. Choose another name."
    assert panel.store.names == ("ball",)


def test_a_click_on_the_floor_says_so_and_picking_goes_on(panel: Panel):
    panel.pick("ball", (0.5, -0.6, 0.0))
    assert "surface that things stand on" in panel.info
    assert panel.gui.handles["Stop picking"].visible
    panel.click((0.0, 0.0, 2.5))
    assert "hit nothing" in panel.info
    panel.click(CENTERS[0].tolist())
    assert panel.store.names == ("ball",)
    assert not panel.lock.locked()


def test_only_picked_objects_are_removed(panel: Panel):
    panel.gui.press("Remove")
    assert panel.info == "No picked object is chosen."
    panel.pick("ball", CENTERS[0].tolist())
    panel.remove("ball")
    assert panel.store.names == () and not panel.store.labels.any()
    assert panel.gui.handles["Picked"].options == (NOTHING_PICKED,)


def test_picks_that_are_saved_are_forgotten_when_removed(panel: Panel, tmp_path: Path):
    panel.pick("ball", CENTERS[0].tolist())
    write_picks(tmp_path / "scorp", panel.store.picks)
    panel.remove("ball")
    assert read_picks(tmp_path / "scorp") == ()


def test_an_object_that_is_removed_leaves_nothing_to_the_next_one_of_its_name(panel: Panel):
    panel.pick("ball", CENTERS[0].tolist())
    panel.pick("other", CENTERS[1].tolist())
    for name in ("ball", "other"):
        panel.decide(name)
    panel.remove("ball")
    assert panel.known == {"other"} and len(panel.model.scene_proxies.shapes) == 1
    panel.pick("ball", CENTERS[0].tolist())
    assert panel.store.names == ("other", "ball") and panel.known == {"other"}


def test_a_complete_run_stores_that_an_object_was_removed(panel: Panel):
    panel.pick("ball", CENTERS[0].tolist())
    panel.trainer.training_state = "completed"
    panel.remove("ball")
    assert panel.run.requests.waiting == (Keep("ball"),)


def test_a_new_pick_takes_nothing_over_that_is_left_of_an_earlier_object(panel: Panel):
    panel.decide("ball")
    panel.pick("ball", CENTERS[0].tolist())
    assert not panel.known


def test_an_object_whose_proxy_is_moving_is_not_removed(panel: Panel):
    panel.pick("ball", CENTERS[0].tolist())
    panel.model.scene_refinement.begin({"ball": CAPTURE_TO_WORLD})
    panel.remove("ball")
    assert panel.store.names == ("ball",) and "Remove it when that is done" in panel.info


def test_picks_join_the_objects_of_masks(panel: Panel):
    panel.pick("ball", CENTERS[0].tolist())
    panel.pick("other", CENTERS[1].tolist())
    num = len(GAUSSIANS)
    taken = torch.where(OWNERS == 2, 1, 0).short()
    before = panel.store.objects()[0]
    panel.store.take(LiftedScene(taken, torch.zeros(num, 4), torch.zeros(num), (), {}, {}))
    (ball,) = panel.store.objects()
    assert ball.name == "ball" and ball.label == 4, "after three objects with masks"
    assert torch.equal(ball.indices, before.indices)
    assert panel.store.votes.shape == (num, 6)


def test_an_object_that_is_grown_again_keeps_its_label(panel: Panel):
    panel.pick("ball", CENTERS[0].tolist())
    panel.decide("ball")
    pick_object(panel.run, panel.store.picks[0])
    (ball,) = panel.store.objects()
    assert ball.label == 2 and panel.store.votes.shape == (len(GAUSSIANS), 3)
    assert panel.known == {"ball"}, "it is the same object"


def test_checkpoints_hold_picks(panel: Panel, tmp_path: Path):
    panel.pick("ball", CENTERS[0].tolist())
    torch.save(panel.store.state_dict(), tmp_path / "state.ckpt")
    restored = SceneObjects()
    restored.load_state_dict(torch.load(tmp_path / "state.ckpt", weights_only=True))
    assert restored.picks == panel.store.picks
    assert torch.equal(restored.indices("ball"), panel.store.indices("ball"))


def test_densification_carries_picks_along(panel: Panel):
    panel.pick("ball", CENTERS[0].tolist())
    number = len(panel.store.indices("ball"))
    with panel.store.following({}) as state:
        for name, rows in state.items():
            state[name] = torch.cat([rows, rows])
    assert len(panel.store.indices("ball")) == 2 * number


def test_picks_survive_their_file(tmp_path: Path):
    picks = (Pick("große Kugel", (1.0, -2.5, 1e-7), 0.3), Pick("a/b", (0.0, 0.0, 0.0), 2.0))
    write_picks(tmp_path / "scorp", picks)
    assert read_picks(tmp_path / "scorp") == picks
    assert read_picks(tmp_path / "elsewhere") == ()


@pytest.mark.parametrize(
    "content", ["", "[]", '{"picks": [{"name": "a"}]}', '{"picks": [{"name": "a", "point": [1], "reach": 1}]}']
)
def test_a_broken_file_of_picks_is_named(tmp_path: Path, content: str):
    (tmp_path / PICKS_FILE).write_text(content)
    with pytest.raises(OutputError, match="cannot be read"):
        read_picks(tmp_path)
