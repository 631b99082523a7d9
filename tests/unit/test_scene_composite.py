"""The model's memory of composing: before and after are both there, each as it should be, also after a checkpoint."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
import torch
from composed_models import (
    DROPPED,
    FLOATERS,
    NUM_FILL,
    NUM_GAUSSIANS,
    NUM_SEEN,
    SIZE,
    camera,
    compose,
    lifted_model,
    new_model,
)

from scorp_ns.errors import OutputError
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.gaussians.surgery import keep_rows
from scorp_ns.model import ScorpModel
from scorp_ns.model_config import AFTER, BEFORE, OBJECTS
from scorp_ns.products import ComposedObject
from scorp_ns.scene.composite import ALWAYS, COLORS, ONLY_BEFORE, SceneComposite


def rendered(model: ScorpModel, show: str) -> torch.Tensor:
    model.show = show
    return model.eval().get_outputs_for_camera(camera())["rgb"]


def train(model: ScorpModel, steps: int = 3) -> None:
    model.train()
    for _ in range(steps):
        outputs = model.get_outputs(camera())
        loss = sum(model.get_loss_dict(outputs, {"image": torch.zeros(SIZE, SIZE, 3)}).values())
        assert isinstance(loss, torch.Tensor)
        for optimizer in model.optimizers.values():
            optimizer.zero_grad()
        loss.backward()
        for optimizer in model.optimizers.values():
            optimizer.step()
        model.densify(step=0)


@pytest.mark.parametrize("sh_degree", [0, 1])
def test_before_renders_exactly_as_without_composing_however_long_it_trained_since(sh_degree: int):
    model = lifted_model(sh_degree=sh_degree)
    train(model)
    without = rendered(model, AFTER)
    compose(model)
    assert torch.equal(rendered(model, BEFORE), without)
    assert not torch.equal(rendered(model, AFTER), without)
    train(model)
    assert torch.equal(rendered(model, BEFORE), without)


def test_after_composing_only_colours_learn_and_proxies_look_alike_from_all_sides():
    model = lifted_model(sh_degree=2)
    train(model)
    compose(model)
    before = {name: value.detach().clone() for name, value in model.gauss_params.items()}
    train(model)
    changed = {name for name, value in model.gauss_params.items() if not torch.equal(value, before[name])}
    assert changed == set(COLORS)
    learned = (model.gauss_params["features_dc"] != before["features_dc"])[-NUM_FILL:].any(dim=1)
    assert torch.equal(learned, torch.arange(NUM_FILL) < NUM_SEEN), "what no photograph sees has nothing to learn"
    assert not model.gauss_params["features_rest"][-NUM_FILL:].any()


def test_tools_are_given_what_is_shown():
    model = lifted_model()
    compose(model)
    assert model.num_points == NUM_GAUSSIANS + NUM_FILL, "training has them all"
    model.eval()
    numbers = {AFTER: 62 - len(FLOATERS), BEFORE: 60, OBJECTS: 22, "mug": 22}
    for show, number in numbers.items():
        model.show = show
        given = (model.means, model.scales, model.quats, model.opacities, model.colors, model.shs_0, model.shs_rest)
        assert model.num_points == number
        assert {len(values) for values in given} == {number}
        gaussians, labels = model.owned(show)
        assert len(gaussians) == len(labels) == number


def test_what_nobody_knows_cannot_be_shown():
    model = lifted_model().eval()
    model.show = "teapot"
    with pytest.raises(OutputError, match="mug"):
        _ = model.means
    model = new_model().eval()
    model.show = OBJECTS
    with pytest.raises(OutputError, match="no lifted objects"):
        _ = model.means


def test_the_scene_keeps_its_rows_and_hides_what_is_not_there():
    model = lifted_model()
    compose(model)
    before, after = model.scene_before, model.scene
    assert len(before) == len(after) == len(model.scene_objects.labels) == NUM_GAUSSIANS + NUM_FILL
    assert not before.opacities[-NUM_FILL:].any() and before.opacities[:-NUM_FILL].all()
    assert not after.opacities[20 : 20 + DROPPED].any() and after.opacities[-NUM_FILL:].all()


def test_an_object_is_told_apart_as_lifted_and_as_composed():
    model = lifted_model()
    compose(model)
    (mug,) = model.scene_objects.objects()
    own, shown = model.scene_composite.own(mug), model.scene_composite.shown(mug)
    assert own.indices.tolist() == list(range(20, 40))
    assert shown.indices.tolist() == [*range(20 + DROPPED, 40), *range(60, 67)]
    assert len(own.visibility) == len(own.indices) and len(shown.visibility) == len(shown.indices)


def test_an_object_can_be_taken_back_and_composed_again():
    model = lifted_model()
    without = rendered(model, AFTER)
    compose(model)
    (mug,) = model.scene_objects.objects()
    kept = model.scene_composite.forget(mug)
    with model.scene_objects.following(model.strategy_state) as state:
        keep_rows(model.gauss_params, model.optimizers, state, kept)
    assert model.scene_composite.names == ()
    assert torch.equal(rendered(model, AFTER), without)
    compose(model)
    assert model.scene_composite.record("mug").filled == NUM_FILL


def test_haze_goes_while_any_object_that_it_hides_is_composed():
    model = lifted_model()
    compose(model)
    composite, (mug,) = model.scene_composite, model.scene_objects.objects()
    cup, fill = (
        replace(mug, name="cup", indices=torch.tensor([30]), visibility=torch.ones(1)),
        model.gauss_params["means"][:0],
    )
    nothing = Gaussians(fill, fill.new_zeros(0, 4), fill, fill.new_zeros(0), fill.new_zeros(0, 1, 3))
    kept, seen = torch.ones(1, dtype=torch.bool), torch.zeros(0, dtype=torch.bool)
    composite.take(cup, ComposedObject("cup", kept, nothing, seen, FLOATERS[:1], {}), dict(model.gauss_params.items()))
    assert (composite.layers[FLOATERS] == ONLY_BEFORE).all()
    composite.forget(mug)
    assert composite.layers[FLOATERS].tolist() == [ONLY_BEFORE, ALWAYS, ALWAYS]
    composite.forget(cup)
    assert (composite.layers[FLOATERS] == ALWAYS).all()


def test_a_checkpoint_brings_back_before_and_after():
    model = lifted_model()
    compose(model)
    train(model)
    model.scene_composite.fail("ghost", "It has no place.")
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    loaded = new_model(num_points=10)
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for show in (BEFORE, AFTER, OBJECTS, "mug"):
        assert torch.equal(rendered(loaded, show), rendered(model, show))
    assert loaded.scene_composite.names == ("mug",)
    assert loaded.scene_composite.failures == {"ghost": "It has no place."}
    assert loaded.scene_composite.record("mug").evidence == {"seen": 0.5}
    (mug,) = loaded.scene_objects.objects()
    loaded.scene_composite.forget(mug)
    assert (loaded.scene_composite.layers == ALWAYS).all(), "also what hung before it is there again"


def test_whoever_lists_objects_hears_of_a_checkpoint_when_all_of_it_is_there():
    model, loaded, heard = lifted_model(), new_model(num_points=10), []
    compose(model)

    def listen() -> None:
        (mug,) = loaded.scene_objects.objects()
        heard.append(len(loaded.scene_composite.shown(mug).indices))

    loaded.scene_objects.listeners.append(listen)
    loaded.load_state_dict(model.state_dict())
    assert heard == [20 - DROPPED + NUM_FILL]


def test_a_state_that_says_nothing_of_it_changes_nothing():
    model = lifted_model()
    compose(model)
    layers = model.scene_composite.layers.clone()
    model.scene_composite.load_state_dict({}, strict=False)
    assert torch.equal(model.scene_composite.layers, layers) and model.scene_composite.is_composed


def test_a_scene_without_proxies_is_not_composed():
    empty = SceneComposite()
    empty.fail("mug", "No photograph shows it.")
    assert not empty.is_composed and empty.names == ()
