"""The referee itself: its image against a scalar loop, its projection against gsplat, its gradients against steps."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import tolerances
import torch
from comparison import one_thread
from oracles.dense_projection import View, project, view_colors
from oracles.dense_renderer import render_dense, tile_members
from scenes import Scene, make_scene, views_of

PARAMETERS = ("means", "quats", "scales", "opacities", "colors", "backgrounds", "viewmats")


@pytest.fixture(autouse=True)
def on_one_thread() -> Iterator[None]:
    with one_thread():
        yield


def doubles(scene: Scene) -> dict[str, torch.Tensor]:
    return {name: t.double() for name, t in scene.tensors.items()}


def scalar_pixel(column: int, row: int, splats: list[tuple], background: float) -> tuple[float, float]:
    """One channel of one pixel, the definition read aloud: front to back, limits and all."""
    colour, transmittance = 0.0, 1.0
    for (x, y), radius, ((a, b), (_, c)), opacity, value in splats:
        left, right = math.floor((x - radius) / 16), math.ceil((x + radius) / 16)
        upper, lower = math.floor((y - radius) / 16), math.ceil((y + radius) / 16)
        if not (left <= column // 16 < right and upper <= row // 16 < lower):
            continue
        dx, dy = column + 0.5 - x, row + 0.5 - y
        alpha = min(0.999, opacity * math.exp(-0.5 * (a * dx * dx + c * dy * dy) - b * dx * dy))
        if alpha < 1 / 255:
            continue
        if transmittance * (1 - alpha) <= 1e-4:
            break
        colour += transmittance * alpha * value
        transmittance *= 1 - alpha
    return colour + transmittance * background, 1 - transmittance


def test_oracle_draws_what_a_scalar_loop_draws():
    scene = make_scene(40, 37, 21, channels=1, with_background=True, crowding=4)
    tensors = doubles(scene)
    image, alpha, _ = render_dense(**scene.arguments(torch.float64))
    splats = project(tensors["means"], tensors["quats"], tensors["scales"], views_of_scene(scene)[0])
    rows = zip(
        splats.means2d.tolist(),
        splats.radii.tolist(),
        splats.conics.tolist(),
        tensors["opacities"][splats.ids].tolist(),
        tensors["colors"][splats.ids, 0].tolist(),
        strict=True,
    )
    listed, background = list(rows), tensors["backgrounds"].item()
    expected = torch.tensor([[scalar_pixel(x, y, listed, background) for x in range(37)] for y in range(21)])
    assert (image[0, ..., 0] - expected[..., 0]).abs().max() < 1e-6
    assert (alpha[0, ..., 0] - expected[..., 1]).abs().max() < 1e-6


def views_of_scene(scene: Scene) -> list[View]:
    tensors = doubles(scene)
    return views_of(tensors["viewmats"], tensors["Ks"], scene.width, scene.height)


def test_oracle_projects_like_gsplats_own_reference():
    reference = pytest.importorskip("gsplat.cuda._torch_impl")
    scene = make_scene(300, 100, 75)
    tensors = doubles(scene)
    means = tensors["means"] * 3  # Some end up off the image, beyond the covariance bound, behind the camera.
    covariances, _ = reference._quat_scale_to_covar_preci(tensors["quats"], tensors["scales"], True, False)
    radii, means2d, depths, conics, compensations = reference._fully_fused_projection(
        means, covariances, tensors["viewmats"], tensors["Ks"], 100, 75, 0.3, 0.01, 1e10, calc_compensations=True
    )
    view = views_of_scene(scene)[0]
    splats = project(means, tensors["quats"], tensors["scales"], view)
    ids = splats.ids
    assert ids.sort().values.equal((radii[0] > 0).nonzero()[:, 0])
    assert splats.radii.equal(radii[0, ids].double())
    assert (splats.means2d - means2d[0, ids]).abs().max() < tolerances.REFERENCE
    assert (splats.depths - depths[0, ids]).abs().max() < tolerances.REFERENCE
    assert (splats.conics[:, 0] - conics[0, ids, :2]).abs().max() < tolerances.REFERENCE
    assert (splats.compensations - compensations[0, ids]).abs().max() < tolerances.REFERENCE
    _, _, listed = reference._isect_tiles(means2d, radii, depths, 16, 7, 5)
    members, _ = tile_members(view, splats)
    assert ids[members].equal(listed.long())


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_oracle_colours_are_gsplats_colours(degree):
    reference = pytest.importorskip("gsplat.cuda._torch_impl")
    scene = make_scene(100, 64, 48, sh_degree=3)
    tensors = doubles(scene)
    position = torch.linalg.inv(tensors["viewmats"][0])[:3, 3]
    sums = reference._spherical_harmonics(degree, tensors["means"] - position, tensors["colors"])
    seen = view_colors(tensors["means"], tensors["colors"], views_of_scene(scene)[0], degree)
    assert (seen - (sums + 0.5).clamp(min=0)).abs().max() < tolerances.REFERENCE


def smooth_objective(scene: Scene, **options):
    """A function of the scene's parameters that returns the image and alpha at steady pixels."""
    steady = scene.steady_pixels(options.get("rasterize_mode", "classic"))[..., None]
    fixed = {"Ks": scene.tensors["Ks"].double(), "width": scene.width, "height": scene.height, **scene.options}

    def objective(*parameters):
        image, alpha, _ = render_dense(**dict(zip(PARAMETERS, parameters, strict=True)), **fixed, **options)
        return torch.cat([image, alpha], dim=-1) * steady

    return objective


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
def test_oracle_passes_gradcheck_on_six_gaussians(mode):
    scene = make_scene(6, 9, 7, sh_degree=3, with_background=True, crowding=0.8)
    arguments = scene.arguments(torch.float64)
    objective = smooth_objective(scene, rasterize_mode=mode, render_mode="RGB+ED")
    parameters = tuple(arguments[name] for name in PARAMETERS)
    assert objective(*parameters)[..., -1].mean() > 0.05
    assert torch.autograd.gradcheck(objective, parameters, eps=1e-7, atol=1e-6, rtol=1e-5, check_undefined_grad=False)


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
def test_oracle_gradients_agree_with_finite_differences(mode):
    scene = make_scene(150, 64, 48, num_views=2, sh_degree=1, with_background=True)
    arguments = scene.arguments(torch.float64)
    objective = smooth_objective(scene, rasterize_mode=mode)
    parameters = [arguments[name] for name in PARAMETERS]
    generator = torch.Generator().manual_seed(5)
    weights = torch.randn(objective(*parameters).shape, generator=generator, dtype=torch.float64)
    gradients = torch.autograd.grad((objective(*parameters) * weights).sum(), parameters)
    step = 1e-8  # Small enough to stay inside the bands around the cut-offs.
    for k, gradient in enumerate(gradients):
        direction = torch.randn(gradient.shape, generator=generator, dtype=torch.float64)

        def along(amount, k=k, direction=direction):
            moved = [p.detach() + amount * direction if i == k else p.detach() for i, p in enumerate(parameters)]
            return (objective(*moved) * weights).sum()

        measured = (along(step) - along(-step)) / (2 * step)
        predicted = (gradient * direction).sum()
        assert abs(measured - predicted) < tolerances.FINITE_DIFFERENCE * gradient.norm(), PARAMETERS[k]


def test_oracle_absgrad_sums_each_pixels_pull():
    scene = make_scene(12, 20, 18)
    arguments = scene.arguments(torch.float64)
    image, _, means2d = render_dense(**arguments)
    weights = torch.linspace(-1, 1, image.numel(), dtype=torch.float64).reshape(image.shape)
    expected = torch.zeros_like(means2d)
    for y in range(18):
        for x in range(20):
            pixel = (image * weights)[0, y, x].sum()
            expected += torch.autograd.grad(pixel, means2d, retain_graph=True)[0].abs()
    means2d.absgrad.zero_()
    means2d.grad = None
    (image * weights).sum().backward()
    assert (means2d.absgrad - expected).abs().max() < tolerances.REFERENCE
    assert (means2d.absgrad >= means2d.grad.abs() - tolerances.REFERENCE).all()


def test_culled_gaussians_get_zero_gradients():
    scene = make_scene(20, 32, 32)
    arguments = scene.arguments(torch.float64)
    with torch.no_grad():
        arguments["quats"][0] = 0
        arguments["means"][1] = torch.linalg.inv(arguments["viewmats"][0])[:3, 3]
        arguments["means"][2] = 1e3
    render_dense(**arguments)[0].square().sum().backward()
    for name in ("means", "quats", "scales", "opacities", "colors"):
        assert arguments[name].grad.isfinite().all()
        assert (arguments[name].grad[:3] == 0).all()
