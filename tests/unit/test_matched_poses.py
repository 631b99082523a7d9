"""Similarities are found in closed form, in spite of wrong matches, and photographs and renders lead to a pose."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from pose_requests import Case, Trouble, make_case
from scipy.spatial.transform import Rotation

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.umeyama import fit_similarities, fit_similarity
from scorp_ns.match.config import MatchingConfig
from scorp_ns.match.consensus import Bounds, Pairs, ransac_similarities
from scorp_ns.match.matcher import Matches
from scorp_ns.match.pictures import GREY, SIDE, PointPicture, photograph_picture, render_pictures
from scorp_ns.match.poses import matched_poses
from scorp_ns.match.sift import SiftConfig, SiftMatcher
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.search import search_pose
from scorp_ns.products import BACKGROUND, VISIBLE
from scorp_ns.surfaces.queries import SurfaceQueries

BOUNDS = Bounds(threshold=0.05, smallest_scale=0.3, largest_scale=5.0, least_inliers=6)


def some_similarity(seed: int) -> Similarity:
    random = np.random.default_rng(seed)
    rotation = Rotation.random(random_state=seed).as_matrix()
    return Similarity(
        torch.from_numpy(rotation), torch.from_numpy(random.normal(size=3)), float(random.uniform(0.5, 3))
    )


def placed(similarity: Similarity, points: np.ndarray) -> np.ndarray:
    return similarity.apply(torch.from_numpy(points)).numpy()


def assert_same(found: Similarity, true: Similarity, tolerance: float) -> None:
    torch.testing.assert_close(found.matrix, true.matrix, rtol=0, atol=tolerance)


def test_the_closed_form_finds_the_similarity_exactly():
    points = np.random.default_rng(0).normal(size=(20, 3))
    for seed in range(5):
        true = some_similarity(seed)
        assert_same(fit_similarity(points, placed(true, points)), true, 1e-12)
        # Three points, and points in a plane, are enough.
        assert_same(fit_similarity(points[:3], placed(true, points[:3]), np.ones(3)), true, 1e-9)


def test_pairs_without_weight_do_not_count_and_others_as_much_as_they_weigh():
    random, true = np.random.default_rng(1), some_similarity(1)
    points = random.normal(size=(20, 3))
    target = placed(true, points)
    target[:5] += random.normal(size=(5, 3))
    weights = np.r_[np.zeros(5), np.ones(15)]
    assert_same(fit_similarity(points, target, weights), true, 1e-12)
    twice = np.r_[points[:1], points], np.r_[target[:1], target]
    as_two = fit_similarity(points, target, np.r_[2.0, np.ones(19)])
    assert_same(fit_similarity(*twice, np.ones(21)), as_two, 1e-12)


def test_no_other_similarity_has_a_smaller_error():
    random = np.random.default_rng(2)
    source, target, weights = random.normal(size=(12, 3)), random.normal(size=(12, 3)), random.uniform(0.1, 1, 12)

    def error(similarity: Similarity) -> float:
        return float(weights @ ((placed(similarity, source) - target) ** 2).sum(axis=1))

    best = fit_similarity(source, target, weights)
    for seed in range(50):
        turn = Rotation.from_rotvec(random.normal(size=3) * 0.02).as_matrix()
        nudge = Similarity(
            torch.from_numpy(turn), torch.from_numpy(random.normal(size=3) * 0.02), 1 + 0.02 * (-1) ** seed
        )
        assert error(nudge @ best) > error(best)


def test_a_mirror_image_is_never_found_by_mirroring():
    points = np.random.default_rng(3).normal(size=(20, 3))
    assert not fit_similarity(points, points * [1, 1, -1], np.ones(20)).is_mirrored


def test_many_sets_are_fitted_as_each_alone():
    random = np.random.default_rng(4)
    source, target, weights = random.normal(size=(7, 5, 3)), random.normal(size=(7, 5, 3)), random.uniform(0, 1, (7, 5))
    together = fit_similarities(source, target, weights)
    for index in range(7):
        assert_same(together[index], fit_similarity(source[index], target[index], weights[index]), 1e-12)


def test_a_single_point_has_no_scale():
    assert (
        fit_similarities(np.ones((1, 3, 3)), np.random.default_rng(0).normal(size=(1, 3, 3)), np.ones((1, 3))).scales
        == 0
    )


def some_pairs(*shares: float, number: int = 240, noise: float = 0.01) -> tuple[Pairs, list[Similarity]]:
    """Pairs of which these shares agree with one similarity each, and the others with none."""
    random = np.random.default_rng(5)
    source, target = random.uniform(-0.5, 0.5, (number, 3)), random.uniform(-2, 2, (number, 3))
    truths, first = [], 0
    for seed, share in enumerate(shares):
        last = first + round(share * number)
        truths.append(some_similarity(seed))
        target[first:last] = placed(truths[-1], source[first:last]) + noise * random.normal(size=(last - first, 3))
        first = last
    order = random.permutation(number)
    groups = random.integers(0, 8, number)
    return Pairs(source[order], target[order], random.uniform(0.1, 1, number), groups), truths


@pytest.mark.parametrize("share", [0.9, 0.5, 0.25])
def test_agreement_is_found_among_wrong_pairs(share: float):
    pairs, (true,) = some_pairs(share)
    found = ransac_similarities(pairs, BOUNDS, 2000, 4, np.random.default_rng(0))
    assert_same(found[0], true, 0.03)
    assert len(found) == 1


def test_two_answers_come_in_the_order_of_their_agreement():
    pairs, (first, second) = some_pairs(0.4, 0.2)
    found = ransac_similarities(pairs, BOUNDS, 2000, 4, np.random.default_rng(0))
    assert_same(found[0], first, 0.03)
    assert_same(found[1], second, 0.03)
    assert len(ransac_similarities(pairs, BOUNDS, 2000, 1, np.random.default_rng(0))) == 1


def test_the_same_seed_finds_the_same():
    pairs, _ = some_pairs(0.3)
    one, other = (ransac_similarities(pairs, BOUNDS, 500, 4, np.random.default_rng(0)) for _ in range(2))
    assert torch.equal(one[0].matrix, other[0].matrix)


def test_nothing_is_found_where_nothing_agrees():
    random = np.random.default_rng(0)
    assert ransac_similarities(some_pairs()[0], BOUNDS, 2000, 4, random) == ()
    few, _ = some_pairs(1.0, number=5)
    assert ransac_similarities(few, BOUNDS, 2000, 4, random) == ()
    assert ransac_similarities(replace(few, groups=np.arange(5)), replace(BOUNDS, least_inliers=3), 99, 4, random) == ()


def test_points_on_a_line_and_impossible_sizes_make_no_pose():
    random, line = np.random.default_rng(0), np.linspace(-0.5, 0.5, 30)[:, None] * np.array([1.0, 2, 3])
    on_a_line = Pairs(line, placed(some_similarity(0), line), np.ones(30), np.zeros(30, np.int64))
    assert ransac_similarities(on_a_line, BOUNDS, 500, 4, random) == ()
    pairs, (true,) = some_pairs(0.9)
    too_small = replace(BOUNDS, largest_scale=0.8 * true.scale)
    assert all(one.scale <= too_small.largest_scale for one in ransac_similarities(pairs, too_small, 500, 4, random))


@pytest.fixture(scope="module")
def bottle() -> Case:
    """A body of revolution but for its label."""
    return make_case("bottle", seed=7, trouble=Trouble())


def test_pixels_of_a_photograph_know_their_place_in_space(bottle: Case):
    window = bottle.request.windows[3]
    picture = photograph_picture(window)
    assert picture is not None and picture.image.shape == (SIDE, SIDE, 3)
    rows, columns = np.nonzero(np.isfinite(picture.points).all(axis=-1))
    in_camera = picture.points[rows, columns] @ window.viewmat.numpy()[:3, :3].T + window.viewmat.numpy()[:3, 3]
    through = in_camera @ window.K.numpy().T
    places = through[:, :2] / through[:, 2:]
    known = window.depth[tuple(np.floor(places[:, ::-1]).astype(int).T)]
    np.testing.assert_allclose(in_camera[:, 2], known, rtol=1e-6)
    shown = (
        picture.image[rows, columns].astype(float) - window.photograph[tuple(np.floor(places[:, ::-1]).astype(int).T)]
    )
    assert np.abs(shown).mean() < 4
    is_object = (picture.image != GREY).any(axis=-1)
    assert is_object.any(axis=0).mean() > 0.3 and is_object.any(axis=1).mean() > 0.75


def test_a_photograph_of_nothing_is_no_picture(bottle: Case):
    window = bottle.request.windows[0]
    assert photograph_picture(replace(window, trimap=np.full_like(window.trimap, BACKGROUND))) is None
    one = np.full_like(window.trimap, BACKGROUND)
    one[5, 7] = VISIBLE
    picture = photograph_picture(replace(window, trimap=one))
    assert picture is not None and np.isnan(picture.points).all()


def test_pixels_of_renders_know_their_place_on_the_proxy(bottle: Case):
    queries = SurfaceQueries(bottle.mesh)
    renders = render_pictures(queries, 6)
    for render in renders:
        points = render.points[np.isfinite(render.points).all(axis=-1)]
        assert np.abs(queries.nearest(points[::50].astype(np.float32)).distances).max() < 1e-4
    towards = np.stack([np.nanmean(one.points.reshape(-1, 3), axis=0) for one in renders])
    assert np.linalg.matrix_rank(towards) == 3
    turned = renders[2].turned(1)
    np.testing.assert_array_equal(
        turned.places(np.array([[50.5, 100.5]])), renders[2].places(np.array([[219.5, 50.5]]))
    )


def test_places_beside_a_picture_are_nowhere(bottle: Case):
    (picture,) = render_pictures(SurfaceQueries(bottle.mesh), 1)
    middle = SIDE / 2
    places = np.array([[middle, middle], [-0.5, middle], [middle, SIDE], [np.nan, middle], [1e9, -1e9], [0.0, 0.0]])
    assert np.isfinite(picture.places(places)).all(axis=1).tolist() == [True, False, False, False, False, False]


def test_matches_tell_how_a_labelled_bottle_is_turned(bottle: Case):
    (best, *_) = matched_poses(bottle.request, bottle.mesh, SiftConfig().build(), MatchingConfig())
    errors = bottle.errors(best)
    assert errors.rotation_deg < 15 and errors.scale_pct < 10 and errors.translation_pct < 8


def test_the_search_uses_poses_that_matches_give():
    """One rotation is no grid; a matched pose stands in for it."""
    case, few = make_case("bottle", seed=7), SearchConfig(num_rotations=1, num_resting_faces=0)
    starts = matched_poses(case.request, case.mesh, SiftConfig().build(), MatchingConfig())
    found = [search_pose(case.request, case.mesh, few, some).best for some in ((), starts)]
    assert found[0] is not None and found[1] is not None
    without, with_matches = (case.errors(one.T_capture_proxy) for one in found if one is not None)
    assert without.rotation_deg > 20 and with_matches.rotation_deg < 5


FEW = MatchingConfig(num_sights=3, num_renders=2)


@dataclass
class Upright:
    """SIFT that would mind turns, and remembers what it was shown."""

    knows_turns = False
    sift: SiftMatcher = field(default_factory=SiftConfig().build)
    asked: list[np.ndarray] = field(default_factory=list)

    def match(self, first: np.ndarray, second: np.ndarray) -> Matches:
        self.asked.append(second)
        return self.sift.match(first, second)


def test_matchers_that_mind_turns_see_each_render_at_four(bottle: Case):
    matcher = Upright()
    matched_poses(bottle.request, bottle.mesh, matcher, FEW)
    turning, matching = matcher.asked[: 2 * 4 * 3], matcher.asked[2 * 4 * 3 :]
    for quarters in range(4):
        np.testing.assert_array_equal(turning[3 * quarters], np.rot90(turning[0], quarters))
    # From then on, each render keeps the turn at which most was found.
    assert len(matching) == 2 * 3
    for index in range(2):
        found = [
            sum(matcher.sift.match(picture.image, one).scores.sum() for picture in shown(bottle))
            for one in turning[12 * index : 12 * (index + 1) : 3]
        ]
        np.testing.assert_array_equal(matching[index], turning[12 * index + 3 * int(np.argmax(found))])


def shown(case: Case) -> list[PointPicture]:
    pictures = [photograph_picture(case.request.windows[index]) for index in (0, 6, 13)]
    return [one for one in pictures if one is not None]


def test_work_on_matches_can_be_stopped(bottle: Case):
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        matched_poses(bottle.request, bottle.mesh, SiftConfig().build(), FEW, stop)


def test_without_photographs_there_are_no_poses(bottle: Case):
    matcher = SiftConfig().build()
    assert matched_poses(replace(bottle.request, windows=()), bottle.mesh, matcher, FEW) == ()
    blind = tuple(replace(one, depth=np.full_like(one.depth, np.inf)) for one in bottle.request.windows)
    assert matched_poses(replace(bottle.request, windows=blind), bottle.mesh, matcher, FEW) == ()


@pytest.mark.parametrize(
    "settings", [{"num_sights": 0}, {"num_poses": 0}, {"inlier_share": 0.0}, {"least_inliers": 2}], ids=str
)
def test_settings_of_matching_that_cannot_work_are_refused(settings: dict[str, float]):
    (name,) = settings
    with pytest.raises(ValueError, match=name):
        MatchingConfig(**settings)  # pyright: ignore[reportArgumentType]
