"""Places of proxies learn from photographs through the renderer, and the better one is kept."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import pytest
import torch
from ball_proxies import ball_proxy
from composed_models import lifted_model
from pose_requests import FOCAL, SIDE, Trouble, make_case
from small_runs import small_training
from solid_shapes import thing_mesh

from scorp_ns.cameras import Camera
from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.distillation import distill
from scorp_ns.fields.surface_gaussians import mesh_of, surface_gaussians
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.refinement import (
    SPILL_PRICE,
    MovingProxy,
    ProxyRender,
    refinement_losses,
    render_proxies,
)
from scorp_ns.pose.silhouettes import MaskedView, silhouette
from scorp_ns.products import Proxy
from scorp_ns.run.callbacks import training_callbacks
from scorp_ns.run.refining import begin_refinement
from scorp_ns.run.stage_runner import StageRunner
from scorp_ns.scene.pose_refinement import PoseRefinement
from scorp_ns.schedule import Schedule, ScheduleConfig
from scorp_ns.stages.refine import choose_place
from scorp_ns.surfaces.queries import SurfaceQueries

PLACE = Similarity.from_matrix(torch.tensor([[0.0, -2, 0, 1], [2, 0, 0, 2], [0, 0, 2, 3], [0, 0, 0, 1]]))

CHANGE = torch.tensor([0.04, -0.05, 0.03, 0.02, -0.015, 0.02, 0.03])

COARSE = FieldConfig(
    base_spacing=0.03, distance_resolutions=(48,), color_resolutions=(24,), num_samples=5000, gaussians_per_area=4000.0
)


def in_double(gaussians: Gaussians) -> Gaussians:
    return Gaussians(**{name: value.double() for name, value in vars(gaussians).items()})


def test_gaussians_go_where_the_place_goes():
    surface = in_double(ball_proxy("ball").gaussians)
    proxy = MovingProxy.at(1, surface, PLACE)
    change = CHANGE.double()
    moved, expected = proxy.moved(change), transform_gaussians(surface, proxy.place(change))
    assert torch.allclose(moved.means, expected.means, atol=1e-9)
    assert torch.allclose(moved.scales, expected.scales, atol=1e-9)
    signs = (moved.quats * expected.quats).sum(dim=1, keepdim=True).sign()
    assert torch.allclose(moved.quats, signs * expected.quats, atol=1e-6)
    assert torch.allclose(proxy.place(torch.zeros(7)).matrix, PLACE.matrix, atol=1e-12)


def test_derivatives_of_moved_gaussians_agree_with_finite_differences():
    proxy = MovingProxy.at(1, in_double(ball_proxy("ball").gaussians[torch.arange(5)]), PLACE)

    def move(change: torch.Tensor) -> tuple[torch.Tensor, ...]:
        moved = proxy.moved(change)
        return moved.means, moved.quats, moved.scales

    for change in (torch.zeros(7), CHANGE):
        assert torch.autograd.gradcheck(move, change.double().requires_grad_())


def test_silhouettes_pull_where_the_surface_is_wrong_and_nowhere_else():
    labels = torch.zeros(8, 9, dtype=torch.int16)
    labels[2:7, 2:8], labels[0] = 1, -1
    weights = torch.rand(8, 9, 1, dtype=torch.float64, requires_grad=True)
    silhouettes = torch.zeros(8, 9, 1, dtype=torch.float64)
    silhouettes[2:6, 2:8], silhouettes[:, 8] = 1, 1
    anything, depth = torch.rand(8, 9, 3, dtype=torch.float64), torch.rand(8, 9, dtype=torch.float64)
    render, proxy = ProxyRender(anything, weights, depth, weights), MovingProxy.at(1, ball_proxy("b").gaussians, PLACE)
    loss = refinement_losses(render, [proxy], silhouettes, labels, anything, depth)["place_silhouette"]
    (slopes,) = torch.autograd.grad(loss, weights)
    expected = torch.zeros(8, 9, dtype=torch.float64)
    expected[6, 2:8], expected[1:, 8] = -2, 2 * SPILL_PRICE
    torch.testing.assert_close(slopes[..., 0], expected / 30)


def empty_scene() -> Gaussians:
    far = torch.tensor([[0.0, 0.0, 1e6]])
    return Gaussians(far, torch.tensor([[1.0, 0, 0, 0]]), torch.ones(1, 3), torch.zeros(1), torch.zeros(1, 1, 3))


def camera(azimuth: float) -> tuple[torch.Tensor, torch.Tensor]:
    forward = torch.tensor([-math.cos(azimuth), -math.sin(azimuth), -0.5])
    forward = forward / forward.norm()
    right = torch.tensor([-math.sin(azimuth), math.cos(azimuth), 0.0])
    viewmat = torch.eye(4)
    viewmat[:3, :3] = torch.stack([right, torch.linalg.cross(forward, right), forward])
    viewmat[2, 3] = 2.0
    K = torch.tensor([[FOCAL, 0, SIDE / 2], [0, FOCAL, SIDE / 2], [0, 0, 1]])
    return viewmat, K


def exact_view(surface: SurfaceQueries, azimuth: float) -> tuple[MaskedView, torch.Tensor]:
    """What a camera sees of a surface at the origin, and where that lies in its image."""
    viewmat, K = camera(azimuth)
    nothing, far = torch.zeros(SIDE, SIDE, dtype=torch.bool), torch.full((SIDE, SIDE), 1e6)
    view = MaskedView(Camera(viewmat, K, SIDE, SIDE), nothing, far)
    is_shown = silhouette(surface, Similarity.identity(), view, torch.ones(SIDE, SIDE)) > 0.5
    return replace(view, is_shown=is_shown), is_shown.to(torch.int16)


def test_an_empty_scene_hides_nothing_of_a_surface():
    surface = SurfaceQueries(thing_mesh("car"))
    view, labels = exact_view(surface, 0.7)
    empty = replace(view, is_shown=torch.zeros_like(view.is_shown), scene_depth=torch.zeros(SIDE, SIDE))
    found = silhouette(surface, Similarity.identity(), empty, torch.ones(SIDE, SIDE))
    assert int(labels.sum()) > 0 and torch.equal(found, labels.to(found))


def learned(start: torch.Tensor, num_steps: int, rate: float) -> torch.Tensor:
    """How far a car is off its place after so many steps, by photographs of its exact surface."""
    field, rest, black = distill(thing_mesh("car"), COARSE), empty_scene(), torch.zeros(3)
    surface = SurfaceQueries(mesh_of(field, 1 / 96))
    proxy = MovingProxy.at(1, surface_gaussians(field, COARSE), Similarity.identity())
    views = [exact_view(surface, azimuth) for azimuth in (0.0, 0.7, 1.4, 2.1)]
    with torch.no_grad():
        truths = [render_proxies(rest, [proxy.gaussians], one.camera, black) for one, _ in views]
    change = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([change])
    for step in range(num_steps):
        (view, labels), truth = views[step % len(views)], truths[step % len(views)]
        optimizer.param_groups[0]["lr"] = rate * (1 - step / num_steps)
        render = render_proxies(rest, [proxy.moved(change)], view.camera, black)
        seen = silhouette(surface, proxy.place(change), view, render.weights[..., 0])
        losses = refinement_losses(render, [proxy], seen[..., None], labels, truth.rgb, truth.depth)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    return change.detach()


def test_a_place_that_is_a_little_off_is_mended_by_the_renderers_gradients():
    change = learned(CHANGE, 60, 5e-3)
    assert float(change[:3].norm()) < 0.5 * float(CHANGE[:3].norm())
    assert float(change[3:6].norm()) < 0.4 * float(CHANGE[3:6].norm())
    assert abs(float(change[6])) < 0.3 * float(CHANGE[6])


def test_a_right_place_stays_although_gaussians_spread_beyond_the_surface():
    change = learned(torch.zeros(7), 24, 2e-3)
    assert abs(float(change[6])) < 0.004
    assert float(change[3:6].norm()) < 0.004


@pytest.mark.parametrize("is_better", [True, False])
def test_the_better_place_is_kept(is_better: bool):
    case = make_case("duck", seed=3, num_sights=8, trouble=Trouble())
    field = distill(case.mesh, COARSE)
    off = MovingProxy.at(1, ball_proxy("ball").gaussians, case.T_capture_proxy).place(CHANGE)
    found, learned = (off, case.T_capture_proxy) if is_better else (case.T_capture_proxy, off)
    proxy = Proxy("duck", field, surface_gaussians(field, COARSE), found, Similarity.identity(), "somebody")
    chosen = choose_place(proxy, case.request, Similarity.identity(), learned, SearchConfig())
    assert chosen is not None and chosen.is_taken == is_better
    assert torch.equal(chosen.T_world_proxy.matrix, case.T_capture_proxy.matrix)
    blind = replace(case.request, windows=())
    assert choose_place(proxy, blind, Similarity.identity(), learned, SearchConfig()) is None


def test_what_learns_survives_a_checkpoint():
    before, after = PoseRefinement(), PoseRefinement()
    before.begin({"mug": PLACE, "a/b. ü": Similarity.identity()})
    before.changes.data[1] = CHANGE
    file = io.BytesIO()
    torch.save(before.state_dict(), file)
    file.seek(0)
    after.load_state_dict(torch.load(file, weights_only=True))
    assert after.is_open and after.names == before.names
    assert torch.equal(after.change("a/b. ü"), CHANGE) and torch.equal(after.start("mug").matrix, PLACE.matrix)
    parameter = after.changes
    after.end()
    assert not after.is_open and after.changes is parameter and len(parameter) == 0


def test_places_learn_between_placing_and_composing():
    def learning(config: ScheduleConfig, number: int = 1000) -> list[int]:
        return list(Schedule(config, number).refinement)

    assert learning(ScheduleConfig()) == list(range(801, 820))
    assert learning(ScheduleConfig(refine_for=0.0)) == []
    assert learning(ScheduleConfig(refine_for=0.5, compose_at=0.85)) == list(range(801, 851))
    assert learning(ScheduleConfig(refine_for=0.5, compose_at=2.0)) == list(range(801, 1000))
    assert learning(ScheduleConfig(place_at=2.0)) == []


def test_places_learn_in_ever_smaller_steps():
    schedule = Schedule(ScheduleConfig(), 1000)
    left = [schedule.refinement_left(step) for step in range(801, 820)]
    assert left[0] == 1 and left[-1] == pytest.approx(1 / 19) and left == sorted(left, reverse=True)
    assert schedule.refinement_left(800) == schedule.refinement_left(820) == 1


def test_their_optimizer_takes_those_steps_also_after_a_resume(tmp_path: Path):
    def learning_rate(optimizer: torch.optim.Optimizer, step: int) -> float:
        run = small_training(lifted_model(), tmp_path, num_iterations=1000)
        run.in_training.optimizers["places"] = optimizer
        before_iteration, *_ = training_callbacks(run, StageRunner(run, ()))
        before_iteration.run_callback(step)
        return optimizer.param_groups[0]["lr"]

    first, resumed = (torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=2e-3) for _ in range(2))
    assert learning_rate(first, 801) == 2e-3
    assert learning_rate(first, 810) == pytest.approx(2e-3 * 10 / 19)
    resumed.load_state_dict(first.state_dict())
    assert learning_rate(resumed, 811) == learning_rate(first, 811) == pytest.approx(2e-3 * 9 / 19)


def test_places_that_learn_are_kept_before_others_begin(tmp_path: Path):
    model = lifted_model()
    model.optimizers["places"] = torch.optim.Adam([model.scene_refinement.changes])
    for name in ("early", "late"):
        model.scene_proxies.take(ball_proxy(name, PLACE), seconds=0.0)
    run = small_training(model, tmp_path)
    begin_refinement(run, {"early"})
    assert model.scene_refinement.names == ("early",)
    begin_refinement(run, {"late"})
    assert model.scene_refinement.names == ("late",)
    assert "place" in run.clock.costs, "what the early one learned was looked at"


def test_nothing_is_asked_where_the_render_agrees_with_the_mask():
    surface = MagicMock(wraps=SurfaceQueries(thing_mesh("car")))
    view, labels = exact_view(surface, 0.0)
    assert torch.equal(silhouette(surface, PLACE, view, labels.float()), labels.float())
    assert len(surface.cast.call_args.args[0]) == 0


def test_the_scene_hides_what_is_behind_it_but_for_the_mask():
    surface, half = SurfaceQueries(thing_mesh("car")), torch.full((SIDE, SIDE), 0.5)
    view, labels = exact_view(surface, 0.0)
    near = replace(view, scene_depth=torch.full((SIDE, SIDE), 0.1))
    assert torch.equal(silhouette(surface, Similarity.identity(), near, half), labels.float())
    unmasked = replace(near, is_shown=torch.zeros(SIDE, SIDE, dtype=torch.bool))
    assert not silhouette(surface, Similarity.identity(), unmasked, half).any()
