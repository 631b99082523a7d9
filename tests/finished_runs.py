"""Runs that are finished in a moment: a short run whose objects get exact proxies in their true places."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import torch
import yaml
from ball_proxies import BALL_RADIUS, COARSE, ball_proxy
from captures import BALL_CENTERS, BALL_NAMES, BALL_RADII, floor_color

from scorp_ns.appearance.color_map import tuned_color
from scorp_ns.fields.surface_gaussians import surface_gaussians
from scorp_ns.finished.finished_run import MODEL, FinishedRun, load_finished_run
from scorp_ns.gaussians.seeding import SH_C0
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians, parameters_from_gaussians
from scorp_ns.gaussians.surgery import append_rows
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.products import ComposedObject

RED_MAP = torch.tensor([[0.6, 0.0, 0.0, 0.3], [0.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.0]])
"""From generated to tuned colours; nothing else has so little but red."""

DENSE = replace(COARSE, gaussians_per_area=3000.0)
"""So many Gaussians that nothing shines through."""


def tuned_ball_color(directions: torch.Tensor) -> torch.Tensor:
    """The colour of a composed ball where its surface looks in a direction."""
    generated = (0.5 + 0.5 * directions).clamp(0, 1)
    return (generated @ RED_MAP[:, :3].to(directions).T + RED_MAP[:, 3].to(directions)).clamp(0, 1)


def place_of_ball(index: int) -> Similarity:
    """Where the proxy of a ball belongs in the capture."""
    scale = float(BALL_RADII[index]) / BALL_RADIUS
    return Similarity(torch.eye(3, dtype=torch.float64), torch.from_numpy(BALL_CENTERS[index]), scale)


def write_finished_run(trained: Path, folder: Path, keep_capture: bool = False) -> Path:
    """A copy of a run of the balls, in which all have exact proxies, composed but for the last; its capture is gone.

    The yellow ball's proxy has no place; of the others nothing is left but what comes from their proxies.
    """
    config = yaml.load((trained / "config.yml").read_text(), Loader=yaml.Loader)
    config.output_dir = folder
    if not keep_capture:
        config.data = config.pipeline.datamanager.data = folder / "gone"
    copy = config.get_base_dir()
    shutil.copytree(trained, copy)
    (copy / "config.yml").write_text(yaml.dump(config))
    (path,) = (copy / "nerfstudio_models").iterdir()
    run = load_finished_run(copy / "config.yml")
    _lay_floor(run)
    _put_on_the_floor(run)
    for index, name in enumerate(BALL_NAMES):
        pose = run.capture_to_world @ place_of_ball(index)
        is_placed = name != BALL_NAMES[-1]
        run.model.scene_proxies.take(ball_proxy(name, pose if is_placed else None), 1.0)
    run.model.scene_proxies.give_up(BALL_NAMES[-1], "It fits nowhere.", {}, None)
    for name in BALL_NAMES[:-1]:
        _compose(run, name)
    state = torch.load(path, weights_only=True)
    state["pipeline"] = {f"{MODEL}{name}": value for name, value in run.model.state_dict().items()}
    torch.save(state, path)
    return copy


def _put_on_the_floor(run: FinishedRun) -> None:
    """Let the objects know the plane z = 0 of the capture, which short runs hardly find."""
    store, up = run.model.scene_objects, run.capture_to_world.rotation[:, 2].float()
    state = store.get_extra_state()
    for index, name in enumerate(BALL_NAMES):
        foot = torch.tensor([*BALL_CENTERS[index][:2], 0.0], dtype=torch.float64)
        state["facts"][name]["support"] = (run.capture_to_world.apply(foot).float(), up)
    store.set_extra_state(state)


def _lay_floor(run: FinishedRun, spacing: float = 0.05) -> None:
    """Add the floor to the scene, but for what the red ball hides from above."""
    axis = torch.arange(-1.5, 1.5, spacing)
    x, y = (part.flatten() for part in torch.meshgrid(axis, axis, indexing="ij"))
    points = torch.stack([x, y, torch.zeros_like(x)], dim=1)
    points = points[points.norm(dim=1) > BALL_RADII[0]]
    colors = torch.from_numpy(floor_color(points.numpy())).float()
    number = len(points)
    floor = Gaussians(
        means=points,
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(number, 1),
        scales=spacing * torch.tensor([0.7, 0.7, 0.05]).repeat(number, 1),
        opacities=torch.full((number,), 0.95),
        harmonics=((colors - 0.5) / SH_C0)[:, None],
    )
    _append(run, transform_gaussians(floor, run.capture_to_world), 0)


def _append(run: FinishedRun, new: Gaussians, label: int) -> None:
    """Add Gaussians to the scene, as those of the object with a label."""
    model, state = run.model, {}
    with model.scene_objects.following(state):
        append_rows(model.gauss_params, {}, state, parameters_from_gaussians(new, model.config.sh_degree))
    model.scene_objects.adopt(label, torch.ones(len(new)))


def _compose(run: FinishedRun, name: str) -> None:
    """Put the whole proxy in place of what was lifted."""
    model, proxy = run.model, run.model.scene_proxies.proxy(name)
    proxy.field.set_color_map(RED_MAP[:, :3], RED_MAP[:, 3])
    (one,) = (one for one in model.scene_objects.objects() if one.name == name)
    assert proxy.T_world_proxy is not None
    surface = surface_gaussians(proxy.field, DENSE)
    colors = tuned_color(proxy.field)(surface.means)
    surface = replace(surface, harmonics=((colors - 0.5) / SH_C0)[:, None])
    fill = transform_gaussians(surface, proxy.T_world_proxy)
    composed = ComposedObject(
        name=name,
        kept=torch.zeros(len(one.indices), dtype=torch.bool),
        fill=fill,
        seen=torch.ones(len(fill), dtype=torch.bool),
        floaters=torch.zeros(0, dtype=torch.int64),
        evidence={},
    )
    _append(run, fill, one.label)
    model.scene_composite.take(one, composed, dict(model.gauss_params.items()))
