"""Symmetry hypotheses of an object, each with its completed shape and its cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from scipy import optimize

from scorp_ns.generate.symmetry.bodies import (
    MOST_PARTS,
    RevolutionBody,
    complete_body,
    find_body,
    find_plane,
    within_outline,
)
from scorp_ns.generate.symmetry.mirrors import STEPS_ACROSS, Mirror, find_mirrors
from scorp_ns.generate.symmetry.revolution import find_axes
from scorp_ns.generate.symmetry.symmetry_score import Motion, SymmetryEvidence

LEAST_EXPLAINED = 0.85
"""Share of the seen surface that a hypothesis has to explain."""

LEAST_OF_HULL = 0.25
"""Below this seen share of its surface, most of a carved volume is the shadow of occluders."""

LEAST_SHELL = 60
"""Fewest grid points of a shell that can be an object."""

LEAST_PARTS = 0.02
"""Parts that stick out of a body get a mirror plane if they are more than this share of the seen surface."""

PART_PRICE = 0.1
"""The cost of a body out of which all of the seen surface sticks, where explaining nothing costs 1."""

UNCENTERED_PRICE = 0.01
"""The cost of an axis before its centring has converged."""

NUM_PARTNERS = 24
"""Rotations that stand for the symmetry group of a body of revolution."""

SHELL = 0.015
"""The seen surface is kept this thick, as a share of the diagonal, whatever its mirror images say."""

NUM_MIRRORS = 6
"""Planes that are refined."""


SQUARE_BONUS = 0.03
"""A plane perpendicular to a good one may cost so much more than the best one."""

MOST_OBLIQUE = np.radians(20)
"""Planes count as nearly perpendicular within this angle."""


@dataclass(frozen=True)
class Hypothesis:
    """An object completed under one symmetry."""

    name: str
    distances: Float[np.ndarray, "x y z"]
    """Signed distances on the grid of the evidence; negative inside."""
    explained: float
    """The share of the seen surface that agrees with it."""
    left: float
    """The share of the carved volume that it fills."""
    cost: float
    motions: tuple[Motion, ...]
    """The object's symmetries; none without symmetry."""
    fog: Bool[np.ndarray, "x y z"] | None = None
    """The places where seen points are fog, as in a vessel; None if they are worth keeping everywhere."""

    def worth_keeping(self, points: Float[np.ndarray, "n 3"], evidence: SymmetryEvidence) -> Float[np.ndarray, "m 3"]:
        """The points outside the fog."""
        if self.fog is None:
            return points
        return points[evidence.values(points, self.fog.astype(np.float64), 0.0) == 0]


def by_visual_hull(evidence: SymmetryEvidence) -> Hypothesis:
    """The carved volume as it is; only the seen surface, where too little of it was seen."""
    if evidence.seen_share < LEAST_OF_HULL:
        shell = with_shell(np.full_like(evidence.solid, evidence.volume.band), evidence)
        if (shell < 0).sum() >= LEAST_SHELL:
            return Hypothesis("what was seen", shell, 1.0, 0.0, np.inf, ())
    return Hypothesis("visual hull", evidence.solid, 1.0, 1.0, np.inf, ())


def by_mirrors(evidence: SymmetryEvidence) -> Iterator[Hypothesis]:
    """The object completed by one upright mirror plane, and by two perpendicular ones."""
    planes = find_mirrors(evidence, NUM_MIRRORS)
    yield _mirrored("mirror plane", (_squared(planes, evidence),), evidence)
    pairs = [_find_pair(plane, evidence) for plane in planes[: NUM_MIRRORS // 2]]
    yield _mirrored("two mirror planes", min(pairs, key=evidence.cost), evidence)


def _squared(planes: list[Mirror], evidence: SymmetryEvidence) -> Mirror:
    """The best plane, or one perpendicular to another good one that is about as good.

    From one side, the plane between front and back is seen badly, and the one between left and right well.
    """
    trusted = [one for one in planes[1:] if evidence.shares([one])[0] >= LEAST_EXPLAINED]
    turns = [abs((one.azimuth - planes[0].azimuth) % np.pi - np.pi / 2) for one in trusted]
    square = [_at_right_angle(one, evidence) for one, turn in zip(trusted, turns, strict=True) if turn < MOST_OBLIQUE]
    return min([planes[0], *square], key=lambda one: evidence.cost([one]) - (SQUARE_BONUS if one in square else 0.0))


def _at_right_angle(first: Mirror, evidence: SymmetryEvidence) -> Mirror:
    """The best plane perpendicular to another."""
    azimuth = first.azimuth + np.pi / 2
    return Mirror(azimuth, _best_offset(lambda offset: evidence.cost([Mirror(azimuth, offset)]), azimuth, evidence))


def by_revolution(evidence: SymmetryEvidence) -> Iterator[Hypothesis]:
    """Bodies of revolution with their protruding parts; none where too much protrudes."""
    for price, axis in zip((UNCENTERED_PRICE, 0.0), find_axes(evidence), strict=True):
        body = find_body(axis, evidence)
        if body.apart.mean() <= MOST_PARTS:
            found = _revolved(body, evidence)
            yield replace(found, cost=found.cost + price)


def _revolved(body: RevolutionBody, evidence: SymmetryEvidence) -> Hypothesis:
    axis, share = body.profile.axis, float(body.apart.mean())
    plane = find_plane(body, evidence) if share > LEAST_PARTS else None
    unexplained = share if plane is None else share * (1 - evidence.part(body.apart).shares([plane])[0])
    unexplained += float(body.doubtful.mean()) / 2
    distances = complete_body(body, plane, evidence)
    if not body.is_vessel:
        distances = with_shell(distances, evidence)
    left = float((evidence.volume.at(distances, evidence.inside, evidence.volume.band) < 0).mean())
    cost = unexplained + PART_PRICE * share + evidence.volume_price * left
    turns = np.arange(1, NUM_PARTNERS) * 2 * np.pi / NUM_PARTNERS
    motions: list[Motion] = [lambda points, turn=turn: axis.turned(points, turn) for turn in turns]
    name = "vessel of revolution" if body.is_vessel else "body of revolution"
    fog = within_outline(body.profile, evidence) if body.is_vessel else None
    return Hypothesis(name, distances, 1 - unexplained, left, cost, (*([plane] if plane else []), *motions), fog)


def choose(hypotheses: list[Hypothesis]) -> Hypothesis:
    """The cheapest hypothesis that explains enough; the visual hull explains everything and is the fallback."""
    return min((one for one in hypotheses if one.explained >= LEAST_EXPLAINED), key=lambda one: one.cost)


def with_shell(distances: Float[np.ndarray, "x y z"], evidence: SymmetryEvidence) -> Float[np.ndarray, "x y z"]:
    """The object joined with the seen surface, as a shell."""
    volume = evidence.volume
    behind = -volume.tsdf - SHELL * evidence.diagonal
    shell = np.where(volume.weight > 1, np.maximum(evidence.solid, behind), volume.band)
    return np.minimum(distances, shell)


def _mirrored(name: str, motions: tuple[Motion, ...], evidence: SymmetryEvidence) -> Hypothesis:
    volume = evidence.volume
    points = volume.grid.points.astype(np.float64)
    copies = [volume.at(evidence.solid, motion(points), volume.band).reshape(volume.grid.shape) for motion in motions]
    distances = with_shell(np.maximum.reduce([evidence.solid, *copies]), evidence)
    explained, left = evidence.shares(motions)
    return Hypothesis(name, distances, explained, left, evidence.cost(motions), motions)


def _find_pair(first: Mirror, evidence: SymmetryEvidence) -> tuple[Motion, ...]:
    """The plane, the best one perpendicular to it, and the composition of both."""
    azimuth = first.azimuth + np.pi / 2

    def pair(offset: float) -> tuple[Motion, ...]:
        second = Mirror(azimuth, float(offset))
        return first, second, lambda points: second(first(points))

    return pair(_best_offset(lambda offset: evidence.cost(pair(offset)), azimuth, evidence))


def _best_offset(cost: Callable[[float], float], azimuth: float, evidence: SymmetryEvidence) -> float:
    """The offset of the cheapest plane of this azimuth, by Brent's bounded minimisation."""
    along = evidence.inside @ Mirror(azimuth, 0.0).normal
    offsets = np.linspace(along.min(), along.max(), STEPS_ACROSS)
    best = float(min(offsets, key=cost))
    step = float(offsets[1] - offsets[0])
    options = {"maxiter": 12}
    found: Any = optimize.minimize_scalar(cost, bounds=(best - step, best + step), method="bounded", options=options)
    return float(found.x)
