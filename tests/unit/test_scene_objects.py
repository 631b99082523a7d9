"""The model's memory of its objects: it follows what densification does to Gaussians, and survives checkpoints."""

from __future__ import annotations

import io
from typing import Any

import pytest
import torch
from gsplat.strategy import DefaultStrategy
from gsplat.strategy.ops import duplicate, remove, split
from torch import Tensor

from scorp_ns.products import LiftedObject, LiftedScene, ObjectFrame, PickedObject, Support
from scorp_ns.scene.objects import PER_GAUSSIAN, SceneObjects
from scorp_ns.scene.picks import Pick

NUM_GAUSSIANS = 60


def lifted_scene() -> LiftedScene:
    """Objects of 20 Gaussians each after a remainder of 20, every Gaussian with votes of its own."""
    labels = torch.tensor([0, 1, 3], dtype=torch.int16).repeat_interleave(20)
    votes = torch.arange(4.0 * NUM_GAUSSIANS).reshape(NUM_GAUSSIANS, 4)
    visibility = torch.linspace(0, 1, NUM_GAUSSIANS)
    frame = ObjectFrame(torch.eye(3), torch.zeros(3), torch.ones(3))
    support = Support(torch.zeros(3), torch.tensor([0.0, 0.0, 1.0]))
    objects = tuple(
        LiftedObject(
            name=name,
            label=label,
            indices=torch.nonzero(labels == label)[:, 0],
            visibility=visibility[labels == label],
            frame=frame,
            support=under,
            visible_shares={"a.png": 0.5},
            mask_iou=fit,
        )
        for name, label, under, fit in [("mug", 1, support, 0.9), ("a/b ü", 3, None, None)]
    )
    return LiftedScene(labels, votes, visibility, objects, {"mug": (), "a/b ü": ()}, {"ghost": "No masks."})


def filled() -> SceneObjects:
    store = SceneObjects()
    store.take(lifted_scene())
    return store


def trained_gaussians() -> tuple[dict[str, torch.nn.Parameter], dict[str, torch.optim.Optimizer]]:
    """Parameters and optimizers of a scene in which each Gaussian stands at the place that is its number."""
    generator = torch.Generator().manual_seed(0)
    values = {
        "means": torch.arange(float(NUM_GAUSSIANS))[:, None].repeat(1, 3),
        "scales": torch.full((NUM_GAUSSIANS, 3), -8.0),
        "quats": torch.randn(NUM_GAUSSIANS, 4, generator=generator),
        "opacities": torch.full((NUM_GAUSSIANS,), 2.0),
    }
    parameters = {name: torch.nn.Parameter(value) for name, value in values.items()}
    optimizers = {name: torch.optim.Adam([parameter], lr=1e-3) for name, parameter in parameters.items()}
    return parameters, optimizers


def assert_rows_belong(store: SceneObjects, origins: Tensor) -> None:
    """Every row is that of the Gaussian it came from."""
    before = lifted_scene()
    for name in PER_GAUSSIAN:
        assert torch.equal(getattr(store, name), getattr(before, name)[origins]), name


def origins_of(parameters: dict[str, Any]) -> Tensor:
    return parameters["means"][:, 0].round().long()


@pytest.mark.parametrize("change", [duplicate, split, remove])
def test_rows_follow_what_gsplat_does_to_gaussians(change: Any):
    store, (parameters, optimizers) = filled(), trained_gaussians()
    chosen = torch.arange(NUM_GAUSSIANS) % 3 == 0
    with store.following({}) as state:
        torch.manual_seed(0)
        change(params=parameters, optimizers=optimizers, state=state, mask=chosen)
    assert len(parameters["means"]) != NUM_GAUSSIANS
    assert_rows_belong(store, origins_of(parameters))


def test_rows_follow_a_step_of_the_default_strategy():
    store, (parameters, optimizers) = filled(), trained_gaussians()
    strategy = DefaultStrategy(refine_start_iter=1, refine_every=10, reset_every=1000, grow_grad2d=0.5, verbose=False)
    state = strategy.initialize_state(scene_scale=1.0)
    with torch.no_grad():
        parameters["opacities"][5:15] = -9.0
        parameters["scales"][40:50] = -3.0
    gradients = torch.zeros(1, NUM_GAUSSIANS, 2)
    gradients[0, 20:50] = 1.0
    means2d = torch.zeros(1, NUM_GAUSSIANS, 2)
    means2d.grad = gradients
    info = {
        "means2d": means2d,
        "width": 2,
        "height": 2,
        "n_cameras": 1,
        "radii": torch.ones(1, NUM_GAUSSIANS, dtype=torch.int32),
        "gaussian_ids": None,
    }
    torch.manual_seed(0)
    with store.following(state) as followed:
        strategy.step_post_backward(parameters, optimizers, followed, step=20, info=info, packed=False)
    assert not any(name.startswith("objects_") for name in state)
    origins = origins_of(parameters)
    assert not ((origins >= 5) & (origins < 15)).any()
    assert (torch.bincount(origins, minlength=NUM_GAUSSIANS)[20:50] == 2).all()
    assert_rows_belong(store, origins)
    assert sorted(len(one.indices) for one in store.objects()) == [30, 40]


def test_rows_come_back_when_a_strategy_fails():
    store = filled()
    with pytest.raises(ZeroDivisionError), store.following({}) as state:
        assert len(state) == len(PER_GAUSSIAN)
        raise ZeroDivisionError
    assert_rows_belong(store, torch.arange(NUM_GAUSSIANS))


def test_before_lifting_a_strategys_state_is_left_alone():
    store, state = SceneObjects(), {"count": None}
    with store.following(state) as followed:
        assert followed is state and set(state) == {"count"}
    assert store.objects() == () and store.names == ()


def saved_and_loaded(store: SceneObjects) -> SceneObjects:
    """What a checkpoint that may hold plain types and tensors only makes of it."""
    file = io.BytesIO()
    torch.save(store.state_dict(), file)
    file.seek(0)
    other = SceneObjects()
    other.load_state_dict(torch.load(file, weights_only=True))
    return other


def test_objects_survive_checkpoints():
    store, again = filled(), saved_and_loaded(filled())
    assert_rows_belong(again, torch.arange(NUM_GAUSSIANS))
    assert again.names == ("mug", "a/b ü") and again.failures == {"ghost": "No masks."} and again.is_lifted
    for one, other in zip(store.objects(), again.objects(), strict=True):
        assert (one.name, one.label, one.mask_iou) == (other.name, other.label, other.mask_iou)
        assert one.visible_shares == other.visible_shares
        assert torch.equal(one.frame.extent, other.frame.extent) and (one.support is None) == (other.support is None)


def test_a_checkpoint_from_before_lifting_is_that():
    again = saved_and_loaded(SceneObjects())
    assert not again.is_lifted and again.objects() == () and len(again.labels) == 0


def test_a_checkpoint_from_before_lifting_forgets_what_was_lifted_since():
    store = filled()
    store.load_state_dict(SceneObjects().state_dict())
    assert not store.is_lifted and store.objects() == () and len(store.labels) == 0


def test_lifting_that_found_nothing_is_remembered():
    nothing = LiftedScene(
        torch.zeros(5, dtype=torch.int16), torch.zeros(5, 1), torch.zeros(5), (), {}, {"mug": "Too few."}
    )
    store = SceneObjects()
    store.take(nothing)
    again = saved_and_loaded(store)
    assert again.is_lifted and again.failures == {"mug": "Too few."} and again.objects() == ()


def test_an_object_that_lost_all_its_gaussians_is_left_out():
    store = filled()
    with store.following({}) as state:
        for name in list(state):
            state[name] = state[name][:40]
    assert [one.name for one in store.objects()] == ["mug"]
    assert len(store.indices("a/b ü")) == 0


def test_lifting_again_replaces_what_was_known():
    store = filled()
    store.take(lifted_scene())
    assert store.names == ("mug", "a/b ü")
    assert_rows_belong(store, torch.arange(NUM_GAUSSIANS))


def pick_cup(store: SceneObjects) -> None:
    """Pick the first five Gaussians of the remainder in a scene in which everything is half visible now."""
    indices, visibility = torch.arange(5), torch.full((NUM_GAUSSIANS,), 0.5)
    frame = ObjectFrame(torch.eye(3), torch.zeros(3), torch.ones(3))
    cup = LiftedObject("cup", 4, indices, visibility[indices], frame, None, {}, None)
    picked = PickedObject(cup, (), torch.ones(NUM_GAUSSIANS), visibility)
    store.add(picked, Pick("cup", (0.0, 0.0, 0.0), 1.0))


def test_a_pick_changes_the_visibility_of_its_own_gaussians_only():
    store = filled()
    pick_cup(store)
    assert store.indices("cup").tolist() == list(range(5)) and (store.visibility[:5] == 0.5).all()
    assert torch.equal(store.visibility[5:], lifted_scene().visibility[5:])
    assert torch.equal(store.labels[5:], lifted_scene().labels[5:]) and store.votes.shape == (NUM_GAUSSIANS, 5)


def test_a_checkpoint_that_is_being_written_holds_what_was_there_before_a_click():
    store = filled()
    pick_cup(store)
    store.remove("cup")
    state = store.state_dict()
    before = {name: state[name].clone() for name in PER_GAUSSIAN}
    pick_cup(store)
    store.remove("mug")
    assert all(torch.equal(state[name], before[name]) for name in PER_GAUSSIAN)
    assert set(state["_extra_state"]["facts"]) == {"mug", "a/b ü"}
