"""A click takes the object that it hits, and nothing of what the object stands on; so does a box."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from ball_scenes import balls_on_floor, click_at, views_around

from scorp_ns.errors import PickError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.config import LiftConfig
from scorp_ns.lift.seen_surface import hit_point
from scorp_ns.products import ObjectBox, ObjectInfo
from scorp_ns.stages.lift import PickedObject, Scene, lift_at_point, lift_objects

CENTERS = np.array([[0.0, 0.0, 0.3], [0.75, 0.3, 0.2], [-0.6, 0.5, 0.25]])
RADII = CENTERS[:, 2]
UP = torch.tensor([0.0, 0.0, 1.0])

GAUSSIANS, OWNERS = balls_on_floor(CENTERS, RADII)
FREE = torch.zeros(len(OWNERS), dtype=torch.int16)


def pick(gaussians: Gaussians, target, labels=FREE, views=None, reach: float = 1.5) -> PickedObject:
    hit = hit_point(gaussians, *click_at(target))
    assert hit is not None
    scene = Scene(gaussians, views or views_around(), Similarity.identity())
    return lift_at_point(scene, labels, "ball", 1, hit, reach, LiftConfig())


def share_of(picked: PickedObject, ball: int) -> float:
    return float((OWNERS[picked.object.indices] == ball).float().mean())


@pytest.mark.parametrize("ball", range(3))
def test_a_click_takes_the_ball_and_neither_the_floor_nor_its_neighbours(ball: int):
    picked = pick(GAUSSIANS, CENTERS[ball].tolist())
    assert share_of(picked, ball + 1) > 0.99
    # What faces the floor is seen by nobody.
    assert len(picked.object.indices) > 0.8 * (ball + 1 == OWNERS).float().sum()


def test_the_product_is_that_of_masks():
    picked = pick(GAUSSIANS, CENTERS[0].tolist())
    one = picked.object
    assert one.name == "ball" and one.label == 1 and one.mask_iou is None
    assert one.support is not None
    torch.testing.assert_close(one.support.up, UP, atol=0.05, rtol=0)
    np.testing.assert_allclose(one.frame.extent.numpy(), 2 * RADII[0], rtol=0.2)
    assert len(one.visible_shares) == len(views_around())
    assert 1 <= len(picked.views) <= LiftConfig().max_views
    assert len(picked.votes) == len(picked.visibility) == len(GAUSSIANS)


@pytest.mark.parametrize("target", [(0.5, -0.6, 0.0), (-0.9, -0.3, 0.0), (1.0, -0.8, 0.0)])
def test_nothing_grows_from_the_floor(target):
    with pytest.raises(PickError, match="stand on"):
        pick(GAUSSIANS, target)


def test_a_click_into_the_air_hits_nothing():
    assert hit_point(GAUSSIANS, *click_at((0.0, 0.0, 2.5))) is None


def test_a_wall_is_no_object():
    y, z = torch.meshgrid(torch.linspace(-2, 2, 80), torch.linspace(0, 2, 40), indexing="ij")
    wall = torch.stack([y, torch.full_like(y, 1.3), z], dim=2).reshape(-1, 3)
    behind = replace(
        GAUSSIANS[torch.zeros(len(wall), dtype=torch.long)], means=wall, scales=torch.full((len(wall), 3), 0.04)
    )
    room = Gaussians(**{name: torch.cat([getattr(GAUSSIANS, name), getattr(behind, name)]) for name in vars(GAUSSIANS)})
    with pytest.raises(PickError, match="does not end within reach"):
        pick(room, (0.2, 1.3, 0.4), labels=torch.zeros(len(room), dtype=torch.int16))


def test_touching_balls_merge():
    gaussians, owners = balls_on_floor(np.array([[0.0, 0.0, 0.3], [0.6, 0.0, 0.3]]), np.array([0.3, 0.3]))
    picked = pick(gaussians, (0.0, -0.1, 0.35), labels=torch.zeros(len(owners), dtype=torch.int16))
    shares = [(owners[picked.object.indices] == ball).float().mean() for ball in (1, 2)]
    assert min(shares) > 0.4


def test_gaussians_of_other_objects_stay_with_them():
    labels = torch.where(OWNERS == 1, 5, 0).short()
    with pytest.raises(PickError, match="belongs to another object already"):
        pick(GAUSSIANS, CENTERS[0].tolist(), labels=labels)


def test_pixels_of_other_objects_masks_are_left_to_them():
    hidden = [replace(view, labels=torch.ones((view.height, view.width), dtype=torch.int16)) for view in views_around()]
    with pytest.raises(PickError, match="too little surface"):
        pick(GAUSSIANS, CENTERS[0].tolist(), views=hidden)


def test_fogged_floors_do_not_matter():
    noise = torch.randn(GAUSSIANS.means.shape, generator=torch.Generator().manual_seed(0)) * 0.01
    picked = pick(replace(GAUSSIANS, means=GAUSSIANS.means + noise), CENTERS[0].tolist())
    assert share_of(picked, 1) > 0.97


TURN = torch.tensor([[0, -0.5, 0.3], [0.5, 0, -0.8], [-0.3, 0.8, 0]], dtype=torch.float64)
SHIFT = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
FRAMES = {
    "as it is": Similarity.identity(),
    "rotated": Similarity(torch.linalg.matrix_exp(TURN), SHIFT, 1.0),
    "scaled": Similarity(torch.eye(3, dtype=torch.float64), SHIFT, 3.7),
    "mirrored": Similarity(torch.diag(torch.tensor([1.0, -1.0, 1.0], dtype=torch.float64)), SHIFT, 0.4),
}


@pytest.mark.parametrize("capture_to_world", FRAMES.values(), ids=FRAMES.keys())
def test_a_box_takes_the_ball_and_not_the_floor_below_it(capture_to_world: Similarity):
    world_to_capture = capture_to_world.inverse()
    center = world_to_capture.apply(torch.from_numpy(CENTERS[0]))
    matrix = world_to_capture.rotation
    # A box knows no mirror images; the ball's does not need one.
    matrix = matrix * torch.linalg.det(matrix)
    size = 2.2 * RADII[0] * world_to_capture.scale
    box = ObjectBox(tuple(center.tolist()), (size, size, size), _quaternion(matrix))
    scene = Scene(GAUSSIANS, views_around(), capture_to_world)
    lifted = lift_objects(scene, (ObjectInfo("ball", box=box),), LiftConfig())
    (one,) = lifted.objects
    assert float((OWNERS[one.indices] == 1).float().mean()) > 0.99
    # What faces the floor is seen by nobody.
    assert len(one.indices) > 0.8 * int((OWNERS == 1).sum())


def test_a_box_beside_everything_is_empty():
    box = ObjectBox((5.0, 5.0, 5.0), (1.0, 1.0, 1.0))
    scene = Scene(GAUSSIANS, views_around(), Similarity.identity())
    assert "air" in lift_objects(scene, (ObjectInfo("air", box=box),), LiftConfig()).failures


def _quaternion(matrix: torch.Tensor) -> tuple[float, float, float, float]:
    from scipy.spatial.transform import Rotation

    x, y, z, w = Rotation.from_matrix(matrix.numpy()).as_quat()
    return (w, x, y, z)
