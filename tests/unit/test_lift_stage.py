"""Lifting a scene whose every Gaussian's owner is known: it finds the owners, whatever is wrong with some masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from lifting_scenes import GREEN, RED, Ball, BallScene, ball_scene, photograph, relabelled, with_swapped, with_unknown

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.lift.config import LiftConfig
from scorp_ns.products import LiftedScene, ObjectBox, ObjectInfo
from scorp_ns.stages.lift import Scene, lift_objects

SCENE = ball_scene()
TURNED = Similarity(
    torch.linalg.qr(torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(3)))[0],
    torch.tensor([0.3, -1.0, 2.0], dtype=torch.float64),
    1.7,
)
TURNED = TURNED if not TURNED.is_mirrored else replace(TURNED, rotation=-TURNED.rotation)


def lift(
    scene: BallScene,
    objects: Sequence[ObjectInfo] | None = None,
    capture_to_world: Similarity | None = None,
    **config: float,
) -> LiftedScene:
    objects = scene.objects if objects is None else objects
    return lift_objects(
        Scene(scene.gaussians, scene.views, capture_to_world or Similarity.identity()), objects, LiftConfig(**config)
    )


def iou(lifted: LiftedScene, scene: BallScene, label: int, owner: int | None = None) -> float:
    """How far an object's Gaussians are those of the ball."""
    found, true = lifted.labels == label, scene.owners == (owner or label)
    return float((found & true).sum() / (found | true).sum())


def assert_all_found(lifted: LiftedScene, scene: BallScene, least: float = 0.99) -> None:
    assert not lifted.failures
    assert [one.name for one in lifted.objects] == [info.name for info in scene.objects]
    for one in lifted.objects:
        assert iou(lifted, scene, one.label) >= least, one.name
        assert len(lifted.views[one.name]) >= 2


def test_objects_are_exactly_their_gaussians():
    lifted = lift(SCENE)
    assert_all_found(lifted, SCENE)
    for one, ball in zip(lifted.objects, (RED, GREEN), strict=True):
        assert torch.equal(one.indices, torch.nonzero(lifted.labels == one.label)[:, 0])
        torch.testing.assert_close(one.frame.center, torch.tensor(ball.center), rtol=0, atol=0.02)
        torch.testing.assert_close(one.frame.extent, torch.full((3,), 2 * ball.radius), rtol=0.06, atol=0)
        assert one.support is not None and float(one.support.up[2]) > 0.999
        assert float(one.support.heights(torch.zeros(1, 3)).abs()) < 0.003
        assert one.mask_iou is not None and one.mask_iou > 0.97
        assert set(one.visible_shares) == {view.name for view in SCENE.views}
        assert all(0.15 < share < 0.6 for share in one.visible_shares.values())


def test_frames_without_map_and_pixels_of_which_nobody_knows_do_not_matter():
    views = [
        relabelled(view, None) if index % 3 == 0 else with_unknown(view, 0.5, index)
        for index, view in enumerate(SCENE.views)
    ]
    # What is left out lies below the balls, where half of almost no votes is too few.
    assert_all_found(lift(SCENE.with_views(views)), SCENE, least=0.96)


@pytest.mark.parametrize("height", [0.004, -0.012], ids=["on its support", "below a support found too high"])
def test_what_lies_flat_is_an_object_too(height: float):
    is_mat = (SCENE.owners == 0) & ((SCENE.gaussians.means - torch.tensor([0.0, -0.8, 0.0])).abs() < 0.4).all(dim=1)
    owners = torch.where(is_mat, 3, SCENE.owners)
    means = SCENE.gaussians.means + height * is_mat[:, None] * torch.tensor([0.0, 0.0, 1.0])
    harmonics = torch.where(is_mat[:, None, None], -1.0, SCENE.gaussians.harmonics)
    gaussians = replace(SCENE.gaussians, means=means, harmonics=harmonics)
    views = [photograph(gaussians, owners, view.viewmat, view.name) for view in SCENE.views]
    scene = BallScene(gaussians, owners, tuple(views))
    lifted = lift(scene)
    assert lifted.objects[2].support is not None
    assert iou(lifted, scene, 3) > 0.9


def test_labels_swapped_in_one_of_twelve_frames_do_not_matter():
    views = [with_swapped(view) if index == 4 else view for index, view in enumerate(SCENE.views)]
    lifted = lift(SCENE.with_views(views))
    assert_all_found(lifted, SCENE)
    assert all(view.name != "004.png" for views in lifted.views.values() for view in views)


def test_an_object_with_empty_masks_is_reported_and_costs_nothing_else():
    objects = (*SCENE.objects, ObjectInfo("ghost [red]"))
    lifted = lift(SCENE, objects)
    assert list(lifted.failures) == ["ghost [red]"] and "masks" in lifted.failures["ghost [red]"]
    assert [one.label for one in lifted.objects] == [1, 2]
    assert torch.equal(lifted.labels, lift(SCENE).labels)
    assert lifted.votes.shape == (len(SCENE.gaussians), 4)


def test_an_object_of_too_few_gaussians_is_left_to_the_remainder():
    lifted = lift(SCENE, min_gaussians=401)
    assert "ball 1" in lifted.failures and "401 are needed" in lifted.failures["ball 1"]
    assert not (lifted.labels == 1).any()


def test_no_objects_are_no_fault():
    views = [relabelled(view, torch.zeros_like(view.labels)) for view in SCENE.views if view.labels is not None]
    lifted = lift(SCENE.with_views(views), ())
    assert not lifted.labels.any() and lifted.objects == () and lifted.failures == {} and lifted.views == {}


def test_an_object_that_another_hides_from_half_of_all_sides_is_found():
    before, behind = Ball((0.75, 0.0, 0.4), 0.4), Ball((0.05, 0.0, 0.2), 0.2, GREEN.color)
    scene = ball_scene((before, behind), num_views=10, arc=150.0)
    lifted = lift(scene)
    assert not lifted.failures and iou(lifted, scene, 1) > 0.97
    is_seen = lifted.visibility > 0.1
    found, true = (lifted.labels == 2) & is_seen, (scene.owners == 2) & is_seen
    assert (found & true).sum() / (found | true).sum() > 0.97


def boxed(ball: Ball, name: str, turn: float = 0.3) -> ObjectInfo:
    """An object known by a box around it only, turned about the vertical."""
    side = 2.3 * ball.radius
    return ObjectInfo(name, box=ObjectBox(ball.center, (side, side, side), (math.cos(turn), 0.0, 0.0, math.sin(turn))))


@pytest.mark.parametrize("capture_to_world", [Similarity.identity(), TURNED], ids=["same frame", "turned and scaled"])
def test_a_box_finds_what_masks_find(capture_to_world: Similarity):
    scene = SCENE.moved(capture_to_world)
    by_masks = lift(scene, capture_to_world=capture_to_world)
    blind = scene.with_views([relabelled(view, None) for view in scene.views])
    by_boxes = lift(blind, (boxed(RED, "ball 1"), boxed(GREEN, "ball 2")), capture_to_world)
    assert_all_found(by_masks, scene)
    assert_all_found(by_boxes, scene, least=0.95)
    for masked, box in zip(by_masks.objects, by_boxes.objects, strict=True):
        assert box.mask_iou is None and masked.mask_iou is not None
        assert float((masked.frame.center - box.frame.center).norm()) < 0.05 * masked.frame.diagonal
        assert box.support is not None


def test_one_object_by_masks_and_another_by_its_box():
    views = [
        relabelled(view, view.labels.clamp(max=1) * (view.labels == 1))
        for view in SCENE.views
        if view.labels is not None
    ]
    lifted = lift(SCENE.with_views(views), (SCENE.objects[0], boxed(GREEN, "ball 2")))
    assert_all_found(lifted, SCENE, least=0.95)


def test_a_box_around_nothing_is_reported():
    empty = ObjectInfo("air", box=ObjectBox((0.0, 0.0, 5.0), (0.1, 0.1, 0.1)))
    lifted = lift(SCENE, (*SCENE.objects, empty))
    assert "box" in lifted.failures["air"]
    assert len(lifted.objects) == 2


def test_lifting_goes_with_the_frame_of_the_world():
    here, there = lift(SCENE), lift(SCENE.moved(TURNED))
    assert (here.labels == there.labels).float().mean() > 0.999
    for one, other in zip(here.objects, there.objects, strict=True):
        expected = TURNED.apply(one.frame.center)
        assert float((other.frame.center - expected).norm()) < 0.02 * other.frame.diagonal
        assert other.frame.diagonal == pytest.approx(TURNED.scale * one.frame.diagonal, rel=0.03)
        assert one.support is not None and other.support is not None
        assert float(other.support.up @ (TURNED.rotation.float() @ one.support.up)) > 0.999


def test_lifting_neither_depends_on_global_random_states_nor_changes_them():
    torch.manual_seed(1)
    np.random.seed(1)
    first = lift(SCENE)
    assert torch.equal(torch.rand(1), torch.rand(1, generator=torch.Generator().manual_seed(1)))
    assert np.random.rand() == np.random.RandomState(1).rand()
    second = lift(SCENE)
    assert torch.equal(first.labels, second.labels) and torch.equal(first.votes, second.votes)
    for one, other in zip(first.objects, second.objects, strict=True):
        assert torch.equal(one.frame.extent, other.frame.extent)
        assert [view.name for view in first.views[one.name]] == [view.name for view in second.views[one.name]]


def test_broken_gaussians_belong_to_nobody():
    g = SCENE.gaussians
    broken = {name: getattr(g, name).clone() for name in ("means", "quats", "scales", "opacities", "harmonics")}
    (red,) = torch.nonzero(SCENE.owners == 1, as_tuple=True)
    broken["means"][red[0]] = float("nan")
    broken["means"][red[1]] = float("inf")
    broken["scales"][red[2]] = float("nan")
    broken["opacities"][red[3]] = 0.0
    broken["scales"][red[4], 0] = 1e6
    lifted = lift(replace(SCENE, gaussians=replace(g, **broken)))
    assert not lifted.failures
    assert not lifted.labels[red[:4]].any()
    assert iou(lifted, SCENE, 1) > 0.97 and iou(lifted, SCENE, 2) > 0.97
    assert all(one.frame.extent.max() < 1.0 for one in lifted.objects)


@pytest.mark.parametrize("num_views", [1, 2])
def test_a_view_or_two_lift_what_they_see(num_views: int):
    scene = ball_scene(num_views=num_views)
    lifted = lift(scene)
    assert not lifted.failures
    is_seen = lifted.visibility > 0.3
    assert ((lifted.labels == scene.owners) | ~is_seen).float().mean() > 0.99
    assert all(1 <= len(views) <= num_views for views in lifted.views.values())


def test_a_hundred_objects_are_told_apart():
    places = [(-1.35 + 0.3 * (index % 10), -1.35 + 0.3 * (index // 10), 0.12) for index in range(100)]
    scene = ball_scene([Ball(place, 0.12, num_gaussians=60) for place in places], num_views=6)
    lifted = lift(scene, min_gaussians=10, max_views=1)
    assert len(lifted.objects) + len(lifted.failures) == 100
    assert len(lifted.objects) >= 95
    is_right = lifted.labels == scene.owners
    assert is_right[lifted.labels > 0].all()
    assert is_right[(scene.owners > 0) & (lifted.visibility > 0.3)].float().mean() > 0.9
