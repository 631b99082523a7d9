"""Proxies are placed by partial views, and refused where they do not belong."""

from __future__ import annotations

from dataclasses import replace
from typing import cast
from unittest import mock

import numpy as np
import pytest
import torch
from ball_proxies import ball_mesh
from pose_requests import ALL_TROUBLE, Case, Trouble, is_right, make_case
from scipy import ndimage
from solid_shapes import THINGS, Thing, ball, cylinder, joined, plain

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.pose.acceptance import judge
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.observation import observe
from scorp_ns.pose.proxy_shape import describe_proxy
from scorp_ns.pose.render_score import COLOR_PRICE, DEPTH_PRICE, SPILL_PRICE, Agreement, compare, compare_leniently
from scorp_ns.pose.result import PoseCandidate, PoseSearchResult
from scorp_ns.pose.search import _as_pose, search_pose
from scorp_ns.products import BACKGROUND, VISIBLE, ObjectCrop, Support

QUICK = SearchConfig(num_rotations=1200, num_fitted=120, num_compared=12)


def search(case: Case, config: SearchConfig = QUICK) -> PoseSearchResult:
    return search_pose(case.request, case.mesh, config)


def is_found(case: Case, result: PoseSearchResult) -> bool:
    return result.best is not None and is_right(case.errors(result.best.T_capture_proxy))


@pytest.mark.parametrize("name", ["bottle", "hammer"])
def test_pose_of_a_partial_view_is_found_in_spite_of_all_trouble(name: str):
    case = make_case(name, seed=3, arc_deg=80)
    result = search(case)
    assert is_found(case, result)
    assert result.is_trusted, result.reason


def test_the_same_seed_gives_the_same_pose():
    case = make_case("duck", seed=1, num_sights=6)
    first, second = search(case), search(case)
    assert first.best is not None and second.best is not None
    assert torch.equal(first.best.T_capture_proxy.matrix, second.best.T_capture_proxy.matrix)


def test_poses_of_a_body_of_revolution_are_one():
    case = make_case("vase", seed=2, trouble=Trouble())
    result = search(case)
    assert is_found(case, result)
    assert result.is_trusted, result.reason


@pytest.mark.parametrize("other", ["chair", "bottle", "ball"])
def test_the_proxy_of_another_object_is_refused(other: str):
    case = make_case("mug", seed=7)
    mesh = ball_mesh() if other == "ball" else make_case(other, seed=8, num_sights=1).mesh
    assert not search_pose(case.request, mesh, QUICK).is_trusted


@pytest.mark.parametrize("is_hidden", [True, False])
def test_a_turn_that_nothing_seen_tells_is_not_believed(is_hidden: bool):
    knob = Thing(joined(cylinder(0, 0, -0.35, 0.35, 0.3), ball(0.33, 0, -0.1, 0.12)), plain)
    with mock.patch.dict(cast(dict, THINGS), {"can with a knob": knob}):
        case = make_case("can with a knob", seed=4, arc_deg=360, num_sights=60, trouble=Trouble())
    points = case.mesh.moved(case.T_capture_proxy).sample(4000, 0).points.astype(np.float64)
    up = case.request.up.double().numpy()
    across = points - points.mean(axis=0)
    across -= np.outer(across @ up, up)
    out = across[np.linalg.norm(across, axis=1).argmax()]
    eyes = [-(one.viewmat[:3, :3].T @ one.viewmat[:3, 3]).numpy() - case.center for one in case.request.windows]
    facing = np.array([eye @ out / np.linalg.norm(eye - eye @ up * up) / np.linalg.norm(out) for eye in eyes])
    chosen = facing < np.cos(np.radians(160)) if is_hidden else np.abs(facing) < np.cos(np.radians(60))
    sights = tuple(one for one, is_chosen in zip(case.request.windows, chosen, strict=True) if is_chosen)
    result = search_pose(replace(case.request, windows=sights), case.mesh, QUICK)
    assert result.is_trusted != is_hidden, result.reason
    assert ("turned about the vertical" in result.reason or "looks different" in result.reason) == is_hidden


def candidate(cost: float) -> PoseCandidate:
    rest = cost - (1 - 0.95) - SPILL_PRICE * 0.1
    wrong = rest / (DEPTH_PRICE + COLOR_PRICE)
    return PoseCandidate(Similarity.identity(), cost, 0.95, 0.1, wrong, wrong, 0.02)


@pytest.mark.parametrize(
    ("costs", "is_believed"),
    [
        ((0.4, 0.5), True),
        ((0.4, 0.41), False),
        ((0.7, 0.8), False),
        ((0.7, 0.9), True),
        ((0.4,), True),
        ((0.7,), False),
    ],
)
def test_what_disagrees_much_has_to_stand_out(costs: tuple[float, ...], is_believed: bool):
    """Proxies of other objects cost 0.6 and more, and fit in many ways."""
    result = judge(tuple(map(candidate, costs)), 1.0, 90.0, SearchConfig())
    assert result.is_trusted == is_believed, result.reason


def with_other_rims(case: Case, num_pixels: int) -> Case:
    """The case with masks too wide by so many pixels all around, or too tight where that is negative."""

    def of(sight: ObjectCrop) -> ObjectCrop:
        mask = sight.trimap == VISIBLE
        outside, inside = (np.asarray(ndimage.distance_transform_edt(part)) for part in (~mask, mask))
        away = np.where(mask, 0.5 - inside, outside - 0.5)
        return replace(sight, trimap=np.where(away < num_pixels, VISIBLE, BACKGROUND).astype(np.uint8))

    return replace(case, request=replace(case.request, windows=tuple(map(of, case.request.windows))))


def agreements(case: Case) -> tuple[Agreement, Agreement]:
    """Of the true pose, with masks taken to the pixel, and leniently."""
    observation = observe(case.request, QUICK)
    assert observation is not None
    shape = describe_proxy(case.mesh, 0, 0)
    pose = _as_pose(observation.T_capture_observed.inverse() @ case.T_capture_proxy)
    return compare(shape, pose, observation.pixels), compare_leniently(shape, pose, observation.pixels)


@pytest.mark.parametrize(("num_pixels", "is_forgiven"), [(0, True), (1, True), (-1, True), (4, False), (-3, False)])
def test_rims_of_masks_are_forgiven_a_pixel_and_no_more(num_pixels: int, is_forgiven: bool):
    strict, lenient = agreements(
        with_other_rims(make_case("bottle", seed=1, num_sights=6, trouble=Trouble()), num_pixels)
    )
    assert (lenient.explained > 0.97 and lenient.spill < 0.03) == is_forgiven
    assert lenient.shape_cost <= strict.shape_cost


def test_masks_a_little_too_wide_speak_against_no_thin_thing():
    strict, lenient = agreements(with_other_rims(make_case("chair", seed=1, num_sights=6, trouble=Trouble()), 1))
    assert strict.explained < SearchConfig().least_explained < lenient.explained


def test_masks_of_two_objects_are_refused():
    assert not search(make_case("car", seed=9, also="duck")).is_trusted


def test_one_view_and_a_wrong_support_do_no_harm():
    case = make_case("mug", seed=7, trouble=Trouble())
    up = torch.nn.functional.normalize(torch.tensor([1.0, 0.4, -0.2]), dim=0)
    wrong = replace(case.request, up=up, support=Support(torch.tensor([5.0, 0.0, 0.0]), up))
    for request in (wrong, replace(case.request, windows=case.request.windows[7:8])):
        result = search_pose(request, case.mesh, QUICK)
        assert is_found(case, result) or not result.is_trusted


def test_ten_gaussians_are_enough_where_masks_are_good():
    case = make_case("mug", seed=7, trouble=Trouble())
    few = torch.arange(10)
    request = replace(case.request, gaussians=case.request.gaussians[few], visibility=torch.ones(10))
    assert is_found(case, search_pose(request, case.mesh, QUICK))


def test_nothing_seen_is_nothing_found():
    case = make_case("parcel", seed=1, num_sights=1)
    result = search_pose(replace(case.request, windows=()), case.mesh, QUICK)
    assert result.best is None and not result.is_trusted and "too little" in result.reason


@pytest.mark.slow
def test_a_hundred_partial_views():
    """At least 95 are right, and of the wrong ones four in five are refused."""
    random, names = np.random.default_rng(5), list(THINGS)
    wrong, believed = 0, 0
    for number in range(100):
        case = make_case(names[number % len(names)], 1000 + number, random.uniform(60, 150), trouble=ALL_TROUBLE)
        result = search(case, SearchConfig())
        if not is_found(case, result):
            wrong += 1
            believed += result.is_trusted
    assert wrong <= 5 and believed <= 0.2 * wrong


@pytest.mark.slow
def test_proxies_of_other_things_are_refused():
    """Four in five at least, over partial views of all things with all trouble, each by three others."""
    random, names, refused = np.random.default_rng(6), list(THINGS), 0
    for number in range(3 * len(names)):
        other = names[(number + 1 + number // len(names) * 4) % len(names)]
        case = make_case(names[number % len(names)], 2000 + number, random.uniform(60, 150), trouble=ALL_TROUBLE)
        mesh = make_case(other, 3000 + number, num_sights=1).mesh
        refused += not search_pose(case.request, mesh, SearchConfig()).is_trusted
    assert refused >= 0.8 * 3 * len(names)
