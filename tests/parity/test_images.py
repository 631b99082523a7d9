"""The CPU renderer's images against the float64 oracle's, over what a caller can ask for."""

from __future__ import annotations

from typing import Any

import comparison
import pytest
import tolerances
import torch
from scenes import Scene, make_scene

from scorp_ns.render.rasterization import rasterization


def assert_same_image(scene: Scene, **options: Any) -> None:
    """The renderer's image and alpha are the oracle's wherever float32 must decide as float64 does."""
    steady = comparison.steady_pixels(scene, options)
    assert (~steady).float().mean() < tolerances.UNSTEADY_PIXELS
    expected = comparison.draw_dense(scene, steady, **options)
    found = comparison.draw(rasterization, scene, steady, **options)
    assert found.image.shape == expected.image.shape
    assert expected.alpha.mean() > 0.1, "The scene shows too little to prove anything."
    assert comparison.image_error(found.image, expected.image, steady) < tolerances.IMAGE
    assert comparison.image_error(found.alpha, expected.alpha, steady) < tolerances.IMAGE


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize("sh_degree", [0, 3])
@pytest.mark.parametrize(("n", "width", "height"), [(2_000, 160, 120), (10_000, 320, 240)])
def test_image_is_the_oracles(n, width, height, sh_degree, mode):
    assert_same_image(make_scene(n, width, height, sh_degree=sh_degree), rasterize_mode=mode)


@pytest.mark.parametrize("crowding", [1.5, 4.0])
def test_pixels_at_a_cutoff_are_off_by_no_more_than_the_gaussian_in_question(crowding):
    scene = make_scene(4_000, 160, 120, crowding=crowding)
    everywhere = torch.ones(1, 120, 160, dtype=torch.bool)
    assert not scene.steady_pixels().all()
    expected = comparison.draw_dense(scene, everywhere)
    found = comparison.draw(rasterization, scene, everywhere)
    assert comparison.image_error(found.image, expected.image, everywhere) < tolerances.CUTOFF_IMAGE


@pytest.mark.parametrize("sh_degree", [1, 2])
def test_middle_harmonics_are_the_oracles(sh_degree):
    assert_same_image(make_scene(300, 80, 60, sh_degree=sh_degree))


def test_fewer_harmonics_than_coefficients_are_used_on_request():
    scene = make_scene(300, 80, 60, sh_degree=3)
    assert_same_image(Scene(scene.tensors, scene.width, scene.height), sh_degree=1)


@pytest.mark.parametrize("with_background", [False, True])
@pytest.mark.parametrize("render_mode", ["RGB", "D", "ED", "RGB+D", "RGB+ED"])
def test_every_render_mode_is_the_oracles(render_mode, with_background):
    assert_same_image(make_scene(500, 100, 75, with_background=with_background), render_mode=render_mode)


@pytest.mark.parametrize("render_mode", ["RGB", "RGB+ED"])
@pytest.mark.parametrize("channels", [1, 2, 5, 17, 40])
def test_features_of_any_width_are_the_oracles(channels, render_mode):
    assert_same_image(make_scene(400, 80, 60, channels=channels, with_background=True), render_mode=render_mode)


@pytest.mark.parametrize("sh_degree", [None, 3])
def test_several_cameras_are_the_oracles(sh_degree):
    assert_same_image(make_scene(600, 90, 70, num_views=2, sh_degree=sh_degree, with_background=True))


def test_colours_of_each_camera_are_the_oracles():
    scene = make_scene(300, 64, 64, num_views=2)
    own = torch.stack([scene.tensors["colors"], 1 - scene.tensors["colors"]])
    assert_same_image(Scene({**scene.tensors, "colors": own}, 64, 64))


@pytest.mark.parametrize(("width", "height"), [(7, 5), (16, 16), (17, 33), (100, 31)])
def test_images_that_do_not_fill_their_tiles_are_the_oracles(width, height):
    assert_same_image(make_scene(100, width, height, crowding=2))


def test_near_and_far_plane_cut_where_the_oracle_cuts():
    scene = make_scene(500, 80, 60)
    assert_same_image(scene, near_plane=2.7, far_plane=3.3)


def test_radius_clip_drops_what_the_oracle_drops():
    scene = make_scene(2_000, 80, 60, crowding=2)
    steady = comparison.steady_pixels(scene, {})
    everything = comparison.draw_dense(scene, steady).image
    assert (everything - comparison.draw_dense(scene, steady, radius_clip=7.0).image).abs().max() > 0.01
    assert_same_image(scene, radius_clip=7.0)


def test_blur_of_another_size_is_the_oracles():
    # The scene is steady for the usual blur; any other one puts some Gaussians back near a decision.
    scene = make_scene(100, 80, 60, crowding=2, seed=3)
    assert_same_image(scene, eps2d=0.1)


def test_pixels_that_end_early_are_the_oracles():
    scene = make_scene(2_000, 100, 75, crowding=4)
    steady = comparison.steady_pixels(scene, {})
    assert (1 - comparison.draw_dense(scene, steady).alpha < 1.5e-4).double().mean() > 0.1
    assert_same_image(scene)


def test_opaque_gaussians_are_the_oracles():
    scene = make_scene(200, 80, 60)
    tensors = {**scene.tensors, "opacities": torch.ones(200)}
    assert_same_image(Scene(tensors, 80, 60))


@pytest.mark.parametrize("packed", [False, True])
def test_packing_does_not_change_the_image(packed):
    arguments = make_scene(300, 64, 48, num_views=2).arguments()
    expected, _, _ = rasterization(**arguments)
    assert rasterization(**arguments, packed=packed)[0].equal(expected)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_do_not_change_the_image(threads):
    arguments = make_scene(1_000, 160, 120).arguments()
    expected, _, _ = rasterization(**arguments)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(threads)
        assert rasterization(**arguments)[0].equal(expected)
    finally:
        torch.set_num_threads(before)


def test_nothing_in_sight_shows_the_background():
    scene = make_scene(5, 40, 30, with_background=True)
    arguments = scene.arguments()
    background = arguments["backgrounds"][0]
    for means in (arguments["means"] + 100, -arguments["means"] * 0 - 50):
        image, alpha, _ = rasterization(**{**arguments, "means": means})
        assert (alpha == 0).all()
        assert (image == background).all()


def test_no_gaussians_show_the_background():
    scene = make_scene(5, 40, 30, with_background=True)
    arguments = scene.arguments()
    none = {name: arguments[name][:0] for name in ("means", "quats", "scales", "opacities", "colors")}
    image, alpha, _ = rasterization(**{**arguments, **none})
    assert (alpha == 0).all()
    assert (image == arguments["backgrounds"][0]).all()
