"""The ways in which an object may be complete, each with the evidence for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize

from scorp_ns.generate.symmetry.bodies import MOST_PARTS, Body, complete_body, find_body, find_plane, within_outline
from scorp_ns.generate.symmetry.mirrors import STEPS_ACROSS, Mirror, find_mirrors
from scorp_ns.generate.symmetry.revolution import find_axes
from scorp_ns.generate.symmetry.symmetry_score import Evidence, Motion

LEAST_EXPLAINED = 0.85
"""A hypothesis needs to explain so much of the seen surface."""

LEAST_OF_HULL = 0.25
"""Where less of the surface of what is possible was seen, most of it is shadows of things that stand before it."""

LEAST_SHELL = 60
"""A shell of fewer of the grid's points than this is too little to be an object."""

LEAST_PARTS = 0.02
"""What sticks out of a body is worth a mirror plane if it is more than this share of the seen surface."""

PART_PRICE = 0.1
"""What it costs a body that all of the seen surface sticks out of it, where explaining nothing costs 1."""

UNCENTERED_PRICE = 0.01
"""What an axis costs that does not yet stay in the middle of the body's outside."""

NUM_PARTNERS = 24
"""A body of revolution looks like itself after so many turns."""

SHELL = 0.015
"""What was seen is kept so thick, as a share of the diagonal, whatever its mirror images say."""

NUM_MIRRORS = 6
"""So many planes are looked at closely."""


SQUARE_BONUS = 0.03
"""A plane at a right angle to a good one may cost so much more than the best one."""

MOST_OBLIQUE = np.radians(20)
"""Planes are nearly at a right angle if they are less than this away from it."""


@dataclass(frozen=True)
class Hypothesis:
    """A complete object."""

    name: str
    distances: Float[np.ndarray, "x y z"]
    """On the grid of the evidence; negative inside."""
    explained: float
    """The share of the seen surface that agrees with it."""
    left: float
    """The share of the space that the views leave possible that it fills."""
    cost: float
    motions: tuple[Motion, ...]
    """Under which the object looks like itself; none for what has no symmetry."""
    fog: Bool[np.ndarray, "x y z"] | None = None
    """Where seen points are fog and none of the object, as in a vessel; None where they are worth keeping anywhere."""

    def worth_keeping(self, points: Float[np.ndarray, "n 3"], evidence: Evidence) -> Float[np.ndarray, "m 3"]:
        """The points that are no fog."""
        if self.fog is None:
            return points
        return points[evidence.values(points, self.fog.astype(np.float64), 0.0) == 0]


def by_hull(evidence: Evidence) -> Hypothesis:
    """All that the views leave possible; no more than what they saw where that is next to nothing of it."""
    if evidence.seen_share < LEAST_OF_HULL:
        shell = with_shell(np.full_like(evidence.solid, evidence.space.band), evidence)
        if (shell < 0).sum() >= LEAST_SHELL:
            return Hypothesis("what was seen", shell, 1.0, 0.0, np.inf, ())
    return Hypothesis("hull", evidence.solid, 1.0, 1.0, np.inf, ())


def by_mirrors(evidence: Evidence) -> Iterator[Hypothesis]:
    """What is alike on both sides of an upright plane, and of two at right angles."""
    planes = find_mirrors(evidence, NUM_MIRRORS)
    yield _mirrored("mirror plane", (_squared(planes, evidence),), evidence)
    pairs = [_find_pair(plane, evidence) for plane in planes[: NUM_MIRRORS // 2]]
    yield _mirrored("two mirror planes", min(pairs, key=evidence.cost), evidence)


def _squared(planes: list[Mirror], evidence: Evidence) -> Mirror:
    """The best plane, or one at a right angle to another good one that is about as good.

    From one side, the plane between front and back is seen badly, and the one between left and right well.
    """
    trusted = [one for one in planes[1:] if evidence.shares([one])[0] >= LEAST_EXPLAINED]
    turns = [abs((one.azimuth - planes[0].azimuth) % np.pi - np.pi / 2) for one in trusted]
    square = [_at_right_angle(one, evidence) for one, turn in zip(trusted, turns, strict=True) if turn < MOST_OBLIQUE]
    return min([planes[0], *square], key=lambda one: evidence.cost([one]) - (SQUARE_BONUS if one in square else 0.0))


def _at_right_angle(first: Mirror, evidence: Evidence) -> Mirror:
    """The best plane at a right angle to another."""
    azimuth = first.azimuth + np.pi / 2
    return Mirror(azimuth, _best_offset(lambda offset: evidence.cost([Mirror(azimuth, offset)]), azimuth, evidence))


def by_revolution(evidence: Evidence) -> Iterator[Hypothesis]:
    """Bodies of revolution with what sticks out of them; none where too much does."""
    for price, axis in zip((UNCENTERED_PRICE, 0.0), find_axes(evidence), strict=True):
        body = find_body(axis, evidence)
        if body.apart.mean() <= MOST_PARTS:
            found = _revolved(body, evidence)
            yield replace(found, cost=found.cost + price)


def _revolved(body: Body, evidence: Evidence) -> Hypothesis:
    axis, share = body.profile.axis, float(body.apart.mean())
    plane = find_plane(body, evidence) if share > LEAST_PARTS else None
    unexplained = share if plane is None else share * (1 - evidence.part(body.apart).shares([plane])[0])
    unexplained += float(body.doubtful.mean()) / 2
    distances = complete_body(body, plane, evidence)
    if not body.is_vessel:
        distances = with_shell(distances, evidence)
    left = float((evidence.space.at(distances, evidence.inside, evidence.space.band) < 0).mean())
    cost = unexplained + PART_PRICE * share + evidence.volume_price * left
    turns = np.arange(1, NUM_PARTNERS) * 2 * np.pi / NUM_PARTNERS
    motions: list[Motion] = [lambda points, turn=turn: axis.turned(points, turn) for turn in turns]
    name = "vessel of revolution" if body.is_vessel else "body of revolution"
    fog = within_outline(body.profile, evidence) if body.is_vessel else None
    return Hypothesis(name, distances, 1 - unexplained, left, cost, (*([plane] if plane else []), *motions), fog)


def choose(hypotheses: list[Hypothesis]) -> Hypothesis:
    """The cheapest one of those that explain enough; the hull explains everything, and wins where no other may."""
    return min((one for one in hypotheses if one.explained >= LEAST_EXPLAINED), key=lambda one: one.cost)


def with_shell(distances: Float[np.ndarray, "x y z"], evidence: Evidence) -> Float[np.ndarray, "x y z"]:
    """The object with all that was seen of it."""
    space = evidence.space
    behind = -space.surface - SHELL * evidence.diagonal
    shell = np.where(space.weight > 1, np.maximum(evidence.solid, behind), space.band)
    return np.minimum(distances, shell)


def _mirrored(name: str, motions: tuple[Motion, ...], evidence: Evidence) -> Hypothesis:
    space = evidence.space
    points = space.grid.points.astype(np.float64)
    copies = [space.at(evidence.solid, motion(points), space.band).reshape(space.grid.shape) for motion in motions]
    distances = with_shell(np.maximum.reduce([evidence.solid, *copies]), evidence)
    explained, left = evidence.shares(motions)
    return Hypothesis(name, distances, explained, left, evidence.cost(motions), motions)


def _find_pair(first: Mirror, evidence: Evidence) -> tuple[Motion, ...]:
    """The plane, the best one at a right angle to it, and both one after the other."""
    azimuth = first.azimuth + np.pi / 2

    def pair(offset: float) -> tuple[Motion, ...]:
        second = Mirror(azimuth, float(offset))
        return first, second, lambda points: second(first(points))

    return pair(_best_offset(lambda offset: evidence.cost(pair(offset)), azimuth, evidence))


def _best_offset(cost: Callable[[float], float], azimuth: float, evidence: Evidence) -> float:
    """Where across the object a plane costs least."""
    along = evidence.inside @ Mirror(azimuth, 0.0).normal
    offsets = np.linspace(along.min(), along.max(), STEPS_ACROSS)
    best = float(min(offsets, key=cost))
    step = float(offsets[1] - offsets[0])
    options = {"maxiter": 12}
    found: Any = optimize.minimize_scalar(cost, bounds=(best - step, best + step), method="bounded", options=options)
    return float(found.x)
