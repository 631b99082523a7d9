"""Pictures and losses while poses of proxies learn: haze hides nothing, and one that diverges harms no other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ball_proxies import ball_proxy
from composed_models import lifted_model
from small_runs import small_training
from torch import Tensor

from scorp_ns.cameras import Camera
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import LiftedObject, ObjectFrame, PickedObject
from scorp_ns.run.refining import begin_refinement, finish_refinement
from scorp_ns.scene.moving_proxies import MovingProxies
from scorp_ns.scene.objects import SceneObjects
from scorp_ns.scene.picks import Pick
from scorp_ns.scene.pose_refinement import PoseRefinement
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


class Balls:
    """Two balls whose poses learn in a scene in which nothing was lifted of them."""

    def __init__(self, scene: Gaussians) -> None:
        self.refinement, proxies, objects = PoseRefinement(), SceneProxies(), SceneObjects()
        self.refinement.begin(PLACES)
        none, frame = torch.zeros(0, dtype=torch.int64), ObjectFrame(torch.eye(3), torch.zeros(3), torch.ones(3))
        for label, (name, place) in enumerate(PLACES.items(), start=1):
            proxies.take(ball_proxy(name, place), seconds=0.0)
            one = LiftedObject(name, label, none.new_zeros(1), torch.ones(1), frame, None, {}, None)
            picked = PickedObject(one, (), torch.zeros(len(scene)), torch.zeros(len(scene)))
            objects.add(picked, Pick(name, (0.0, 0.0, 0.0), 1.0))
        objects.labels.zero_()
        self.moving = MovingProxies(objects, proxies, self.refinement, lambda: scene)

    def losses(self) -> dict[str, Tensor]:
        """By masks that are smaller than the balls: what is around them is free."""
        labels = torch.zeros(SIDE, SIDE, dtype=torch.int16)
        labels[21:27, 12:18], labels[21:27, 30:36] = 1, 2
        outputs = self.moving.outputs(Camera(VIEWMAT, K, SIDE, SIDE), torch.zeros(3))
        photograph = torch.rand(SIDE, SIDE, 3, generator=torch.Generator().manual_seed(0))
        return self.moving.losses(outputs, labels, photograph, None)


@pytest.mark.parametrize(("opacity", "hides"), [(0.05, False), (0.45, False), (0.95, True)])
def test_haze_before_proxies_hides_nothing_of_their_silhouettes(opacity: float, hides: bool):
    clear = Balls(sheet_before_all(0.0)).losses()["place_silhouette"]
    hazy = Balls(sheet_before_all(opacity)).losses()["place_silhouette"]
    assert clear.item() > 1
    assert torch.equal(hazy, clear) != hides


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf, 1e30])
def test_a_proxy_that_diverges_stands_where_it_began_and_others_go_on(value: float):
    balls = Balls(sheet_before_all(0.0))
    refinement = balls.refinement
    expected = balls.losses()
    refinement.changes.data[0, 4] = value
    assert refinement.has_diverged("left") and not refinement.has_diverged("right")
    found = balls.losses()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    torch.stack(list(found.values())).sum().backward()
    assert not refinement.changes.grad[0].any()
    assert refinement.changes.grad[1].isfinite().all() and refinement.changes.grad[1].any()


def test_a_proxy_that_diverged_keeps_its_place_and_people_are_told(tmp_path: Path):
    model = lifted_model()
    model.optimizers["places"] = torch.optim.Adam([model.scene_refinement.changes])
    model.scene_proxies.take(ball_proxy("mug", PLACES["left"]), seconds=0.0)
    run = small_training(model, tmp_path)
    begin_refinement(run, {"mug"})
    model.scene_refinement.changes.data[0, 0] = torch.nan
    finish_refinement(run)
    pose = model.scene_proxies.pose("mug")
    assert pose is not None and torch.equal(pose.matrix, PLACES["left"].matrix)
    (told,) = run.warnings
    assert "'mug' stays as it was found" in told
    assert not model.scene_refinement.is_open
