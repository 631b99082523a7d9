"""What stands out of a proxy stays where photographs need it, as a part that the proxy lacks, and goes as fog."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from ball_proxies import BALL_RADIUS, ball_proxy
from lifting_scenes import RED, Ball, ball_scene, join, photograph, shell
from torch import Tensor

from scorp_ns.compose.config import ComposeConfig
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.lift.config import LiftConfig
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.products import ComposedObject, ObjectInfo
from scorp_ns.stages.compose import compose
from scorp_ns.stages.lift import Scene, lift_objects

KNOB = Ball((-0.5, 0.0, 0.75), 0.15, RED.color)
"""On top of the ball, and the same object; its proxy is the ball without it."""

FOG = Ball(RED.center, 0.55, (0.1, 0.2, 0.9), 100)
"""Around the ball, the object's as well, and in no photograph."""


@pytest.fixture(scope="module")
def composed() -> tuple[ComposedObject, Tensor, Tensor]:
    """The composed object, and which of the Gaussians that were lifted are the knob's and the fog's."""
    balls = ball_scene((RED, KNOB))
    owners = balls.owners.clamp(max=1)
    views = [photograph(balls.gaussians, owners, view.viewmat, view.name) for view in balls.views]
    one = lift_objects(Scene(balls.gaussians, views, Similarity.identity()), [ObjectInfo("toy")], LiftConfig()).objects[
        0
    ]
    fog = shell(FOG, torch.Generator().manual_seed(1))
    fog = replace(fog, opacities=0.3 * fog.opacities)
    number = len(balls.gaussians)
    indices = torch.cat([one.indices, torch.arange(number, number + len(fog))])
    foggy = replace(one, indices=indices, visibility=torch.cat([one.visibility, torch.ones(len(fog))]))
    placed = Similarity(torch.eye(3).double(), torch.tensor(RED.center).double(), RED.radius / BALL_RADIUS)
    depths = SceneDepths(join([balls.gaussians, fog]), views)
    nothing = torch.zeros(0, dtype=torch.int64)
    made = compose(depths, foggy, ball_proxy("toy", placed), Similarity.identity(), ComposeConfig(), nothing)
    is_knob = torch.cat([balls.owners == 2, torch.zeros(len(fog), dtype=torch.bool)])[indices]
    return made, is_knob, indices >= number


def test_a_part_that_the_proxy_lacks_stays(composed: tuple[ComposedObject, Tensor, Tensor]):
    made, is_knob, _ = composed
    assert is_knob.sum() > 100 and made.kept[is_knob].float().mean() > 0.8


def test_fog_that_no_photograph_shows_goes(composed: tuple[ComposedObject, Tensor, Tensor]):
    made, _, is_fog = composed
    assert made.kept[is_fog].float().mean() < 0.1
