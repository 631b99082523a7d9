"""Where a person says that a proxy stands about here, it is placed here."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from ball_proxies import ball_proxy
from pose_requests import Case, Trouble, is_right, make_case
from scipy.spatial.transform import Rotation
from solid_shapes import THINGS, Thing, ball, cylinder, joined, plain

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.local_starts import NUM_PLACES, is_near, places_near
from scorp_ns.pose.result import PoseCandidate, PoseSearchResult
from scorp_ns.pose.search import search_pose
from scorp_ns.stages.place import place


def off(pose: Similarity, degrees: float, shift: float, swelling: float, axis: np.ndarray, way: int = 0) -> Similarity:
    """A pose turned about an axis, shifted by so many sizes somewhere, and larger."""
    turn = torch.from_numpy(Rotation.from_rotvec(math.radians(degrees) * axis / np.linalg.norm(axis)).as_matrix())
    aside = torch.nn.functional.normalize(torch.from_numpy(np.random.default_rng(way).normal(size=3)), dim=0)
    return Similarity(turn @ pose.rotation, pose.translation + shift * pose.scale * aside, pose.scale * swelling)


def up_of(case: Case) -> np.ndarray:
    return case.request.up.double().numpy()


@pytest.mark.parametrize(("name", "seed", "swelling"), [("hammer", 3, 0.9), ("mug", 7, 1.12), ("car", 9, 1.12)])
def test_the_place_is_found_from_one_that_is_off(name: str, seed: int, swelling: float):
    case = make_case(name, seed=seed, arc_deg=80)
    start = off(case.T_capture_proxy, 18, 0.1, swelling, np.random.default_rng(seed).normal(size=3))
    assert not is_right(case.errors(start))
    result = search_pose(case.request, case.mesh, SearchConfig(), near=start)
    assert result.best is not None and result.is_trusted, result.reason
    assert is_right(case.errors(result.best.T_capture_proxy))


def test_nothing_elsewhere_is_taken_for_a_place_near_by():
    case = make_case("car", seed=9, arc_deg=80)
    start = off(case.T_capture_proxy, 180, 0, 1, up_of(case))
    result = search_pose(case.request, case.mesh, SearchConfig(), near=start)
    assert not result.is_trusted and all(is_near(start, one.T_capture_proxy) for one in result.candidates)


def test_a_person_tells_what_photographs_do_not():
    """A can whose knob is on the hidden side."""
    knob = Thing(joined(cylinder(0, 0, -0.35, 0.35, 0.3), ball(0.33, 0, -0.1, 0.12)), plain)
    with mock.patch.dict(THINGS, {"can with a knob": knob}):
        case = make_case("can with a knob", seed=4, arc_deg=360, num_sights=60, trouble=Trouble())
    points, up = case.mesh.moved(case.T_capture_proxy).sample(4000, 0).points.astype(np.float64), up_of(case)
    across = points - points.mean(axis=0)
    across -= np.outer(across @ up, up)
    out = across[np.linalg.norm(across, axis=1).argmax()]
    eyes = [-(one.viewmat[:3, :3].T @ one.viewmat[:3, 3]).numpy() - case.center for one in case.request.windows]
    facing = [eye @ out / np.linalg.norm(eye - eye @ up * up) / np.linalg.norm(out) for eye in eyes]
    behind = tuple(one for one, cosine in zip(case.request.windows, facing, strict=True) if cosine < -0.94)
    request = replace(case.request, windows=behind)
    assert not search_pose(request, case.mesh, SearchConfig()).is_trusted
    start = off(case.T_capture_proxy, 10, 0.05, 1.05, up)
    result = search_pose(request, case.mesh, SearchConfig(), near=start)
    assert result.best is not None and result.is_trusted, result.reason
    assert is_near(start, result.best.T_capture_proxy)


def test_places_lie_around_the_start_in_its_own_size():
    far_away = torch.full((3,), 500.0, dtype=torch.float64)
    start = Similarity(torch.eye(3, dtype=torch.float64), far_away, 40.0)
    places = places_near(start, 0)
    assert len(places) == NUM_PLACES and torch.equal(places[0].matrix, start.matrix)
    assert all(is_near(start, one) for one in places)
    assert len({round(one.scale, 6) for one in places}) == NUM_PLACES
    for far in (off(start, 50, 0, 1, np.ones(3)), off(start, 0, 0.4, 1, np.ones(3)), off(start, 0, 0, 0.6, np.ones(3))):
        assert not is_near(start, far)


@pytest.mark.parametrize("told_by_person", [True, False])
@pytest.mark.parametrize("is_trusted_near", [True, False])
def test_all_places_are_searched_only_if_none_near_a_persons_is_believed(told_by_person: bool, is_trusted_near: bool):
    start = off(Similarity.identity(), 30, 2, 3, np.ones(3))
    proxy = replace(ball_proxy(), T_world_start=start)
    far = off(start, 180, 0, 1, np.ones(3))

    def found(*_: Any, near: Similarity | None = None, **__: Any) -> PoseSearchResult:
        best = PoseCandidate(far if near is None else near, 0.1, 0.95, 0.1, 0.6, 0.4, 0.02)
        return PoseSearchResult((best,), 1.0, near is None or is_trusted_near, "because")

    with mock.patch("scorp_ns.stages.place.search_pose", found):
        placed = place(proxy, make_case("mug", 1, num_sights=1).request, Similarity.identity(), SearchConfig(), Work(),
                       told_by_person=told_by_person)  # fmt: skip
    assert is_near(start, placed.T_world_proxy) == (told_by_person and is_trusted_near)
