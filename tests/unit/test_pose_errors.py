"""Errors of pose are those that were put in, and none where an object's symmetry hides them."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import tolerances
import torch

from scorp_ns.errors import ScorpError
from scorp_ns.evaluate.pose import PoseErrors, pose_errors
from scorp_ns.evaluate.symmetries import Symmetry, SymmetryGroup
from scorp_ns.evaluate.truth import read_true_pose, truth_file
from scorp_ns.gaussians.similarity import Similarity

CENTER = (0.3, -0.2, 0.9)
DIAGONAL = 0.5
X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
ASYMMETRIC = SymmetryGroup()
REVOLUTION = SymmetryGroup((Symmetry(Z, None),))
CUBE = SymmetryGroup((Symmetry(Z, 4), Symmetry(X, 4)))


def turn(axis: tuple[float, float, float], degrees: float) -> torch.Tensor:
    x, y, z = (value / math.hypot(*axis) for value in axis)
    cross = torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64)
    return torch.linalg.matrix_exp(math.radians(degrees) * cross)


def random_pose(seed: int) -> Similarity:
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))[0]
    rotation = rotation * torch.linalg.det(rotation)
    translation = torch.randn(3, generator=generator, dtype=torch.float64)
    return Similarity(rotation, translation, math.exp(float(torch.randn((), generator=generator))))


def about_center(rotation: torch.Tensor, scale: float = 1.0, step: tuple[float, ...] = (0, 0, 0)) -> Similarity:
    """The motion of the capture that turns and scales about the object's centre, then takes a step."""
    center = torch.tensor(CENTER, dtype=torch.float64)
    return Similarity(rotation, center - scale * rotation @ center + torch.tensor(step, dtype=torch.float64), scale)


def errors_of(motion: Similarity, symmetries: SymmetryGroup = ASYMMETRIC, seed: int = 0) -> PoseErrors:
    true = random_pose(seed)
    return pose_errors(motion @ true, true, np.array(CENTER), DIAGONAL, symmetries)


def assert_errors(found: PoseErrors, rotation: float, scale: float = 0.0, translation: float = 0.0) -> None:
    assert list(found.as_dict().values()) == pytest.approx([rotation, scale, translation], abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_the_true_pose_has_no_errors(seed: int):
    assert_errors(errors_of(Similarity.identity(), seed=seed), 0, 0, 0)


@pytest.mark.parametrize("degrees", [1e-4, 30, 90, 179.9999, 180])
def test_errors_that_were_put_in_are_found(degrees: float):
    motion = about_center(turn((1, 2, -1), degrees), scale=1.25, step=(0.03, 0, -0.04))
    assert_errors(errors_of(motion), degrees, scale=25, translation=10)


def test_shrinking_is_an_error_as_growing_is():
    assert_errors(errors_of(about_center(turn(X, 0), scale=0.5)), 0, scale=50)


def test_errors_do_not_depend_on_the_proxys_own_frame():
    motion = about_center(turn((3, 1, 2), 40), scale=0.9, step=(0.1, 0.1, 0))
    assert errors_of(motion, seed=1).as_dict() == pytest.approx(errors_of(motion, seed=2).as_dict())


def test_a_turn_about_the_origin_takes_the_object_away():
    motion = Similarity(turn(Z, 180), torch.zeros(3, dtype=torch.float64), 1.0)
    assert_errors(errors_of(motion), 180, translation=100 * 2 * math.hypot(0.3, 0.2) / DIAGONAL)


@pytest.mark.parametrize(("order", "degrees"), [(2, 180), (3, 120), (3, 240), (4, 270), (6, 60)])
def test_a_turn_of_the_objects_symmetry_is_no_error(order: int, degrees: float):
    assert_errors(
        errors_of(about_center(turn((1, 1, 1), degrees)), SymmetryGroup((Symmetry((2.0, 2.0, 2.0), order),))), 0
    )


def test_half_a_turn_is_an_error_of_what_has_no_symmetry():
    assert_errors(errors_of(about_center(turn(Z, 180))), 180)


def test_the_nearest_symmetric_turn_counts():
    twofold = SymmetryGroup((Symmetry(Z, 2),))
    assert_errors(errors_of(about_center(turn(Z, 170)), twofold), 10)
    assert_errors(errors_of(about_center(turn(Z, 90)), twofold), 90)
    assert_errors(errors_of(about_center(turn(X, 180)), twofold), 180)


@pytest.mark.parametrize("degrees", [1, 77.7, 180, 300])
def test_any_turn_of_a_body_of_revolution_is_no_error(degrees: float):
    assert_errors(errors_of(about_center(turn(Z, degrees)), REVOLUTION), 0)


def test_only_the_tilt_of_a_body_of_revolution_is_an_error():
    assert_errors(errors_of(about_center(turn(X, 25) @ turn(Z, 111)), REVOLUTION), 25)
    assert_errors(errors_of(about_center(turn(Z, 111) @ turn(X, 180)), REVOLUTION), 180)


def test_a_cylinder_may_stand_on_its_head():
    cylinder = SymmetryGroup((Symmetry(Z, None), Symmetry(X, 2)))
    assert_errors(errors_of(about_center(turn(Y, 180) @ turn(Z, 33)), cylinder), 0)
    assert_errors(errors_of(about_center(turn(Y, 160)), cylinder), 20)


def test_two_quarter_turns_make_all_of_a_cube():
    assert len(CUBE._steps) == 24
    assert_errors(errors_of(about_center(turn((1, 1, 1), 120)), CUBE), 0)
    assert_errors(errors_of(about_center(turn((1, 1, 0), 180)), CUBE), 0)
    assert_errors(errors_of(about_center(turn(Z, 45)), CUBE), 45)


@pytest.mark.parametrize("other", [Symmetry(X, None), Symmetry((0.0, 1.0, 1.0), 3)])
def test_a_ball_cannot_be_turned_wrongly(other: Symmetry):
    ball = SymmetryGroup((Symmetry(Z, None), other))
    assert_errors(errors_of(about_center(turn((1, 5, 2), 99), step=(0.05, 0, 0)), ball), 0, translation=10)


def test_the_same_axis_twice_is_one_axis():
    same = SymmetryGroup((Symmetry(Z, None), Symmetry((0.0, 0.0, -2.0), None), Symmetry(Z, 3)))
    assert_errors(errors_of(about_center(turn(X, 25)), same), 25)


def some_truth(**changes: object) -> dict[str, object]:
    return {"proxy_to_world": random_pose(3).matrix.tolist()} | changes


def written(folder: Path, truth: object) -> Path:
    path = truth_file(folder / "mug.glb")
    path.write_text(truth if isinstance(truth, str) else json.dumps(truth))
    return path


def test_a_pose_is_read_from_beside_the_proxy(tmp_path: Path):
    path = written(tmp_path, some_truth())
    assert path.name == "mug.truth.json"
    found = read_true_pose(path)
    torch.testing.assert_close(found.T_capture_proxy.matrix, random_pose(3).matrix, rtol=0, atol=tolerances.REFERENCE)
    assert found.symmetries == ASYMMETRIC


def test_declared_symmetries_are_read(tmp_path: Path):
    declared = [{"axis": [0, 0, 2], "order": 4}, {"axis": [1, 0, 0], "order": "inf"}]
    found = read_true_pose(written(tmp_path, some_truth(symmetries=declared, symmetry="C2 about the up axis")))
    assert found.symmetries.symmetries == (Symmetry((0.0, 0.0, 2.0), 4), Symmetry(X, None))


@pytest.mark.parametrize(
    ("words", "symmetries"),
    [
        ("C2 about the up axis, two mirror planes", (Symmetry(Z, 2),)),
        ("C∞ about the x axis", (Symmetry(X, None),)),
        ("one mirror plane (texture is not)", ()),
        ("none", ()),
    ],
)
def test_symmetries_told_in_words_are_understood(tmp_path: Path, words: str, symmetries: tuple[Symmetry, ...]):
    assert read_true_pose(written(tmp_path, some_truth(symmetry=words))).symmetries.symmetries == symmetries


def with_entry(row: int, column: int, value: float) -> list[list[float]]:
    matrix = random_pose(3).matrix
    matrix[row, column] = value
    return matrix.tolist()


@pytest.mark.parametrize(
    ("truth", "found"),
    [
        ("{", "is not JSON: "),
        ([], "holds a list."),
        ({}, "has no 'proxy_to_world'."),
        (some_truth(proxy_to_world=[[1, 0], [0, 1]]), "that is no 4x4 matrix of numbers."),
        (some_truth(proxy_to_world=with_entry(0, 3, math.nan)), "that is no 4x4 matrix of numbers."),
        (some_truth(proxy_to_world=[[10**400, 0, 0, 0]] * 4), "that is no 4x4 matrix of numbers."),
        (some_truth(proxy_to_world=with_entry(0, 0, 9.0)), "stretches, shears, mirrors or flattens the proxy."),
        (some_truth(proxy_to_world=with_entry(3, 3, 2.0)), "stretches, shears, mirrors or flattens the proxy."),
        (some_truth(proxy_to_world=torch.diag(torch.tensor([-1.0, 1, 1, 1])).tolist()), "mirrors or flattens"),
        (some_truth(symmetries="C2"), "has 'symmetries' that are a string."),
        (some_truth(symmetries=[{"axis": [0, 0, 0], "order": 2}]), "declares the symmetry {'axis': [0, 0, 0], "),
        (some_truth(symmetries=[{"axis": [0, 0, 1], "order": 0}]), "'order': 0}."),
        (some_truth(symmetries=[{"axis": [0, 0, 1], "order": 7}, {"axis": [1, 0, 0], "order": 7}]), "do not fit"),
    ],
)
def test_a_broken_truth_file_is_named_with_what_is_wrong(tmp_path: Path, truth: object, found: str):
    path = written(tmp_path, truth)
    with pytest.raises(ScorpError) as caught:
        read_true_pose(path)
    assert caught.value.found.startswith(str(path)) and found in caught.value.found
    assert caught.value.do == "Correct the file, or take it away to leave out errors of pose."


def test_a_missing_truth_file_is_named(tmp_path: Path):
    with pytest.raises(ScorpError, match=r"mug\.truth\.json cannot be read: No such file"):
        read_true_pose(truth_file(tmp_path / "mug.glb"))
