"""Places that people change by numbers, mirrors and gizmos are the places that they mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.viewer.place_edits import (
    AXES,
    flipped,
    mirror_of,
    mirrored,
    nudged,
    proper_rotation,
    resized,
    rotation_from_wxyz,
    turned_to,
    wxyz_from_rotation,
)


def pose_of(seed: int = 0) -> Similarity:
    rotation = torch.from_numpy(Rotation.random(rng=np.random.default_rng(seed)).as_matrix())
    return Similarity(rotation, torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64), 0.3)


POINTS = torch.rand(20, 3, dtype=torch.float64) - 0.5

CAPTURE_TO_WORLD = Similarity(pose_of(3).rotation, torch.tensor([5.0, 0.0, 1.0], dtype=torch.float64), 0.1)


@pytest.mark.parametrize("axis", AXES)
def test_half_a_turn_keeps_its_axis_and_two_of_them_change_nothing(axis: str):
    pose, number = pose_of(), AXES.index(axis)
    turned = flipped(pose, axis)
    assert torch.allclose(turned.rotation[:, number], pose.rotation[:, number]) and not turned.is_mirrored
    assert torch.allclose(flipped(turned, axis).matrix, pose.matrix)


@pytest.mark.parametrize("axis", AXES)
def test_a_mirror_image_turns_one_axis_round(axis: str):
    pose, signs = pose_of(), torch.ones(3, dtype=torch.float64)
    signs[AXES.index(axis)] = -1
    image = mirrored(pose, axis)
    assert image.is_mirrored and not mirrored(image, axis).is_mirrored
    assert torch.allclose(image.apply(POINTS), pose.apply(POINTS * signs))


@pytest.mark.parametrize("is_mirrored", [False, True])
def test_a_gizmo_that_nobody_drags_leaves_a_place_as_it_is(is_mirrored: bool):
    pose = mirrored(pose_of(), "z") if is_mirrored else pose_of()
    rotation = proper_rotation(pose)
    assert float(torch.linalg.det(rotation)) > 0
    same = turned_to(pose, rotation_from_wxyz(wxyz_from_rotation(rotation)), pose.translation)
    assert torch.allclose(same.matrix, pose.matrix, atol=1e-9)
    shown = POINTS @ mirror_of(pose) * pose.scale @ rotation.T + pose.translation
    assert torch.allclose(shown, pose.apply(POINTS)), "the gizmo's points are where the proxy is"


def test_a_nudge_is_along_the_axes_and_in_the_units_of_the_capture():
    pose = pose_of()
    before = CAPTURE_TO_WORLD.inverse() @ pose
    after = CAPTURE_TO_WORLD.inverse() @ nudged(pose, (0.0, 0.0, 2.0), (0.0, 0.0, 90.0), CAPTURE_TO_WORLD)
    assert torch.allclose(after.translation - before.translation, torch.tensor([0.0, 0, 2]).double(), atol=1e-9)
    quarter = torch.tensor([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]).double()
    assert torch.allclose(after.rotation, quarter @ before.rotation, atol=1e-9)
    assert after.scale == pytest.approx(before.scale)


def test_a_thousand_nudges_are_still_a_similarity():
    pose = pose_of()
    for _ in range(1000):
        pose = nudged(pose, (0.0, 0.0, 0.0), (1.0, 2.0, 3.0), CAPTURE_TO_WORLD)
    assert torch.allclose(pose.rotation.T @ pose.rotation, torch.eye(3).double(), atol=1e-9)


def test_another_size_leaves_the_middle_where_it_is():
    pose = pose_of()
    larger = resized(pose, 2.0)
    assert larger.scale == 2 * pose.scale and torch.equal(larger.translation, pose.translation)
