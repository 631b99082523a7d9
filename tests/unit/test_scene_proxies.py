"""The model's memory of proxies: whole after a checkpoint, honest about failures, and told of while work goes on."""

from __future__ import annotations

import io
from dataclasses import replace

import torch
from ball_proxies import ball_proxy

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.scene.proxies import SceneProxies
from scorp_ns.scene.records import Placed, Refused, SearchStart, Unplaced

ODD_NAME = "a/b. ü"

PLACE = Similarity.from_matrix(torch.tensor([[0.0, -2, 0, 1], [2, 0, 0, 2], [0, 0, 2, 3], [0, 0, 0, 1]]))


def saved_and_loaded(store: SceneProxies) -> SceneProxies:
    """What a checkpoint brings back, read as checkpoints are."""
    file = io.BytesIO()
    torch.save(store.state_dict(), file)
    file.seek(0)
    loaded = SceneProxies()
    loaded.load_state_dict(torch.load(file, weights_only=True))
    return loaded


def place_of(store: SceneProxies, name: str) -> torch.Tensor:
    pose = store.proxy(name).T_world_proxy
    assert pose is not None
    return pose.matrix


def filled() -> SceneProxies:
    store = SceneProxies()
    store.take(ball_proxy(ODD_NAME, PLACE), seconds=2.0)
    store.take(ball_proxy("unplaced"), seconds=3.0)
    store.fail("ghost", "No server answered.")
    store.is_proposed = True
    return store


def test_a_checkpoint_brings_back_every_proxy_exactly():
    before, after = filled(), saved_and_loaded(filled())
    assert after.names == before.names == (ODD_NAME, "unplaced")
    points = torch.rand(500, 3) - 0.5
    for name in before.names:
        one, other = before.proxy(name), after.proxy(name)
        assert torch.equal(one.field.sdf(points), other.field.sdf(points))
        assert torch.equal(one.field.color(points), other.field.color(points))
        assert torch.equal(one.gaussians.means, other.gaussians.means)
        assert (one.made_by, one.evidence, one.notes, one.license) == (
            *(other.made_by, other.evidence, other.notes, other.license),
        )
    placed = after.proxy(ODD_NAME).T_world_proxy
    assert placed is not None and torch.equal(placed.matrix, PLACE.matrix)
    assert after.proxy("unplaced").T_world_proxy is None
    assert after.failures == {"ghost": "No server answered."} and after.is_proposed


def test_a_new_shape_leaves_place_and_origin_of_a_proxy():
    store = filled()
    store.set_placement(ODD_NAME, Placed(PLACE, {"explained": 0.9}, "search"))
    old = store.proxy(ODD_NAME)
    gaussians = replace(old.gaussians, means=1.1 * old.gaussians.means)
    new = replace(old, gaussians=gaussians, evidence={"largest_bend": 0.02}, notes=("It was bent.",))
    store.reshape(new)
    for one in (store, saved_and_loaded(store)):
        proxy = one.proxy(ODD_NAME)
        assert torch.equal(proxy.gaussians.means, new.gaussians.means)
        assert (proxy.evidence, proxy.notes) == ({"largest_bend": 0.02}, ("It was bent.",))
        assert torch.equal(place_of(one, ODD_NAME), PLACE.matrix) and proxy.made_by == old.made_by
        record = one.record(ODD_NAME)
        assert isinstance(record.placement, Placed) and record.placement.confidence == {"explained": 0.9}
        assert record.seconds == 2.0


def test_a_store_takes_what_another_checkpoint_has_in_place_of_its_own():
    store, other = filled(), SceneProxies()
    other.take(ball_proxy("mug"), seconds=1.0)
    store.load_state_dict(other.state_dict())
    assert store.names == ("mug",) and store.failures == {}


def test_a_state_that_says_nothing_of_proxies_changes_none():
    store = filled()
    store.load_state_dict({}, strict=False)
    assert store.proxies() and store.failures


def test_a_new_proxy_takes_the_place_of_the_old_one():
    store = filled()
    store.take(ball_proxy("unplaced", PLACE), seconds=1.0)
    assert store.names == (ODD_NAME, "unplaced") and len(store.shapes) == 2
    assert store.proxy("unplaced").T_world_proxy is not None
    assert saved_and_loaded(store).record("unplaced").seconds == 1.0


def test_a_proxy_after_a_failure_ends_the_failure_and_a_failure_keeps_the_old_proxy():
    store = filled()
    store.take(ball_proxy("ghost"), seconds=1.0)
    assert "ghost" not in store.failures
    store.fail("ghost", "Cancelled.")
    assert "ghost" in store.names and store.failures["ghost"] == "Cancelled."


def test_a_place_that_is_found_lasts_and_so_does_one_that_is_not():
    store = filled()
    store.set_placement("unplaced", Placed(PLACE, {"explained": 0.98}, "search"))
    store.set_placement(ODD_NAME, Refused("It fits nowhere.", {"explained": 0.3}, PLACE))
    loaded = saved_and_loaded(store)
    assert torch.equal(place_of(loaded, "unplaced"), PLACE.matrix)
    refused = loaded.record(ODD_NAME).placement
    assert isinstance(refused, Refused) and refused.reason == "It fits nowhere."
    assert refused.confidence == {"explained": 0.3} and loaded.pose(ODD_NAME) is None
    assert refused.best is not None and torch.equal(refused.best.matrix, PLACE.matrix)


def test_decisions_of_a_person_last():
    store = filled()
    store.set_placement("unplaced", Placed(PLACE, {}, "person"))
    store.start_from(ODD_NAME, PLACE)
    store.reject("ghost")
    store.makers["ghost"] = "asset"
    loaded = saved_and_loaded(store)
    accepted, searched = loaded.record("unplaced").placement, loaded.record(ODD_NAME)
    assert isinstance(accepted, Placed) and accepted.by == "person"
    assert isinstance(searched.placement, Unplaced) and isinstance(searched.start, SearchStart)
    assert searched.start.by_person and torch.equal(searched.start.pose.matrix, PLACE.matrix)
    assert loaded.rejected == {"ghost"} and loaded.makers == {"ghost": "asset"}
    loaded.restore("ghost")
    assert not loaded.rejected


def test_a_checkpoint_from_before_people_could_decide_is_read():
    state = filled().state_dict()
    for name in ("rejected", "makers"):
        del state["_extra_state"][name]
    store = SceneProxies()
    store.load_state_dict(state)
    assert store.names and not store.rejected and not store.makers


def test_a_search_in_vain_leaves_the_place_that_was_known():
    store = filled()
    store.set_placement(ODD_NAME, Placed(PLACE, {}, "person"))
    with store.keeping_pose(ODD_NAME):
        store.start_from(ODD_NAME, Similarity.identity())
        store.set_placement(ODD_NAME, Refused("It fits nowhere.", {}, None))
    assert torch.equal(place_of(store, ODD_NAME), PLACE.matrix)
    placement = store.record(ODD_NAME).placement
    assert isinstance(placement, Placed) and placement.by == "person"
