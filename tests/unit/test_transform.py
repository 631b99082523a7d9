"""Gaussians moved by similarities look the same from cameras moved with them."""

from __future__ import annotations

from dataclasses import fields

import pytest
import tolerances
import torch
from comparison import image_error, one_thread
from jaxtyping import Float
from oracles.dense_projection import covariances, harmonics
from oracles.dense_renderer import render_dense
from scenes import Scene, make_scene
from test_similarity import some_similarity
from torch import Tensor

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.gaussians.transform import BASES, harmonics_matrix, rotate_harmonics, transform_gaussians
from scorp_ns.render.rasterization import rasterization

MIRRORED = pytest.mark.parametrize("mirrored", [False, True], ids=["turned", "mirrored"])


def turn_about(axis: int, angle: float) -> Float[Tensor, "3 3"]:
    generators = torch.tensor(
        [
            [[0.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]],
            [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [-1.0, 0.0, 0.0]],
            [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]],
        ],
        dtype=torch.float64,
    )
    return torch.linalg.matrix_exp(angle * generators[axis])


def some_gaussians(n: int = 40, degree: int = 3, dtype: torch.dtype = torch.float64) -> Gaussians:
    generator = torch.Generator().manual_seed(n)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    values = (normal(n, 3), 3 * normal(n, 4), normal(n, 3).exp(), normal(n).sigmoid(), normal(n, (degree + 1) ** 2, 3))
    return Gaussians(*(value.to(dtype) for value in values))


def some_directions(n: int = 100) -> Float[Tensor, "n 3"]:
    offsets = torch.randn(n, 3, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    return offsets / offsets.norm(dim=1, keepdim=True)


def gaussians_of(scene: Scene, dtype: torch.dtype) -> Gaussians:
    names = ("means", "quats", "scales", "opacities", "colors")
    return Gaussians(*(scene.tensors[name].to(dtype) for name in names))


def moved_viewmats(viewmats: Float[Tensor, "c 4 4"], similarity: Similarity) -> Float[Tensor, "c 4 4"]:
    """Cameras that see in the target frame what the given ones see in the source, at depths `scale` times as large."""
    zoom = torch.diag(torch.tensor([similarity.scale] * 3 + [1.0], dtype=torch.float64))
    return zoom @ viewmats.double() @ similarity.inverse().matrix


def draw_arguments(gaussians: Gaussians, viewmats: Tensor, scene: Scene) -> dict:
    dtype = gaussians.means.dtype
    return {
        "means": gaussians.means,
        "quats": gaussians.quats,
        "scales": gaussians.scales,
        "opacities": gaussians.opacities,
        "colors": gaussians.harmonics,
        "sh_degree": gaussians.sh_degree,
        "viewmats": viewmats.to(dtype),
        "Ks": scene.tensors["Ks"].to(dtype),
        "width": scene.width,
        "height": scene.height,
    }


def assert_same(found: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerances.REFERENCE)


def assert_same_splats(found: Gaussians, expected: Gaussians) -> None:
    for field in fields(Gaussians):
        if field.name != "quats":
            assert_same(getattr(found, field.name), getattr(expected, field.name))
    assert_same(covariances(found.quats, found.scales), covariances(expected.quats, expected.scales))


@MIRRORED
@pytest.mark.parametrize("sh_degree", [0, 1, 2, 3])
def test_the_oracle_sees_no_difference(sh_degree: int, mirrored: bool):
    scene = make_scene(300, 64, 48, num_views=2, sh_degree=sh_degree)
    similarity = some_similarity(1, mirrored)
    gaussians, viewmats = gaussians_of(scene, torch.float64), scene.tensors["viewmats"].double()
    moved = transform_gaussians(gaussians, similarity)
    with one_thread():
        expected, alpha, _ = render_dense(**draw_arguments(gaussians, viewmats, scene))
        found, _, _ = render_dense(**draw_arguments(moved, moved_viewmats(viewmats, similarity), scene))
    assert alpha.mean() > 0.1
    assert_same(found, expected)


@MIRRORED
def test_the_renderer_sees_no_difference(mirrored: bool):
    scene = make_scene(1_000, 96, 64, sh_degree=3)
    similarity = some_similarity(2, mirrored)
    gaussians, viewmats = gaussians_of(scene, torch.float32), scene.tensors["viewmats"]
    moved = transform_gaussians(gaussians, similarity)
    expected, alpha, _ = rasterization(**draw_arguments(gaussians, viewmats, scene))
    found, _, _ = rasterization(**draw_arguments(moved, moved_viewmats(viewmats, similarity), scene))
    assert alpha.mean() > 0.1
    assert image_error(found, expected, scene.steady_pixels()) < tolerances.IMAGE


@MIRRORED
def test_ellipsoids_are_those_of_the_formula(mirrored: bool):
    gaussians, similarity = some_gaussians(), some_similarity(3, mirrored)
    moved = transform_gaussians(gaussians, similarity)
    R = similarity.rotation
    expected = similarity.scale**2 * R @ covariances(gaussians.quats, gaussians.scales) @ R.T
    assert_same(covariances(moved.quats, moved.scales), expected)
    assert_same(moved.quats.norm(dim=1), gaussians.quats.norm(dim=1))
    assert torch.equal(moved.opacities, gaussians.opacities)


@MIRRORED
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_colours_turn_with_the_directions(degree: int, mirrored: bool):
    coefficients, R = some_gaussians(degree=degree).harmonics, some_similarity(4, mirrored).rotation
    expected = torch.einsum("dk,nkc->ndc", harmonics(some_directions(), degree), coefficients)
    turned = harmonics(some_directions() @ R.T, degree)
    assert_same(torch.einsum("dk,nkc->ndc", turned, rotate_harmonics(coefficients, R)), expected)


def test_bases_are_the_oracles():
    expected = harmonics(some_directions(), 3)
    for degree, basis in BASES.items():
        assert_same(basis(some_directions()), expected[:, degree**2 : (degree + 1) ** 2])


def test_a_first_degree_colour_is_a_vector_that_turns():
    # In the order -y, z, -x, a quarter turn about z takes x to y and y to -x.
    expected = torch.tensor([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]], dtype=torch.float64)
    assert_same(harmonics_matrix(turn_about(2, torch.pi / 2), 1), expected)
    mirror = torch.diag(torch.tensor([1.0, 1.0, -1.0], dtype=torch.float64))
    assert_same(harmonics_matrix(mirror, 1), torch.diag(torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)))


@pytest.mark.parametrize("degree", [1, 2, 3])
def test_matrices_of_harmonics_are_orthogonal_and_compose(degree: int):
    first, second = some_similarity(5).rotation, some_similarity(6, mirrored=True).rotation
    matrix = harmonics_matrix(first, degree)
    assert_same(matrix.T @ matrix, torch.eye(2 * degree + 1, dtype=torch.float64))
    assert_same(harmonics_matrix(second @ first, degree), harmonics_matrix(second, degree) @ matrix)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("angle", [0.0, 1e-9, torch.pi - 1e-9, torch.pi, -torch.pi / 2])
def test_turns_of_special_angles_lose_nothing(axis: int, angle: float):
    gaussians, R = some_gaussians(), turn_about(axis, angle)
    moved = transform_gaussians(gaussians, Similarity(R, torch.zeros(3, dtype=torch.float64), 1.0))
    expected = R @ covariances(gaussians.quats, gaussians.scales) @ R.T
    assert_same(covariances(moved.quats, moved.scales), expected)


@MIRRORED
def test_one_after_the_other_is_the_composition(mirrored: bool):
    gaussians, first, second = some_gaussians(), some_similarity(7, mirrored), some_similarity(8, mirrored=True)
    found = transform_gaussians(transform_gaussians(gaussians, first), second)
    assert_same_splats(found, transform_gaussians(gaussians, second @ first))


@MIRRORED
def test_inverse_brings_everything_back(mirrored: bool):
    gaussians, similarity = some_gaussians(), some_similarity(9, mirrored)
    assert_same_splats(transform_gaussians(transform_gaussians(gaussians, similarity), similarity.inverse()), gaussians)


@pytest.mark.parametrize("device", ["cpu", "meta", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n", [0, 5])
def test_precision_and_device_are_kept(n: int, dtype: torch.dtype, device: str):
    values = {field.name: getattr(some_gaussians(n, dtype=dtype), field.name) for field in fields(Gaussians)}
    moved = transform_gaussians(Gaussians(**{name: v.to(device) for name, v in values.items()}), some_similarity(10))
    for name, before in values.items():
        after = getattr(moved, name)
        assert (after.dtype, after.device.type, after.shape) == (before.dtype, device, before.shape)


def test_float32_gaussians_are_rounded_only_at_the_end():
    gaussians = some_gaussians(dtype=torch.float32)
    doubles = Gaussians(*(getattr(gaussians, field.name).double() for field in fields(Gaussians)))
    expected = transform_gaussians(doubles, some_similarity(11))
    found = transform_gaussians(gaussians, some_similarity(11))
    for name in ("means", "quats", "harmonics"):
        assert torch.equal(getattr(found, name), getattr(expected, name).float())
