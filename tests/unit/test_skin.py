"""What views saw of an object stays, however thin, and shadows of other things do not become part of it."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from scorp_ns.generate.symmetry.hull import Space
from scorp_ns.generate.symmetry.hypotheses import by_hull
from scorp_ns.generate.symmetry.meshing import extract_object
from scorp_ns.generate.symmetry.scoring import Evidence
from scorp_ns.generate.symmetry.skin import undenied, with_skin
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


def evidence_of(hull: Float[np.ndarray, "x y z"], seen_share: float = 0.5, diagonal: float = 1.0) -> Evidence:
    """What views say that leave this much possible, and saw the surface of a ball in the middle of it."""
    space = Space(GRID, BAND, hull, surface=ball((0, 0, 0), 0.2), weight=np.full(GRID.shape, 4.0), floor=-0.5)
    points = ball_points((0, 0, 0), 0.2)
    return Evidence(space, points, points / 0.2, points, diagonal, space.solid, seen_share)


BODY = ball((0, 0, 0), 0.2)
LEG = np.stack([np.linspace(0.2, 0.45, 400), np.zeros(400), np.zeros(400)], axis=1)
POSSIBLE = evidence_of(np.full(GRID.shape, -BAND))


def test_a_leg_too_thin_for_the_grid_is_kept_where_it_was_seen():
    seen = np.concatenate([ball_points((0, 0, 0), 0.2), LEG])
    kept = with_skin(BODY, undenied(seen, POSSIBLE), POSSIBLE)
    assert (POSSIBLE.space.at(kept, LEG[1:], BAND) < 0).all()
    vertices, _ = extract_object(kept, GRID, seen)
    assert vertices[:, 0].max() > 0.43


def test_a_skin_leaves_what_is_complete_as_it_is():
    assert np.array_equal(with_skin(BODY, ball_points((0, 0, 0), 0.21), POSSIBLE), BODY)


def test_where_no_view_knows_a_depth_nothing_is_added():
    assert np.array_equal(with_skin(BODY, np.empty((0, 3)), POSSIBLE), BODY)


def test_a_few_stray_points_and_points_in_free_space_add_nothing():
    stray = np.concatenate([ball_points((0, 0, 0), 0.2), LEG[-40:]])
    assert np.array_equal(with_skin(BODY, undenied(stray, POSSIBLE), POSSIBLE), BODY)
    only_body = evidence_of(BODY)
    denied = undenied(np.concatenate([ball_points((0, 0, 0), 0.2), LEG]), only_body)
    assert len(denied) < 3000 + 60


def test_shadows_of_what_stands_before_an_object_are_no_part_of_it():
    everything = np.full(GRID.shape, -BAND)
    assert by_hull(evidence_of(everything, seen_share=0.5)).name == "hull"
    found = by_hull(evidence_of(everything, seen_share=0.1))
    distances = np.linalg.norm(GRID.points[found.distances.reshape(-1) < 0], axis=1)
    assert found.name == "what was seen"
    assert distances.min() > 0.17 and distances.max() < 0.22
