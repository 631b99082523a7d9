"""Records come back from checkpoints as they were, those of the version before as well, and newer ones are refused."""

from __future__ import annotations

import io
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from scorp_ns.errors import CheckpointError
from scorp_ns.fields.config import FieldConfig
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.products import ObjectFrame, Support
from scorp_ns.scene.composite import SceneComposite
from scorp_ns.scene.objects import SceneObjects
from scorp_ns.scene.picks import Pick
from scorp_ns.scene.pose_refinement import PoseRefinement
from scorp_ns.scene.proxies import SceneProxies
from scorp_ns.scene.records import (
    VERSION,
    ComposedRecord,
    LiftedRecord,
    NotTuned,
    Placed,
    ProxyRecord,
    Refused,
    SearchStart,
    Tuned,
    Unplaced,
    composed_from_state,
    composed_to_state,
    lifted_from_state,
    lifted_to_state,
    proxy_from_state,
    proxy_to_state,
)

POSE = Similarity.from_matrix(torch.tensor([[0.0, -2, 0, 1], [2, 0, 0, 2], [0, 0, 2, 3], [0, 0, 0, 1]]))

PROXY = ProxyRecord("1", FieldConfig(), Similarity.identity(), "a test", 2.0, {"a": 1.0}, ("mended",), "CC0")

OLD_RUN = Path(__file__).parents[1] / "data" / "run_of_b77c7f7.tar.xz"


def stored(state: Any) -> Any:
    """The state as a checkpoint gives it back."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def assert_alike(one: Any, other: Any) -> None:
    """Records have tensors, which `==` does not compare."""
    assert str(one) == str(other) and type(one) is type(other)


@pytest.mark.parametrize(
    "placement",
    [
        Unplaced(),
        Placed(POSE, {}, "generator"),
        Placed(POSE, {"explained": 0.9}, "search"),
        Placed(POSE, {}, "person"),
        Refused("It fits nowhere.", {"explained": 0.3}, POSE),
        Refused("It fits nowhere.", {}, None),
    ],
)
@pytest.mark.parametrize("start", [None, SearchStart(POSE, True)])
@pytest.mark.parametrize("tuning", [None, NotTuned("No photograph."), Tuned(torch.eye(3, 4), {"error": 0.1})])
def test_a_proxy_comes_back(placement: Any, start: Any, tuning: Any):
    record = replace(PROXY, placement=placement, start=start, tuning=tuning)
    assert_alike(proxy_from_state(stored(proxy_to_state(record))), record)


@pytest.mark.parametrize("support", [None, Support(torch.zeros(3), torch.tensor([0.0, 0, 1]))])
@pytest.mark.parametrize("pick", [None, Pick("a/b ü", (1.0, 2.0, 3.0), 0.5)])
def test_a_lifted_object_comes_back(support: Support | None, pick: Pick | None):
    frame = ObjectFrame(torch.eye(3), torch.zeros(3), torch.ones(3))
    record = LiftedRecord(3, frame, support, {"a.png": 0.5}, None if pick else 0.9, pick)
    assert_alike(lifted_from_state(stored(lifted_to_state(record))), record)


def test_a_composed_object_comes_back():
    record = ComposedRecord(3, 2, 7, {"seen": 0.5}, torch.tensor([3, 50]))
    assert_alike(composed_from_state(stored(composed_to_state(record))), record)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Placed(POSE, {"explained": 0.9}, "person"),
        lambda: Refused("", {}, None),
        lambda: replace(PROXY, key="mug"),
        lambda: replace(PROXY, seconds=-1.0),
        lambda: ComposedRecord(0, 5, 0, {}, torch.zeros(0, dtype=torch.int64)),
    ],
)
def test_what_cannot_be_is_refused(make: Any):
    with pytest.raises(AssertionError):
        make()


@pytest.fixture(scope="module")
def old_state(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The model's part of a checkpoint of version 1: one object composed, one refused, one without a proxy."""
    folder = tmp_path_factory.mktemp("old")
    with tarfile.open(OLD_RUN) as archive:
        name = next(name for name in archive.getnames() if name.endswith(".ckpt"))
        archive.extract(name, folder, filter="data")
    return torch.load(folder / name, weights_only=True)["pipeline"]


def part_of(state: dict[str, Any], name: str) -> dict[str, Any]:
    prefix = f"_model.{name}."
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def test_a_checkpoint_of_version_1_is_read(old_state: dict[str, Any]):
    stores = SceneObjects(), SceneProxies(), SceneComposite(), PoseRefinement()
    names = ("scene_objects", "scene_proxies", "scene_composite", "scene_refinement")
    for store, name in zip(stores, names, strict=True):
        store.load_state_dict(part_of(old_state, name))
    objects, proxies, composite, refinement = stores
    assert {*objects.names} == {"red ball", "green ball", "yellow ball"} and not refinement.is_open
    red, green = proxies.record("red ball"), proxies.record("green ball")
    assert isinstance(red.placement, Placed) and red.placement.by == "generator" and isinstance(red.tuning, Tuned)
    assert isinstance(green.placement, Refused) and green.tuning is None and "yellow ball" in proxies.failures
    record = composite.record("red ball")
    assert composite.names == ("red ball",) and record.filled == 223
    assert stored(objects.get_extra_state())["version"] == VERSION


@pytest.mark.parametrize("kind", [SceneObjects, SceneProxies, SceneComposite, PoseRefinement])
def test_a_newer_checkpoint_is_refused(kind: type):
    state = kind().state_dict()
    state["_extra_state"]["version"] = VERSION + 1
    with pytest.raises(CheckpointError, match=f"form {VERSION + 1}.*reads forms 1 to {VERSION}.*later one"):
        kind().load_state_dict(state)
