"""What views show of an object, what hides it, and the crops cut from them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from lifting_scenes import Ball, BallScene, ball_scene, relabelled, with_swapped

from scorp_ns.lift.crops import BACKGROUND, OCCLUDER, VISIBLE, crop_view, pixel_roles
from scorp_ns.lift.object_views import MOST_SIGHTINGS, Sighting, find_sightings, surface_around
from scorp_ns.lift.scene_depths import Evidence
from scorp_ns.lift.votes import gather_votes
from scorp_ns.products import UNKNOWN
from scorp_ns.render.surface_depth import render_depths

IN_A_ROW = ball_scene((Ball((-0.45, 0.0, 0.3), 0.3), Ball((0.45, 0.0, 0.3), 0.3, (0.2, 0.7, 0.3))), num_views=8)
"""From 000.png the second ball hides part of the first."""


def sightings_of(scene: BallScene, label: int = 1, shares: list[float] | None = None) -> list[Sighting]:
    evidence = Evidence(scene.gaussians, scene.views, gather_votes(scene.gaussians, scene.views, 2))
    own = scene.gaussians[scene.owners == label]
    return list(find_sightings(evidence, own, label, shares or [1.0] * len(scene.views), size=1.0))


def without_labels(scene: BallScene) -> BallScene:
    return scene.with_views([relabelled(view, None) for view in scene.views])


@pytest.mark.parametrize("has_masks", [True, False])
def test_what_stands_before_an_object_hides_it(has_masks: bool):
    scene = IN_A_ROW if has_masks else without_labels(IN_A_ROW)
    hidden_from_000 = sightings_of(scene)[0].is_hidden
    labels = IN_A_ROW.views[0].labels
    assert labels is not None and hidden_from_000.sum() > 30
    assert (labels.numpy()[hidden_from_000] == 2).mean() > 0.95
    assert sightings_of(scene)[4].is_hidden.sum() <= 2


def test_an_object_without_masks_is_where_it_is_rendered():
    for sighting in sightings_of(without_labels(IN_A_ROW)):
        labels = IN_A_ROW.views[sighting.index].labels
        assert labels is not None
        union = (sighting.mask | (labels.numpy() == 1)).sum()
        assert (sighting.mask & (labels.numpy() == 1)).sum() / union > 0.95
        assert not sighting.is_masked


def test_masks_of_a_true_object_fit_it_though_something_hides_it():
    assert min(sighting.iou for sighting in sightings_of(IN_A_ROW)) > 0.97


def test_unknown_pixels_do_not_count_and_are_filled_by_what_is_rendered():
    views = []
    for view in IN_A_ROW.views:
        assert view.labels is not None
        columns = torch.nonzero(view.labels == 1)[:, 1]
        is_unknown = torch.arange(view.width).expand(view.height, -1) < columns.float().mean()
        views.append(relabelled(view, view.labels.masked_fill(is_unknown, UNKNOWN)))
    full, partly = sightings_of(IN_A_ROW), sightings_of(IN_A_ROW.with_views(views))
    for one, other in zip(full, partly, strict=True):
        assert other.is_masked and not other.is_known.all()
        assert other.iou > 0.97
        assert (one.mask ^ other.mask).sum() <= 0.03 * one.mask.sum()


def test_a_swapped_mask_does_not_fit():
    scene = IN_A_ROW.with_views([with_swapped(view) for view in IN_A_ROW.views[2:]])
    assert sightings_of(scene)[0].iou < 0.1


def test_views_without_the_objects_mask_are_left_out_where_others_have_it():
    views = list(IN_A_ROW.views)
    views[1], views[2] = relabelled(views[1], None), relabelled(views[2], torch.zeros(60, 80, dtype=torch.int16))
    assert [sighting.index for sighting in sightings_of(IN_A_ROW.with_views(views))] == [0, 3, 4, 5, 6, 7]


def test_the_views_that_show_most_are_looked_at_in_their_order():
    scene = ball_scene(num_views=24)
    shares = [0.5 + 0.01 * index for index in range(24)]
    shares[23] = 0.01
    expected = list(range(23 - MOST_SIGHTINGS, 23))
    assert [sighting.index for sighting in sightings_of(scene, shares=shares)] == expected


def test_a_large_object_of_which_every_view_shows_little_is_still_seen():
    assert len(sightings_of(IN_A_ROW, shares=[0.03] * 8)) == 8


def test_an_object_that_no_view_shows_has_no_sightings():
    assert sightings_of(IN_A_ROW, shares=[0.0] * 8) == []
    assert surface_around([]).shape == (0, 3)


def test_the_scene_is_rendered_once_a_view_for_all_objects(monkeypatch: pytest.MonkeyPatch):
    from scorp_ns.lift import scene_depths as module

    sizes: list[int] = []

    def counting(gaussians, *args):
        sizes.append(len(gaussians))
        return render_depths(gaussians, *args)

    monkeypatch.setattr(module, "render_depths", counting)
    evidence = Evidence(
        IN_A_ROW.gaussians, IN_A_ROW.views, gather_votes(IN_A_ROW.gaussians, IN_A_ROW.views, 2), "antialiased"
    )
    for label in (1, 2):
        list(find_sightings(evidence, IN_A_ROW.gaussians[IN_A_ROW.owners == label], label, [1.0] * 8, 1.0))
    assert sizes.count(len(IN_A_ROW.gaussians)) == 8
    monkeypatch.setattr(module, "MOST_PIXELS", 0)
    assert evidence.depths(0) is evidence.depths(0)
    fresh = Evidence(evidence.gaussians, evidence.views, evidence.votes)
    assert fresh.depths(0) is not fresh.depths(0)


def test_the_surroundings_are_on_the_plane_beside_the_object():
    points = surface_around(sightings_of(IN_A_ROW))
    assert len(points) > 200
    assert (points[:, 2].abs() < 0.1).float().mean() > 0.95
    assert ((points[:, :2] - torch.tensor([-0.45, 0.0])).norm(dim=1) < 1.6).float().mean() > 0.9


def test_unprojected_pixels_are_where_the_surface_is():
    view = IN_A_ROW.views[3]
    depths = render_depths(IN_A_ROW.gaussians, view.camera)
    points = view.camera.unproject(depths.depth, view.labels == 1)
    away = (points - torch.tensor([-0.45, 0.0, 0.3])).norm(dim=1)
    assert float((away - 0.3).abs().median()) < 0.02


def roles_of(sighting: Sighting) -> np.ndarray:
    return pixel_roles(sighting.mask, sighting.is_hidden)


def test_roles_tell_visible_hidden_and_background_apart():
    sighting = sightings_of(IN_A_ROW)[0]
    roles = roles_of(sighting)
    assert (roles[sighting.mask] == VISIBLE).all() and (roles[sighting.is_hidden] == OCCLUDER).all()
    assert (roles == BACKGROUND).sum() == (~(sighting.mask | sighting.is_hidden)).sum()


@pytest.mark.parametrize("min_pixels", [1, 20_000])
def test_a_crops_camera_puts_world_points_where_the_photographs_does(min_pixels: int):
    sighting = sightings_of(IN_A_ROW)[2]
    view = sighting.view
    crop = crop_view(view, roles_of(sighting), 0.1, min_pixels, {})
    side = len(crop.trimap)
    assert crop.rgba.shape == (side, side, 4) and side**2 >= min_pixels
    means = IN_A_ROW.gaussians.means[IN_A_ROW.owners == 1].double()
    in_photograph, in_crop = (one.camera.exact().project(means) for one in (view, crop))
    expected = view.photograph.numpy()[tuple(in_photograph.floor().long().numpy().T[::-1])]
    found = crop.rgba[tuple(in_crop.floor().long().numpy().T[::-1])]
    assert (found[:, 3] == 255).mean() > 0.9
    assert np.abs(found[:, :3].astype(int) - expected).mean() < (1e-9 if min_pixels == 1 else 12)


def test_crops_have_their_margin_and_hold_the_hidden_part():
    sighting = sightings_of(IN_A_ROW)[0]
    roles = crop_view(sighting.view, roles_of(sighting), 0.2, 1, {}).trimap
    rows, columns = np.nonzero(roles != BACKGROUND)
    span = max(np.ptp(rows), np.ptp(columns)) + 1
    assert span / len(roles) == pytest.approx(0.6, abs=0.05)
    assert (roles == OCCLUDER).sum() == sighting.is_hidden.sum()
    assert (roles == VISIBLE).sum() == sighting.mask.sum()


@pytest.mark.parametrize("shape", [(60, 80), (1, 1), (1, 7), (200, 3)])
def test_an_object_that_fills_the_image_is_cropped_beyond_its_border(shape: tuple[int, int]):
    view = replace(IN_A_ROW.views[0], photograph=torch.full((*shape, 3), 90, dtype=torch.uint8), labels=None)
    crop = crop_view(view, np.full(shape, VISIBLE, np.uint8), 0.1, 100, {})
    assert len(crop.trimap) >= max(shape)
    is_inside = crop.trimap == VISIBLE
    assert is_inside.sum() >= shape[0] * shape[1]
    assert (crop.rgba[..., 3] == 255 * is_inside).all()
