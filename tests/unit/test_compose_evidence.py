"""Photographs say of a point that they see it, that something hides it, or that it is not there."""

from __future__ import annotations

import numpy as np
import torch

from scorp_ns.compose.evidence import SurfaceEvidence, gather_evidence
from scorp_ns.products import BACKGROUND, OCCLUDER, VISIBLE, ObjectCrop

SIZE = 21
TOLERANCE = 0.1
DISTANCE = 2.0
"""From the camera to the object's surface, a wall across the middle of the picture; a further wall is at twice that."""

TOWARDS, AWAY = torch.tensor([[0.0, 0.0, -1.0]]), torch.tensor([[0.0, 0.0, 1.0]])


def sight(role: int = VISIBLE, depth: float = DISTANCE, color: int = 200) -> ObjectCrop:
    """The camera at the origin looks along z; the inner third of its picture has the role, all else is background."""
    roles = np.full((SIZE, SIZE), BACKGROUND, np.uint8)
    depths = np.full((SIZE, SIZE), 2 * DISTANCE, np.float32)
    inner = slice(SIZE // 3, 2 * SIZE // 3)
    roles[inner, inner], depths[inner, inner] = role, depth
    K = torch.tensor([[SIZE, 0.0, SIZE / 2], [0.0, SIZE, SIZE / 2], [0.0, 0.0, 1.0]])
    return ObjectCrop("a.png", np.full((SIZE, SIZE, 3), color, np.uint8), roles, depths, torch.eye(4), K)


def evidence_at(x: float, z: float, sights: list[ObjectCrop], normal: torch.Tensor = TOWARDS) -> SurfaceEvidence:
    return gather_evidence(torch.tensor([[x, 0.0, z]]), normal, sights, TOLERANCE)


def test_a_point_on_the_seen_surface_is_seen_in_its_colour():
    found = evidence_at(0.0, DISTANCE, [sight(), sight(color=100)])
    assert found.seen.item() == 2 and found.contradicted.item() == 0
    torch.testing.assert_close(found.colors, torch.full((1, 3), 150 / 255))
    assert found.color_weights.item() > 0


def test_the_far_side_of_a_thin_thing_is_not_seen():
    found = evidence_at(0.0, DISTANCE + 0.05, [sight()], AWAY)
    assert found.seen.item() == 0 and found.contradicted.item() == 0 and found.color_weights.item() == 0


def test_a_point_behind_the_surface_is_hidden():
    found = evidence_at(0.0, DISTANCE + 0.5, [sight()])
    assert found.seen.item() == 0 and found.contradicted.item() == 0


def test_a_point_before_the_surface_is_denied():
    assert evidence_at(0.0, DISTANCE - 0.5, [sight(), sight()]).contradicted.item() == 2


def test_a_point_before_the_background_is_denied_and_one_behind_a_wall_is_not():
    assert evidence_at(0.8, DISTANCE, [sight()]).contradicted.item() == 1
    assert evidence_at(2.0, 5.0, [sight()]).contradicted.item() == 0


def test_a_point_just_below_the_floor_beside_the_object_is_denied():
    assert evidence_at(1.6, 2 * DISTANCE + 2 * TOLERANCE, [sight()]).contradicted.item() == 1


def test_what_hides_the_object_says_nothing():
    found = evidence_at(0.0, DISTANCE, [sight(OCCLUDER, depth=3.0)])
    assert found.seen.item() == 0 and found.contradicted.item() == 0


def test_points_out_of_view_and_behind_the_camera_are_left_alone():
    for x, z in ((50.0, DISTANCE), (0.0, -DISTANCE), (0.0, 0.0)):
        found = evidence_at(x, z, [sight()])
        assert found.seen.item() == 0 and found.contradicted.item() == 0


def test_where_the_scene_shows_nothing_on_the_object_nothing_is_denied():
    assert evidence_at(0.0, DISTANCE, [sight(depth=float("inf"))]).contradicted.item() == 0


def test_no_sights_say_nothing():
    found = evidence_at(0.0, DISTANCE, [])
    assert found.seen.item() == 0 and found.contradicted.item() == 0
