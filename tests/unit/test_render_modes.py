"""What the viewer shows is what was chosen in its panel, and nobody else sees it."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest
import torch
from ball_proxies import ball_proxy
from composed_models import DROPPED, FLOATERS, NUM_FILL, NUM_GAUSSIANS, SIZE, camera, compose, lifted_model
from nerfstudio.viewer.render_state_machine import RenderStateMachine
from small_runs import small_run

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.model import ScorpModel
from scorp_ns.model_config import AFTER, BEFORE
from scorp_ns.run.stage import STAGES
from scorp_ns.viewer.object_markers import color_of
from scorp_ns.viewer.panel import ScorpPanel
from scorp_ns.viewer.render_modes import (
    Colors,
    Shown,
    ViewChoice,
    gaussians_of,
    label_colors,
    render_choice,
    visibility_colors,
)
from scorp_ns.viewer.session import Session

PLACE = Similarity(torch.eye(3, dtype=torch.float64), torch.tensor([0.1, 0.2, 0.0]).double(), 0.5)


@pytest.fixture(params=[0, 1])
def model(request: pytest.FixtureRequest) -> ScorpModel:
    """A model that has composed a mug; its colours depend on the view or not."""
    model = lifted_model(sh_degree=request.param)
    model.scene_proxies.take(ball_proxy("mug", PLACE), seconds=1.0)
    compose(model)
    return model.eval()


def picture(model: ScorpModel, choice: ViewChoice) -> torch.Tensor:
    with torch.no_grad():
        return render_choice(model, choice, camera())["rgb"]


def of_tools(model: ScorpModel, show: str) -> torch.Tensor:
    model.show = show
    try:
        return model.get_outputs_for_camera(camera())["rgb"]
    finally:
        model.show = AFTER


@pytest.mark.parametrize(
    ("shown", "show"), [(Shown.SCENE, AFTER), (Shown.BEFORE, BEFORE), (Shown.OBJECTS, "objects"), (Shown.OBJECT, "mug")]
)
def test_a_look_shows_what_tools_show_under_its_name(model: ScorpModel, shown: Shown, show: str):
    assert torch.equal(picture(model, ViewChoice(shown, name="mug")), of_tools(model, show))


def test_a_divided_picture_has_before_on_its_left_and_after_on_its_right(model: ScorpModel):
    divided = picture(model, ViewChoice(Shown.SPLIT, split=0.25))
    middle = SIZE // 4
    # Renderers bound how Gaussians far outside of a picture are stretched, and half a picture has other bounds.
    before, after = of_tools(model, BEFORE), of_tools(model, AFTER)
    torch.testing.assert_close(divided[:, :middle], before[:, :middle], atol=0.01, rtol=0)
    torch.testing.assert_close(divided[:, middle + 1 :], after[:, middle + 1 :], atol=0.01, rtol=0)
    assert float((before - after).abs().max()) > 0.1
    assert divided.shape == (SIZE, SIZE, 3)


def test_an_object_as_lifted_has_all_its_own_and_nothing_of_its_proxy(model: ScorpModel):
    rows = gaussians_of(model, ViewChoice(Shown.LIFTED, name="mug"))
    assert torch.equal(rows.parameters["means"], model.gauss_params["means"][20:40])
    assert (rows.labels == 1).all()


def test_a_proxy_stands_in_its_place_and_in_that_of_its_object(model: ScorpModel):
    proxy = gaussians_of(model, ViewChoice(Shown.PROXY, name="mug"))
    expected = PLACE.apply(model.scene_proxies.proxy("mug").gaussians.means)
    torch.testing.assert_close(proxy.parameters["means"], expected)
    placed = gaussians_of(model, ViewChoice(Shown.PLACED, name="mug"))
    assert len(placed.labels) == NUM_GAUSSIANS - 20 + len(proxy.labels)


def test_a_proxy_that_is_moved_is_seen_where_it_is_moved_to(model: ScorpModel):
    draft = Similarity(PLACE.rotation, PLACE.translation + 1, 0.7)
    moved = gaussians_of(model, ViewChoice(Shown.PROXY, name="mug", draft=draft)).parameters["means"]
    torch.testing.assert_close(moved, draft.apply(model.scene_proxies.proxy("mug").gaussians.means))


@pytest.mark.parametrize("shown", list(Shown))
@pytest.mark.parametrize("name", [None, "teapot"])
def test_looks_at_what_is_not_there_show_a_picture_all_the_same(model: ScorpModel, shown: Shown, name: str | None):
    assert picture(model, ViewChoice(shown, name=name)).isfinite().all()


def test_what_was_seen_well_is_green_and_what_was_not_is_red(model: ScorpModel):
    red, yellow, green = visibility_colors(torch.tensor([0.0, 0.5, 1.0])).tolist()
    assert (red, yellow, green) == ([1, 0, 0], [1, 1, 0], [0, 1, 0])
    model.scene_objects.visibility[:] = 0
    shown = picture(model, ViewChoice(Shown.OBJECT, Colors.VISIBILITY, "mug"))
    is_mug = (shown - picture(model, ViewChoice(Shown.OBJECT, name="teapot"))).abs().sum(dim=-1) > 0.3
    red, green, _ = shown[is_mug].mean(dim=0).tolist()
    assert red > 0.4 > 0.2 > green


def test_a_tint_moves_the_colours_of_objects_towards_their_labels_and_leaves_the_others(model: ScorpModel):
    labels = torch.tensor([2, 1, 2], dtype=torch.int16)
    torch.testing.assert_close(label_colors(labels), torch.tensor([color_of(2), color_of(1), color_of(2)]))
    plain, tinted = (
        picture(model, ViewChoice(Shown.OBJECT, colors, "mug")) for colors in (Colors.PHOTOGRAPHED, Colors.LABELS)
    )
    target = torch.tensor(color_of(1))
    is_mug = (plain - tinted).abs().sum(dim=-1) > 0.3
    assert ((tinted - target).abs().sum(dim=-1) < (plain - target).abs().sum(dim=-1))[is_mug].float().mean() > 0.95
    without = gaussians_of(model, ViewChoice()).labels == 0
    assert int(without.sum()) == 40 - len(FLOATERS) and NUM_FILL < 20 - DROPPED


class Renderer(RenderStateMachine):
    """A thread of the viewer's that renders once."""

    def __init__(self, model: ScorpModel) -> None:
        Thread.__init__(self)
        self.model = model

    def run(self) -> None:
        """Render as the viewer does."""
        self.rendered = self.model.get_outputs_for_camera(camera())["rgb"]


def test_only_the_viewer_sees_what_was_chosen_in_it(model: ScorpModel, tmp_path: Path):
    panel = ScorpPanel(small_run(model, tmp_path), STAGES)
    panel.session = Session.__new__(Session)
    panel.session.choice = ViewChoice(Shown.BEFORE)
    model.other_picture = panel.picture_for_viewer
    renderer = Renderer(model)
    renderer.start()
    renderer.join()
    assert torch.equal(renderer.rendered, of_tools(model, BEFORE))
    assert not torch.equal(renderer.rendered, model.get_outputs_for_camera(camera())["rgb"])
