"""What is rendered and compared while places of proxies learn: haze hides nothing, and who gets lost harms nobody."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any
from unittest import mock
from unittest.mock import MagicMock

import pytest
import torch
from ball_proxies import ball_proxy
from torch import Tensor

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.run.placing import PlaceFlow
from scorp_ns.scene.moving_proxies import PlaceRefinement
from scorp_ns.scene.pose_refinement import SceneRefinement
from scorp_ns.scene.proxies import SceneProxies

SIDE = 48
VIEWMAT = torch.eye(4)
VIEWMAT[2, 3] = 4.0
K = torch.tensor([[60.0, 0, SIDE / 2], [0, 60.0, SIDE / 2], [0, 0, 1]])


def at(x: float) -> Similarity:
    return Similarity(torch.eye(3, dtype=torch.float64), torch.tensor([x, 0, 0], dtype=torch.float64), 1.0)


PLACES = {"left": at(-0.6), "right": at(0.6)}


def sheet_before_all(opacity: float) -> Gaussians:
    """One Gaussian that fills the image between the camera and everything else."""
    flat = torch.tensor([[9.0, 9.0, 0.01]])
    means, quats = torch.tensor([[0.0, 0, -2]]), torch.tensor([[1.0, 0, 0, 0]])
    return Gaussians(means, quats, flat, torch.tensor([opacity]), torch.zeros(1, 1, 3))


def learning_model(scene: Gaussians, places: Mapping[str, Similarity] = PLACES) -> MagicMock:
    """What is asked of a model whose balls stand in a scene in which nothing was lifted of them."""
    refinement, proxies = SceneRefinement(), SceneProxies()
    refinement.begin(places)
    for name, place in places.items():
        proxies.take(ball_proxy(name, place), seconds=0.0)
    objects = [SimpleNamespace(name=name, label=label) for label, name in enumerate(places, start=1)]
    store = MagicMock(indices=lambda name: torch.zeros(0, dtype=torch.long), objects=lambda: objects)
    composite = MagicMock(own=lambda one: one)
    return MagicMock(
        scene_before=scene, scene_objects=store, scene_proxies=proxies, scene_refinement=refinement,
        scene_composite=composite,
    )  # fmt: skip


def losses(model: MagicMock) -> dict[str, Tensor]:
    """By masks that are smaller than the balls: what is around them is free."""
    labels = torch.zeros(SIDE, SIDE, dtype=torch.int16)
    labels[21:27, 12:18], labels[21:27, 30:36] = 1, 2
    refinement = PlaceRefinement(model)
    outputs = refinement.outputs(VIEWMAT[None], K[None], SIDE, SIDE, torch.zeros(3))
    batch: dict[str, Any] = {"object_labels": labels}
    return refinement.losses(
        outputs, batch, torch.rand(SIDE, SIDE, 3, generator=torch.Generator().manual_seed(0)), None
    )


@pytest.mark.parametrize(("opacity", "hides"), [(0.05, False), (0.45, False), (0.95, True)])
def test_haze_before_proxies_hides_nothing_of_their_silhouettes(opacity: float, hides: bool):
    clear = losses(learning_model(sheet_before_all(0.0)))["place_silhouette"]
    hazy = losses(learning_model(sheet_before_all(opacity)))["place_silhouette"]
    assert clear.item() > 1
    assert torch.equal(hazy, clear) != hides


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e30])
def test_a_proxy_that_gets_lost_stands_where_it_began_and_others_go_on(value: float):
    model = learning_model(sheet_before_all(0.0))
    refinement = model.scene_refinement
    expected = losses(model)
    refinement.changes.data[0, 4] = value
    assert refinement.is_lost("left") and not refinement.is_lost("right")
    found = losses(model)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    torch.stack(list(found.values())).sum().backward()
    assert not refinement.changes.grad[0].any()
    assert refinement.changes.grad[1].isfinite().all() and refinement.changes.grad[1].any()


def test_a_proxy_that_got_lost_keeps_its_place_and_people_are_told():
    model, objects = learning_model(sheet_before_all(0.0), {"left": PLACES["left"]}), MagicMock()
    model.scene_refinement.changes.data[0, 0] = torch.nan
    flow = PlaceFlow(model, MagicMock(), objects)
    with mock.patch("scorp_ns.run.placing.scene_depths"):
        flow.finish_refinement()
    assert torch.equal(model.scene_proxies.proxy("left").T_world_proxy.matrix, PLACES["left"].matrix)
    (told,) = objects.warn.call_args.args
    assert "'left' stays as it was found" in told
    assert not model.scene_refinement.is_open
