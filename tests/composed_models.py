"""Models in training that have lifted an object and composed it, made in a moment."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox

from scorp_ns.gaussians.splats import Gaussians, parameters_from_gaussians
from scorp_ns.gaussians.surgery import append_rows
from scorp_ns.model import ScorpModel, ScorpModelConfig
from scorp_ns.products import ComposedObject, LiftedObject, LiftedScene, ObjectFrame
from scorp_ns.schedule import Schedule

NUM_GAUSSIANS, NUM_FILL, NUM_SEEN = 60, 7, 3
SIZE = 32
DROPPED = 5
"""Of the mug's 20 Gaussians."""
FLOATERS = torch.tensor([3, 50, 51])
"""Gaussians of no object that hang where the mug is."""


def camera() -> Cameras:
    pose = torch.eye(4)[None, :3].clone()
    pose[0, 2, 3] = 2.0
    return Cameras(pose, fx=30.0, fy=30.0, cx=SIZE / 2, cy=SIZE / 2, width=SIZE, height=SIZE)


def new_model(num_points: int = NUM_GAUSSIANS, **options) -> ScorpModel:
    torch.manual_seed(0)
    points, colors = torch.randn(num_points, 3) * 0.3, torch.randint(0, 256, (num_points, 3), dtype=torch.uint8)
    return ScorpModelConfig(**options).setup(
        scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])),
        num_train_data=1,
        metadata={"cameras": camera()},
        seed_points=(points, colors),
    )


def lifted_model(**options) -> ScorpModel:
    """A model in training whose second third of Gaussians is a mug."""
    model = new_model(**options)
    model.scene_objects.take(lifted_scene_of(model))
    model.begin_training(Schedule(model.config.schedule, 100).densification(1))
    model.optimizers = {name: torch.optim.Adam([value], 0.05) for name, value in model.gauss_params.items()}
    model.train()
    return model


def lifted_scene_of(model: ScorpModel, visible_shares: Mapping[str, float] = MappingProxyType({})) -> LiftedScene:
    """The mug among the model's Gaussians."""
    labels = torch.tensor([0, 1, 0], dtype=torch.int16).repeat_interleave(20)
    mug = LiftedObject(
        name="mug",
        label=1,
        indices=torch.arange(20, 40),
        visibility=torch.ones(20),
        frame=ObjectFrame(torch.eye(3), torch.zeros(3), torch.ones(3)),
        support=None,
        visible_shares=visible_shares,
        mask_iou=None,
    )
    votes, visibility = torch.zeros(NUM_GAUSSIANS, 2), torch.ones(NUM_GAUSSIANS)
    return LiftedScene(labels, votes, visibility, (mug,), {}, {})


def fill() -> Gaussians:
    return Gaussians(
        means=0.3 * torch.randn(NUM_FILL, 3, generator=torch.Generator().manual_seed(1)),
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(NUM_FILL, 1),
        scales=torch.full((NUM_FILL, 3), 0.1),
        opacities=torch.full((NUM_FILL,), 0.9),
        harmonics=torch.ones(NUM_FILL, 1, 3),
    )


def compose(model: ScorpModel) -> None:
    """Leave some of the mug out, and fill it."""
    (mug,) = map(model.scene_composite.own, model.scene_objects.objects())
    seen = torch.arange(NUM_FILL) < NUM_SEEN
    composed = ComposedObject("mug", torch.arange(len(mug.indices)) >= DROPPED, fill(), seen, FLOATERS, {"seen": 0.5})
    with model.scene_objects.following(model.strategy_state) as state:
        rows = parameters_from_gaussians(composed.fill, model.config.sh_degree)
        append_rows(model.gauss_params, model.optimizers, state, rows)
    model.scene_objects.adopt(mug.label, seen.float())
    model.scene_composite.take(mug, composed, dict(model.gauss_params.items()))
