"""The CPU renderer's gradients against the float64 oracle's, and from starts that invite infinities."""

from __future__ import annotations

from typing import Any

import comparison
import pytest
import tolerances
import torch
from scenes import Scene, make_scene

from scorp_ns.render.rasterization import rasterization

LEARNED = ("means", "quats", "scales", "opacities", "colors")


def both(scene: Scene, **options: Any) -> tuple[comparison.Rendering, comparison.Rendering]:
    """The renderer's and the oracle's rendering of the scene."""
    steady = comparison.steady_pixels(scene, options)
    assert (~steady).float().mean() < tolerances.UNSTEADY_PIXELS
    expected = comparison.draw_dense(scene, steady, **options)
    found = comparison.draw(rasterization, scene, steady, absgrad=True, packed=False, **options)
    return found, expected


def assert_same_gradients(scene: Scene, **options: Any) -> None:
    found, expected = both(scene, **options)
    assert len(expected.gradients) >= 6
    errors = comparison.gradient_errors(found, expected)
    assert max(errors.values()) < tolerances.GRADIENT, errors


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize("sh_degree", [0, 3])
@pytest.mark.parametrize(("n", "width", "height"), [(2_000, 160, 120), (10_000, 320, 240)])
def test_gradients_are_the_oracles(n, width, height, sh_degree, mode):
    assert_same_gradients(make_scene(n, width, height, sh_degree=sh_degree, with_background=True), rasterize_mode=mode)


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize("render_mode", ["RGB+D", "RGB+ED"])
def test_gradients_through_depth_are_the_oracles(render_mode, mode):
    scene = make_scene(500, 100, 75, sh_degree=2, with_background=True)
    assert_same_gradients(scene, render_mode=render_mode, rasterize_mode=mode)


@pytest.mark.parametrize("render_mode", ["D", "ED"])
def test_gradients_of_depth_alone_are_the_oracles_and_leave_colours_alone(render_mode):
    scene = make_scene(500, 100, 75)
    found, expected = both(scene, render_mode=render_mode)
    geometry = ("means", "quats", "scales", "opacities", "viewmats")
    errors = {name: comparison.relative_l2(found.gradients[name], expected.gradients[name]) for name in geometry}
    assert max(errors.values()) < tolerances.GRADIENT, errors
    assert "colors" not in found.gradients or (found.gradients["colors"] == 0).all()


@pytest.mark.parametrize("channels", [1, 2, 5, 17, 40])
def test_gradients_of_features_are_the_oracles(channels):
    assert_same_gradients(make_scene(400, 80, 60, channels=channels, with_background=True))


@pytest.mark.parametrize("sh_degree", [None, 3])
def test_gradients_from_several_cameras_add_up_to_the_oracles(sh_degree):
    assert_same_gradients(make_scene(600, 90, 70, num_views=2, sh_degree=sh_degree, with_background=True))


def test_gradients_of_each_cameras_colours_are_the_oracles():
    scene = make_scene(300, 64, 64, num_views=2)
    own = torch.stack([scene.tensors["colors"], 1 - scene.tensors["colors"]])
    assert_same_gradients(Scene({**scene.tensors, "colors": own}, 64, 64))


def test_gradients_of_fewer_harmonics_than_coefficients_are_the_oracles():
    scene = make_scene(300, 80, 60, sh_degree=3)
    assert_same_gradients(Scene(scene.tensors, 80, 60), sh_degree=1)


def test_gradients_in_pixels_that_end_early_are_the_oracles():
    assert_same_gradients(make_scene(2_000, 100, 75, crowding=4, with_background=True))


def test_gradients_of_opaque_gaussians_are_the_oracles():
    scene = make_scene(200, 80, 60)
    assert_same_gradients(Scene({**scene.tensors, "opacities": torch.full((200,), 0.999)}, 80, 60))


@pytest.mark.parametrize("num_views", [1, 2])
def test_projected_means_get_the_oracles_gradient_and_absolute_gradient(num_views):
    found, expected = both(make_scene(800, 100, 75, num_views=num_views, sh_degree=1))
    for name in ("grad", "absgrad"):
        mine, oracles = getattr(found.means2d, name).double(), getattr(expected.means2d, name)
        assert comparison.relative_l2(mine, oracles) < tolerances.GRADIENT, name


def test_packed_means_get_the_same_gradients_as_unpacked_ones():
    scene = make_scene(800, 100, 75, num_views=2)
    steady = comparison.steady_pixels(scene, {})
    unpacked = comparison.draw(rasterization, scene, steady, absgrad=True, packed=False).means2d
    arguments = scene.arguments(absgrad=True, packed=True)
    image, alpha, info = rasterization(**arguments)
    info["means2d"].retain_grad()
    comparison.objective(image, alpha, steady).backward()
    where = (info["camera_ids"], info["gaussian_ids"])
    for name in ("grad", "absgrad"):
        assert (
            comparison.relative_l2(getattr(info["means2d"], name), getattr(unpacked, name)[where]) < tolerances.GRADIENT
        ), name


def test_threads_do_not_change_the_gradients():
    scene = make_scene(1_000, 160, 120, sh_degree=1)
    steady = comparison.steady_pixels(scene, {})
    before = torch.get_num_threads()
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            results.append(comparison.draw(rasterization, scene, steady).gradients)
    finally:
        torch.set_num_threads(before)
    for name, gradient in results[0].items():
        assert gradient.equal(results[1][name]), name


def test_only_what_requires_a_gradient_gets_one():
    arguments = make_scene(50, 40, 30).arguments()
    for name in ("means", "quats", "opacities", "colors", "viewmats"):
        arguments[name].requires_grad_(False)
    rasterization(**arguments)[0].sum().backward()
    assert arguments["scales"].grad.norm() > 0
    assert all(arguments[name].grad is None for name in ("means", "quats", "opacities", "colors", "viewmats"))


def altered(scene: Scene, name: str, value: float, count: int = 5) -> Scene:
    """The scene with one parameter of its first Gaussians set to a constant."""
    tensor = scene.tensors[name].clone()
    tensor[:count] = value
    return Scene({**scene.tensors, name: tensor}, scene.width, scene.height, scene.options)


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("scales", 1e-3), ("scales", 0.5), ("scales", 3.0), ("opacities", 0.0), ("opacities", 0.002), ("opacities", 1.0)],
)
def test_gradients_from_degenerate_starts_are_the_oracles(name, value, mode):
    scene = altered(make_scene(200, 80, 60, sh_degree=1, seed=2), name, value)
    found, expected = both(scene, rasterize_mode=mode)
    errors = comparison.gradient_errors(found, expected)
    assert max(errors.values()) < tolerances.GRADIENT, errors


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("quats", 0.0),
        ("quats", 1e-30),
        ("quats", 1e30),
        ("scales", 0.0),
        ("scales", 1e-20),
        ("scales", 1e20),
        ("means", 1e20),
        ("means", torch.nan),
        ("opacities", torch.nan),
        ("scales", torch.inf),
    ],
)
def test_broken_gaussians_do_not_spoil_their_neighbours(name, value, mode):
    scene = altered(make_scene(60, 40, 30, sh_degree=1), name, value)
    arguments = scene.arguments(rasterize_mode=mode)
    image, alpha, _ = rasterization(**arguments)
    (image.square().sum() + alpha.sum()).backward()
    assert image.isfinite().all()
    assert alpha.isfinite().all()
    for learned in LEARNED:
        assert arguments[learned].grad[5:].isfinite().all(), learned
        assert arguments[learned].grad[5:].norm() > 0, learned


def test_gaussian_at_the_camera_gets_no_gradient():
    scene = make_scene(60, 40, 30, sh_degree=1)
    means = scene.tensors["means"].clone()
    means[0] = torch.linalg.inv(scene.tensors["viewmats"][0])[:3, 3]
    arguments = Scene({**scene.tensors, "means": means}, 40, 30, scene.options).arguments()
    rasterization(**arguments)[0].square().sum().backward()
    assert all((arguments[name].grad[0] == 0).all() for name in LEARNED)
