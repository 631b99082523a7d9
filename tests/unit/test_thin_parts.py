"""Seen parts of an object stay, however thin, and shadows of other things do not become part of it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from scorp_ns.generate.symmetry.extraction import extract_object, without_floaters
from scorp_ns.generate.symmetry.hypotheses import Hypothesis, by_visual_hull
from scorp_ns.generate.symmetry.symmetry_score import SymmetryEvidence
from scorp_ns.generate.symmetry.thin_parts import add_thin_parts
from scorp_ns.generate.symmetry.visual_hull import FusedVolume
from scorp_ns.surfaces.marching import Grid

GRID = Grid.around(np.full(3, -0.5), np.full(3, 0.5), 0.02, 2)
BAND = 0.08
RANDOM = np.random.default_rng(0)


def ball(center: tuple[float, float, float], radius: float) -> Float[np.ndarray, "x y z"]:
    """Distances to a ball."""
    distances = np.linalg.norm(GRID.points - np.array(center), axis=1) - radius
    return np.clip(distances, -BAND, BAND).reshape(GRID.shape)


def ball_points(center: tuple[float, float, float], radius: float, number: int = 3000) -> Float[np.ndarray, "n 3"]:
    """Points of its surface."""
    directions = RANDOM.normal(size=(number, 3))
    return np.array(center) + radius * directions / np.linalg.norm(directions, axis=1, keepdims=True)


def evidence_of(
    visual_hull: Float[np.ndarray, "x y z"], seen_share: float = 0.5, diagonal: float = 1.0
) -> SymmetryEvidence:
    """What views say that leave this much possible, and saw the surface of a ball in the middle of it."""
    volume = FusedVolume(
        GRID, BAND, visual_hull, tsdf=ball((0, 0, 0), 0.2), weight=np.full(GRID.shape, 4.0), floor=-0.5
    )
    points = ball_points((0, 0, 0), 0.2)
    return SymmetryEvidence(volume, points, points / 0.2, points, diagonal, volume.solid, seen_share)


BODY = ball((0, 0, 0), 0.2)
LEG = np.stack([np.linspace(0.2, 0.45, 400), np.zeros(400), np.zeros(400)], axis=1)
POSSIBLE = evidence_of(np.full(GRID.shape, -BAND))


def noisy(points: Float[np.ndarray, "n 3"], spread: float = 0.005) -> Float[np.ndarray, "n 3"]:
    """The points as another view would see them."""
    return points + RANDOM.normal(scale=spread, size=points.shape)


def test_a_leg_too_thin_for_the_grid_is_kept_where_views_saw_it_and_as_thin():
    views = [np.concatenate([ball_points((0, 0, 0), 0.2), noisy(LEG)]) for _ in range(3)]
    kept = add_thin_parts(BODY, views, POSSIBLE)
    assert (POSSIBLE.volume.at(kept, LEG[20:-8], BAND) < 0).all()
    vertices, _ = extract_object(kept, GRID)
    leg = vertices[vertices[:, 0] > 0.25]
    assert leg[:, 0].max() > 0.43
    assert np.linalg.norm(leg[:, 1:], axis=1).max() < 0.02


def test_added_parts_survive_the_smoothing_that_takes_thin_parts():
    tube = np.linalg.norm(GRID.points - np.clip(GRID.points, [0.2, 0, 0], [0.45, 0, 0]), axis=1) - 0.004
    thin = without_floaters(np.minimum(BODY, tube.reshape(GRID.shape)), GRID, LEG)
    assert extract_object(thin, GRID)[0][:, 0].max() < 0.3
    assert extract_object(add_thin_parts(thin, [LEG, noisy(LEG)], POSSIBLE), GRID)[0][:, 0].max() > 0.43


def test_a_complete_object_gets_no_parts_added():
    views = [ball_points((0, 0, 0), 0.21)] * 3
    assert np.array_equal(add_thin_parts(BODY, views, POSSIBLE), BODY)


def test_where_no_view_knows_a_depth_nothing_is_added():
    assert np.array_equal(add_thin_parts(BODY, [], POSSIBLE), BODY)
    assert np.array_equal(add_thin_parts(BODY, [np.empty((0, 3))] * 2, POSSIBLE), BODY)


def test_what_one_of_several_views_saw_adds_nothing_and_what_the_only_one_saw_does():
    body = ball_points((0, 0, 0), 0.2)
    stray = np.concatenate([body, LEG])
    assert np.array_equal(add_thin_parts(BODY, [body, stray, body], POSSIBLE), BODY)
    assert POSSIBLE.volume.at(add_thin_parts(BODY, [stray], POSSIBLE), LEG[200:201], BAND)[0] < 0


def test_of_many_views_more_than_two_must_agree():
    body = ball_points((0, 0, 0), 0.2)
    stray = np.concatenate([body, LEG])
    assert np.array_equal(add_thin_parts(BODY, [stray] * 2 + [body] * 18, POSSIBLE), BODY)
    assert not np.array_equal(add_thin_parts(BODY, [stray] * 3 + [body] * 17, POSSIBLE), BODY)


def test_no_specks_are_added_beside_the_object():
    body, speck = ball_points((0, 0, 0), 0.2), ball_points((0.4, 0, 0), 0.002, 50)
    views = [np.concatenate([body, speck])] * 5
    assert np.array_equal(add_thin_parts(BODY, views, POSSIBLE) < 0, BODY < 0)
    touching = [np.concatenate([points, LEG]) for points in views]
    assert extract_object(add_thin_parts(BODY, touching, POSSIBLE), GRID)[0][:, 0].max() > 0.43


def test_thin_parts_are_the_object_where_nothing_else_is_left():
    nothing = np.full(GRID.shape, BAND)
    vertices, _ = extract_object(add_thin_parts(nothing, [LEG, noisy(LEG)], POSSIBLE), GRID)
    assert vertices[:, 0].max() > 0.43


def test_added_parts_stay_out_of_free_space():
    only_body = evidence_of(BODY)
    kept = add_thin_parts(BODY, [LEG, LEG], only_body)
    assert (kept[BODY > 0.02] > 0).all()


def test_a_handle_is_kept_and_fog_in_a_vessel_is_not():
    fog = np.linalg.norm(GRID.points, axis=1).reshape(GRID.shape) < 0.25
    vessel = Hypothesis("vessel", BODY, 1.0, 1.0, 0.0, (), fog)
    kept = vessel.worth_keeping(np.concatenate([ball_points((0, 0, 0), 0.1), LEG]), POSSIBLE)
    assert len(kept) > 300 and kept[:, 0].min() > 0.23


def test_shadows_of_what_stands_before_an_object_are_no_part_of_it():
    everything = np.full(GRID.shape, -BAND)
    assert by_visual_hull(evidence_of(everything, seen_share=0.5)).name == "visual hull"
    found = by_visual_hull(evidence_of(everything, seen_share=0.1))
    distances = np.linalg.norm(GRID.points[found.distances.reshape(-1) < 0], axis=1)
    assert found.name == "what was seen"
    assert distances.min() > 0.17 and distances.max() < 0.22
