"""Similarities between frames: applied, undone, composed and read from matrices."""

from __future__ import annotations

import math

import pytest
import tolerances
import torch

from scorp_ns.gaussians.similarity import Similarity


def some_similarity(seed: int, mirrored: bool = False) -> Similarity:
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))[0]
    if (torch.linalg.det(rotation) < 0) != mirrored:
        rotation = -rotation
    translation = torch.randn(3, generator=generator, dtype=torch.float64)
    return Similarity(rotation, translation, math.exp(float(torch.randn((), generator=generator))))


def some_points(dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return torch.randn(50, 3, generator=torch.Generator().manual_seed(9), dtype=dtype)


def assert_same(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerances.REFERENCE)


@pytest.mark.parametrize("mirrored", [False, True])
def test_points_move_as_the_formula_says(mirrored: bool):
    similarity = some_similarity(0, mirrored)
    expected = [similarity.scale * similarity.rotation @ x + similarity.translation for x in some_points()]
    assert_same(similarity.apply(some_points()), torch.stack(expected))
    assert similarity.is_mirrored == mirrored


def test_a_known_quarter_turn():
    turn = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]], dtype=torch.float64)
    similarity = Similarity(turn, torch.tensor([0.0, 0.0, 5.0], dtype=torch.float64), 2.0)
    assert similarity.apply(torch.tensor([1.0, 0.0, 1.0])).tolist() == [0.0, 2.0, 7.0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_points_keep_their_shape_and_precision(dtype: torch.dtype):
    grid = some_points(dtype).reshape(5, 10, 3)
    moved = some_similarity(1).apply(grid)
    assert moved.dtype == dtype and moved.shape == grid.shape


@pytest.mark.parametrize("mirrored", [False, True])
def test_inverse_undoes(mirrored: bool):
    similarity = some_similarity(2, mirrored)
    assert_same(similarity.inverse().apply(similarity.apply(some_points())), some_points())
    assert_same((similarity.inverse() @ similarity).matrix, Similarity.identity().matrix)


def test_composition_does_the_right_one_first():
    first, second = some_similarity(3), some_similarity(4, mirrored=True)
    assert_same((second @ first).apply(some_points()), second.apply(first.apply(some_points())))
    assert_same((second @ first).matrix, second.matrix @ first.matrix)


def test_identity_moves_nothing():
    assert torch.equal(Similarity.identity().apply(some_points()), some_points())


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rows", [3, 4])
def test_a_matrix_gives_its_similarity_back(rows: int, mirrored: bool):
    similarity = some_similarity(5, mirrored)
    found = Similarity.from_matrix(similarity.matrix[:rows])
    assert_same(found.matrix, similarity.matrix)
    assert found.scale == pytest.approx(similarity.scale, abs=tolerances.REFERENCE)


def test_scale_multiplies_the_translation_as_in_nerfstudios_dataparser():
    transform, scale = some_similarity(6).matrix[:3] / some_similarity(6).scale, 0.3
    expected = scale * (some_points() @ transform[:, :3].T + transform[:, 3])
    assert_same(Similarity.from_matrix(transform, scale).apply(some_points()), expected)


def test_rounding_of_a_float32_matrix_is_mended():
    similarity = some_similarity(7)
    found = Similarity.from_matrix(similarity.matrix.float())
    assert found.rotation.dtype == torch.float64
    assert_same(found.rotation.T @ found.rotation, torch.eye(3, dtype=torch.float64))
    torch.testing.assert_close(found.matrix, similarity.matrix, rtol=0, atol=tolerances.ROUNDED_ONCE)


@pytest.mark.parametrize(
    ("rotation", "translation", "scale"),
    [
        (torch.eye(3) * 1.001, torch.zeros(3), 1.0),
        (torch.ones(3, 3), torch.zeros(3), 1.0),
        (torch.full((3, 3), math.nan), torch.zeros(3), 1.0),
        (torch.eye(3), torch.tensor([0.0, math.inf, 0.0]), 1.0),
        (torch.eye(3), torch.zeros(3), 0.0),
        (torch.eye(3), torch.zeros(3), -1.0),
        (torch.eye(3), torch.zeros(3), math.nan),
    ],
)
def test_what_is_no_similarity_is_refused(rotation: torch.Tensor, translation: torch.Tensor, scale: float):
    with pytest.raises(AssertionError):
        Similarity(rotation.double(), translation.double(), scale)


@pytest.mark.parametrize("break_it", [(0, 0, 2.0), (0, 1, 0.5), (3, 0, 1.0), (3, 3, 2.0), (1, 1, math.nan)])
def test_a_matrix_that_is_no_similarity_is_refused(break_it: tuple[int, int, float]):
    matrix = torch.eye(4)
    row, column, value = break_it
    matrix[row, column] = value
    with pytest.raises(AssertionError):
        Similarity.from_matrix(matrix)
