"""A run to try stages on: a ball that was lifted from a table, with a proxy that hovers above it."""

from __future__ import annotations

from contextlib import nullcontext
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
import trimesh
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox
from torch.optim import Adam, Optimizer

from scorp_ns.fields.config import FieldConfig
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.example_request import RADIUS, example_request
from scorp_ns.generate.generator import Work
from scorp_ns.model import ScorpModel, ScorpModelConfig
from scorp_ns.products import VISIBLE, CapturedView, LiftedObject, LiftedScene, Proxy, ProxyAsset, ProxyRequest
from scorp_ns.run.run import Run, Training
from scorp_ns.scene.records import Placed
from scorp_ns.schedule import Schedule
from scorp_ns.stages.propose import propose
from scorp_ns.surfaces.mesh import ColoredMesh

HOVERING = 0.01
"""Height of the proxy above the table in metres."""

ITERATIONS = 100

COARSE = FieldConfig(
    base_spacing=0.1,
    distance_resolutions=(16,),
    color_resolutions=(8,),
    residual_resolutions=(8,),
    log2_table_size=10,
    num_samples=2000,
    gaussians_per_area=1000.0,
)
"""A proxy that is made in a moment."""


class Balls:
    """A generator of grey balls."""

    def fingerprint(self, request: ProxyRequest) -> None:
        """None: replies are not stored."""

    def generate(self, request: ProxyRequest, work: Work) -> ProxyAsset:
        """A ball above where the object stands."""
        ball = trimesh.creation.icosphere(3, RADIUS)
        vertices = np.asarray(ball.vertices, np.float32)
        shape = ColoredMesh(vertices, np.asarray(ball.faces, np.int64), np.full_like(vertices, 0.5))
        place = torch.tensor([0.0, 0.0, RADIUS + HOVERING], dtype=torch.float64)
        return ProxyAsset(shape, "an example", Similarity(torch.eye(3, dtype=torch.float64), place, 1.0), True)


def example_run(name: str = "ball") -> Run:
    """A run in training at its last iteration, made in a moment; the same one every time."""
    request = example_request(name)
    views = [_view(crop) for crop in request.windows]
    model = _model(request, views)
    data = SimpleNamespace(
        object_masks=None,
        given_masks=None,
        mask_check=None,
        capture_to_world=Similarity.identity(),
        captured_views=lambda *_: list(views),
    )
    run = Run(model, cast("Any", data))
    proxy = deepcopy(_proxy(name))
    assert proxy.T_world_proxy is not None
    model.scene_proxies.take(proxy, seconds=1.0)
    model.scene_proxies.set_placement(name, Placed(proxy.T_world_proxy, {}, "search"))
    run.folder = Path("example")
    run.training = _training(model)
    return run


@cache
def _proxy(name: str) -> Proxy:
    return propose(example_request(name), Balls(), Similarity.identity(), COARSE, Path(), True, Work())


def _view(crop: Any) -> CapturedView:
    labels = torch.from_numpy(np.where(crop.trimap == VISIBLE, 1, 0).astype(np.int16))
    photograph = torch.from_numpy(crop.photograph.astype(np.uint8))
    return CapturedView(crop.name, photograph, labels, crop.viewmat.float(), crop.K.float())


def _model(request: ProxyRequest, views: list[CapturedView]) -> ScorpModel:
    """A model whose first Gaussians are the ball, and whose others are the table."""
    number, side = len(request.gaussians), torch.linspace(-0.2, 0.2, 15)
    table = torch.cartesian_prod(side, side, torch.zeros(1))
    points = torch.cat([request.gaussians.means, table])
    colors = torch.cat([(255 * request.gaussians.base_colors).byte(), torch.full((len(table), 3), 150).byte()])
    T_camera_world = torch.stack([view.viewmat for view in views])
    poses = torch.linalg.inv(T_camera_world) @ torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    Ks, width, height = torch.stack([view.K for view in views]), views[0].width, views[0].height
    cameras = Cameras(poses[:, :3], Ks[:, 0, 0], Ks[:, 1, 1], Ks[:, 0, 2], Ks[:, 1, 2], width, height)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(request.seed)
        model = ScorpModelConfig().setup(
            scene_box=SceneBox(torch.tensor([[-1.0] * 3, [1.0] * 3])),
            num_train_data=len(views),
            metadata={"cameras": cameras},
            seed_points=(points, colors),
        )
    labels = (torch.arange(len(points)) < number).to(torch.int16)
    visibility = torch.cat([request.visibility, torch.ones(len(table))])
    votes = torch.nn.functional.one_hot(labels.long(), 2).float()
    shares = {view.name: 0.5 for view in views}
    ball = LiftedObject(
        request.name, 1, torch.arange(number), request.visibility, request.frame, request.support, shares, 1.0
    )
    model.scene_objects.take(LiftedScene(labels, votes, visibility, (ball,), {request.name: request.views}, {}))
    return model


def _training(model: ScorpModel) -> Training:
    schedule = Schedule(model.config.schedule, ITERATIONS)
    model.begin_training(schedule.densification(model.num_train_data))
    groups = {name: parameters for name, parameters in model.get_param_groups().items() if parameters}
    optimizers: dict[str, Optimizer] = {name: Adam(parameters, 0.01) for name, parameters in groups.items()}
    model.optimizers = optimizers
    model.step = ITERATIONS - 1
    model.train()
    return Training(
        schedule=schedule,
        seed=1,
        experiment="example",
        method="scorp",
        folder=Path("example"),
        save_objects=False,
        optimizers=optimizers,
        lock=nullcontext(),
        save_checkpoint=lambda step: None,
        regenerate=set(),
        recompose=set(),
    )
