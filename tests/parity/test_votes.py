"""Votes of one view: the CPU kernels against the gradient of a channel, and both against the float64 oracle."""

from __future__ import annotations

from math import ceil
from typing import Any

import pytest
import tolerances
import torch
from comparison import one_thread, relative_l2, steady_pixels
from jaxtyping import Float, Int
from oracles.dense_projection import TILE, Splats, View, project, splat
from oracles.dense_renderer import limited_alphas, raw_alphas, tile_members, tile_pixels
from scenes import Scene, make_scene, views_of
from torch import Tensor

from scorp_ns.render.label_weights import label_weights, label_weights_by_gradient

GAUSSIANS = ("means", "quats", "scales", "opacities")


def blobs(width: int, height: int, num_labels: int, seed: int = 0) -> Int[Tensor, "h w"]:
    """Discs of all labels and of unknown pixels over label 0."""
    generator = torch.Generator().manual_seed(seed)
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    labels = torch.zeros(height, width, dtype=torch.int64)
    for label in range(-1, num_labels):
        centre, radius = torch.rand(2, generator=generator), torch.rand((), generator=generator)
        distance = torch.hypot(x - width * centre[0], y - height * centre[1])
        labels[distance < width * (0.05 + 0.15 * radius)] = label
    return labels


def weigh(function: Any, scene: Scene, labels: Tensor, num_labels: int, device: str = "cpu", **options: Any) -> Any:
    """The votes of the scene's first camera."""
    gaussians = [scene.tensors[name].to(device) for name in GAUSSIANS]
    camera = [scene.tensors[name][0].to(device) for name in ("viewmats", "Ks")]
    return function(*gaussians, *camera, labels.to(device), num_labels, **options)


def first_view(scene: Scene, **limits: float) -> tuple[View, Splats]:
    """The scene's first camera and what it shows, in double precision."""
    tensors = {name: t.double() for name, t in scene.tensors.items()}
    view = views_of(tensors["viewmats"][:1], tensors["Ks"][:1], scene.width, scene.height, **limits)[0]
    return view, project(tensors["means"], tensors["quats"], tensors["scales"], view)


def strengths_of(scene: Scene, splats: Splats, rasterize_mode: str) -> Float[Tensor, " v"]:
    opacities = scene.tensors["opacities"].double()[splats.ids]
    return opacities * splats.compensations if rasterize_mode == "antialiased" else opacities


def dense_votes(
    scene: Scene, labels: Tensor, num_labels: int, rasterize_mode: str = "classic", **limits: float
) -> tuple[Tensor, Tensor]:
    """The oracle's votes and total weights: all Gaussians of a tile at all its pixels, in one matrix."""
    view, splats = first_view(scene, **limits)
    members, counts = tile_members(view, splats)
    tables = (splats.ids, splats.means2d, splats.conics, strengths_of(scene, splats, rasterize_mode))
    gathered = [table[members].split(counts) for table in tables]
    # One column for the unknown pixels, and one for those beyond the image.
    padded = torch.full((ceil(scene.height / TILE) * TILE, ceil(scene.width / TILE) * TILE), num_labels + 1)
    padded[: scene.height, : scene.width] = torch.where(labels < 0, num_labels, labels)
    own = padded.unfold(0, TILE, TILE).unfold(1, TILE, TILE).flatten(2).flatten(0, 1)
    votes = torch.zeros(len(scene.tensors["means"]), num_labels + 2, dtype=torch.float64)
    for pixels, shown, ids, centres, conics, strengths in zip(tile_pixels(view, votes), own, *gathered, strict=True):
        alphas, reached = limited_alphas(raw_alphas(pixels[:, None] - centres, conics, strengths))
        alphas = torch.where(reached, alphas, 0.0)
        before = torch.cumprod(1 - alphas, dim=1) / (1 - alphas)
        votes.index_add_(0, ids, (before * alphas).T @ torch.nn.functional.one_hot(shown, num_labels + 2).double())
    return votes[:, :num_labels], votes[:, : num_labels + 1].sum(1)


def assert_the_oracles(scene: Scene, num_labels: int = 4, **options: Any) -> None:
    """Both ways to vote give the oracle's votes at pixels where float32 must decide as float64 does."""
    steady = steady_pixels(scene, options)[0]
    assert (~steady).float().mean() < tolerances.UNSTEADY_PIXELS
    labels = torch.where(steady, blobs(scene.width, scene.height, num_labels), -1)
    with one_thread():
        expected, _ = dense_votes(scene, labels, num_labels, **options)
    assert expected.sum() > 0.1 * (labels >= 0).sum(), "The scene shows too little to prove anything."
    for function in (label_weights, label_weights_by_gradient):
        found, _ = weigh(function, scene, labels, num_labels, **options)
        assert relative_l2(found.double(), expected) < tolerances.VOTES, function.__name__


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize(("n", "crowding"), [(2_000, 1.5), (2_000, 4.0)])
def test_votes_are_the_oracles(n, crowding, mode):
    assert_the_oracles(make_scene(n, 160, 120, crowding=crowding), rasterize_mode=mode)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7, 5), (16, 16), (17, 33), (100, 31)])
def test_images_that_do_not_fill_their_tiles_give_the_oracles_votes(width, height):
    assert_the_oracles(make_scene(100, width, height, crowding=2))


def test_limits_are_the_oracles():
    assert_the_oracles(make_scene(500, 80, 60), near_plane=2.7, far_plane=3.3)
    assert_the_oracles(make_scene(100, 80, 60, crowding=2, seed=3), eps2d=0.1)


def test_needles_give_the_oracles_votes():
    scene = make_scene(60, 100, 75)
    scales = scene.tensors["scales"] * torch.tensor([0.01, 0.01, 5.0])
    assert_the_oracles(Scene({**scene.tensors, "scales": scales}, 100, 75))


def test_opaque_gaussians_give_the_oracles_votes():
    scene = make_scene(200, 80, 60)
    assert_the_oracles(Scene({**scene.tensors, "opacities": torch.ones(200)}, 80, 60))


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize("num_labels", [1, 3, 33, 300])
@pytest.mark.parametrize("crowding", [1.5, 4.0])
def test_votes_are_the_gradients(num_labels, mode, crowding):
    scene = make_scene(2_000, 150, 110, crowding=crowding)
    labels = blobs(150, 110, num_labels)
    found, shown = weigh(label_weights, scene, labels, num_labels, rasterize_mode=mode)
    expected, expected_shown = weigh(label_weights_by_gradient, scene, labels, num_labels, rasterize_mode=mode)
    assert relative_l2(found, expected) < tolerances.VOTES
    assert relative_l2(shown, expected_shown) < tolerances.VOTES


def test_noise_of_300_labels_votes_as_its_gradients_do():
    scene = make_scene(500, 70, 50, crowding=3)
    labels = torch.randint(-1, 300, (50, 70), generator=torch.Generator().manual_seed(0))
    found, expected = (weigh(by, scene, labels, 300)[0] for by in (label_weights, label_weights_by_gradient))
    assert relative_l2(found, expected) < tolerances.VOTES


def endless_alphas(scene: Scene, margin: int, rasterize_mode: str) -> Float[Tensor, " n"]:
    """The sum of each Gaussian's unoccluded alphas over the pixels of the image and a margin around it."""
    tensors = {name: t.double() for name, t in scene.tensors.items()}
    view, _ = first_view(scene)
    splats = splat(tensors["means"], tensors["quats"], tensors["scales"], view)
    columns, rows = (torch.arange(-margin, length + margin) + 0.5 for length in (scene.width, scene.height))
    pixels = torch.cartesian_prod(columns, rows).double()
    sums = torch.zeros(len(tensors["means"]), dtype=torch.float64)
    strengths = strengths_of(scene, splats, rasterize_mode)
    for parts in zip(*(t.split(20) for t in (splats.ids, splats.means2d, splats.conics, strengths)), strict=True):
        ids, centres, conics, own = parts
        sums[ids] = limited_alphas(raw_alphas(pixels[:, None] - centres, conics, own))[0].sum(0)
    return sums


@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize("crowding", [0.7, 2.0])
def test_the_share_shown_is_the_oracles_over_an_endless_image(crowding, mode):
    scene = make_scene(300, 80, 60, crowding=crowding)
    labels = torch.zeros(60, 80, dtype=torch.int64)
    with one_thread():
        total = dense_votes(scene, labels, 1, mode)[1]
        expected = (total / endless_alphas(scene, 60, mode)).clamp(max=1.0)
    assert (expected > 0.9).any(), "Some Gaussian should be in plain sight."
    assert (expected < 0.3).any(), "Some Gaussian should be hidden."
    _, shown = weigh(label_weights, scene, labels, 1, rasterize_mode=mode)
    assert (shown - expected).abs().max() < tolerances.SHOWN


@pytest.mark.gpu
@pytest.mark.parametrize("mode", ["classic", "antialiased"])
@pytest.mark.parametrize("num_labels", [1, 4, 33, 100])
def test_votes_on_a_gpu_are_those_on_the_cpu(num_labels, mode):
    scene = make_scene(2_000, 150, 110, crowding=2.0)
    steady = steady_pixels(scene, {"rasterize_mode": mode})[0]
    labels = torch.where(steady, blobs(150, 110, num_labels), -1)
    expected, expected_shown = weigh(label_weights, scene, labels, num_labels, rasterize_mode=mode)
    found, shown = weigh(label_weights, scene, labels, num_labels, "cuda", rasterize_mode=mode)
    assert relative_l2(found.cpu(), expected) < tolerances.BACKEND_GRADIENT
    assert relative_l2(shown.cpu(), expected_shown) < tolerances.BACKEND_GRADIENT
