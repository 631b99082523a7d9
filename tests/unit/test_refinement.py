"""Places of proxies learn from photographs through the renderer, and the better one is kept."""

from __future__ import annotations

import io
import math
from dataclasses import replace
from unittest.mock import MagicMock

import pytest
import torch
from ball_proxies import ball_proxy
from pose_requests import FOCAL, SIDE, Trouble, make_case
from solid_shapes import thing_mesh

from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.distillation import distill
from scorp_ns.fields.surface_gaussians import surface_gaussians
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.place_flow import PlaceFlow
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.refinement import MovingProxy, ProxyRender, refinement_losses, render_proxies
from scorp_ns.products import Proxy
from scorp_ns.scene_proxies import SceneProxies
from scorp_ns.scene_refinement import SceneRefinement
from scorp_ns.schedule import Schedule, ScheduleConfig
from scorp_ns.stages.refine import choose_place

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


def test_derivatives_of_the_losses_agree_with_finite_differences():
    generator = torch.Generator().manual_seed(0)
    labels = torch.zeros(8, 9, dtype=torch.int16)
    labels[2:7, 2:8], labels[0] = 1, -1
    photograph, scene_depth = (torch.rand(8, 9, *shape, generator=generator) for shape in ((3,), ()))
    proxy = MovingProxy.at(1, ball_proxy("ball").gaussians, PLACE)
    weights = 0.2 + 0.1 * torch.rand(8, 9, 1, generator=generator, dtype=torch.float64)
    weights[labels == 1] += 0.5
    depth = torch.rand(8, 9, generator=generator, dtype=torch.float64)

    def total(weights: torch.Tensor, depth: torch.Tensor) -> torch.Tensor:
        render = ProxyRender(photograph.double(), weights, depth - depth.mean().detach() * 0, weights)
        losses = refinement_losses(render, [proxy], labels, photograph.double(), scene_depth.double())
        return losses["place_silhouette"] + losses["place_color"]

    assert torch.autograd.gradcheck(total, (weights.requires_grad_(), depth))


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


def test_a_place_that_is_a_little_off_is_mended_by_the_renderers_gradients():
    field = distill(thing_mesh("car"), COARSE)
    proxy = MovingProxy.at(1, surface_gaussians(field, COARSE), Similarity.identity())
    rest, black = empty_scene(), torch.zeros(3)
    views = []
    for azimuth in (0.0, 0.7, 1.4, 2.1):
        viewmat, K = camera(azimuth)
        with torch.no_grad():
            truth = render_proxies(rest, [proxy.gaussians], viewmat, K, (SIDE, SIDE), black)
        labels = (truth.weights[..., 0] > 0.5).to(torch.int16)
        views.append((viewmat, K, labels, truth.rgb, truth.depth))
    change = CHANGE.clone().requires_grad_()
    optimizer = torch.optim.Adam([change], lr=3e-3)
    for step in range(60):
        viewmat, K, labels, photograph, depth = views[step % len(views)]
        render = render_proxies(rest, [proxy.moved(change)], viewmat, K, (SIDE, SIDE), black)
        losses = refinement_losses(render, [proxy], labels, photograph, depth)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
    assert float(change.detach()[:3].norm()) < 0.5 * float(CHANGE[:3].norm())
    assert float(change.detach()[3:6].norm()) < 0.4 * float(CHANGE[3:6].norm())
    assert abs(float(change.detach()[6])) < 0.4 * float(CHANGE[6])


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
    blind = replace(case.request, sights=())
    assert choose_place(proxy, blind, Similarity.identity(), learned, SearchConfig()) is None


def test_what_learns_survives_a_checkpoint():
    before, after = SceneRefinement(), SceneRefinement()
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
        schedule = Schedule(config, number)
        return [step for step in range(number) if schedule.refines(step)]

    assert learning(ScheduleConfig()) == list(range(801, 820))
    assert learning(ScheduleConfig(refine_for=0.0)) == []
    assert learning(ScheduleConfig(refine_for=0.5, compose_at=0.85)) == list(range(801, 851))
    assert learning(ScheduleConfig(refine_for=0.5, compose_at=2.0)) == list(range(801, 1000))
    assert learning(ScheduleConfig(place_at=2.0)) == []


def test_places_that_learn_are_kept_before_others_begin():
    model = make_model(SceneRefinement())
    for name in ("early", "late"):
        model.scene_proxies.take(ball_proxy(name, PLACE), seconds=0.0)
    flow, kept = PlaceFlow(model, MagicMock(), MagicMock()), []
    flow.finish_refinement = lambda: kept.append(model.scene_refinement.names)  # type: ignore[method-assign]
    flow.begin_refinement({"early"})
    flow.begin_refinement({"late"})
    assert kept == [(), ("early",)]
    assert model.scene_refinement.names == ("late",)


def make_model(refinement: SceneRefinement) -> MagicMock:
    """What places ask of a model."""
    composite = MagicMock(is_composed=False)
    return MagicMock(scene_refinement=refinement, scene_proxies=SceneProxies(), scene_composite=composite)
