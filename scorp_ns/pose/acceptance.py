"""Whether the best pose is to be believed, and why not."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from scipy.spatial.transform import Rotation

from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.fitting import fit
from scorp_ns.pose.observation import Observation
from scorp_ns.pose.proxy_shape import ProxyShape
from scorp_ns.pose.render_score import compare
from scorp_ns.pose.result import PoseCandidate, PoseSearchResult

NUM_TURNS, TURN_ROUNDS = 18, 8
"""Turns about the vertical that are compared, the pose itself included, and steps in which each is fitted before."""

SMALLEST_PART, LOOKS_DIFFERENT = 0.02, 0.06
"""A proxy looks different if this share of its surface is further than that, in its diagonals, from where it was."""

TRIMMED = 0.2
"""This share of the observed points, the furthest, does not count."""


def judge(
    candidates: tuple[PoseCandidate, ...], turned_margin: float, parallax_deg: float, config: SearchConfig
) -> PoseSearchResult:
    """The result, with the first of the reasons not to believe it."""
    if not candidates:
        return PoseSearchResult((), math.inf, False, "The photographs show too little of the object to place it by.")
    ranked = tuple(sorted(candidates, key=lambda one: one.cost))
    best, *others = ranked
    margin = others[0].cost - best.cost if others else math.inf
    doubt = _doubt(best, margin, parallax_deg, config) or _doubt_turned(best, turned_margin, config)
    return PoseSearchResult(ranked, margin, doubt is None, doubt or _praise(best))


def _doubt(best: PoseCandidate, margin: float, parallax_deg: float, config: SearchConfig) -> str | None:
    if best.explained < config.least_explained:
        return (
            f"The proxy covers only {best.explained:.0%} of the object's masks where it fits best, "
            f"and {config.least_explained:.0%} are needed: it may be another object, or the masks hold more than one."
        )
    if best.spill > config.most_spill:
        return (
            f"The proxy reaches into free space by {best.spill:.0%} of the masks where it fits best, "
            f"and at most {config.most_spill:.0%} are allowed: its shape may be wrong."
        )
    if best.distance > config.most_distance:
        return (
            f"The seen surface is {best.distance:.1%} of the object's size away from the proxy where it fits best, "
            f"and at most {config.most_distance:.1%} are allowed: its shape may be wrong."
        )
    if margin < config.least_margin * best.cost:
        return (
            f"A pose that looks different fits almost as well (its cost is only {margin / best.cost:.1%} higher, and "
            f"{config.least_margin:.1%} are needed): the photographs do not show which one is right."
        )
    if best.lenient_cost > config.most_cost and not config.clear_margin * best.cost <= margin < math.inf:
        return (
            f"The proxy disagrees with the photographs by {best.lenient_cost:.2f} where it fits best, at most "
            f"{config.most_cost:.2f} is allowed, and other poses are no worse by {config.clear_margin:.0%}: "
            "it may be another object."
        )
    if parallax_deg < config.least_parallax_deg:
        return (
            f"The photographs show the object from directions that differ by {parallax_deg:.1f} degrees at most, and "
            f"{config.least_parallax_deg:.1f} are needed: its distance and size are not certain."
        )
    return None


def _doubt_turned(best: PoseCandidate, turned_margin: float, config: SearchConfig) -> str | None:
    if config.least_turn_margin == 0 or turned_margin >= config.least_turn_margin * best.cost:
        return None
    return (
        f"The proxy fits almost as well when it is turned about the vertical (its cost is only "
        f"{turned_margin / best.cost:.1%} higher, and {config.least_turn_margin:.1%} are needed): what tells its sides "
        "apart was not photographed."
    )


def _praise(best: PoseCandidate) -> str:
    return f"The proxy covers {best.explained:.0%} of the object's masks, and free space by {best.spill:.0%} of them."


def margin_of_turns(
    shape: ProxyShape,
    observation: Observation,
    pose: Float64[np.ndarray, " 19"],
    cost: float,
    config: SearchConfig,
) -> float:
    """By how much the cost grows at least by turning the proxy about the vertical to where it looks different.

    Poses that differ in a handle alone are one to the search, as most of their surface is the same. Infinite where the
    proxy looks the same whichever way it is turned.
    """
    linear, points = pose[:9].reshape(3, 3), shape.skin.points.astype(np.float64)
    center, up = linear @ points.mean(axis=0) + pose[9:12], observation.up / np.linalg.norm(observation.up)
    poses = np.repeat(pose[None], NUM_TURNS - 1, axis=0)
    for number, turned in enumerate(poses, start=1):
        turn = Rotation.from_rotvec(2 * np.pi * number / NUM_TURNS * up).as_matrix()
        turned[:9], turned[9:12] = (turn @ linear).ravel(), center + turn @ (pose[9:12] - center)
    # What goes round is not the middle of all: a handle has to go round the mug.
    poses = fit(shape, observation, poses, config, TURN_ROUNDS, (0.04, 0.02)).poses
    return min(
        (
            compare(shape, turned, observation.pixels).cost - cost
            for turned in poses
            if _looks_different(shape, points, pose, turned)
        ),
        default=math.inf,
    )


def _looks_different(
    shape: ProxyShape,
    points: Float64[np.ndarray, "n 3"],
    pose: Float64[np.ndarray, " 19"],
    turned: Float64[np.ndarray, " 19"],
) -> bool:
    placed = points @ turned[:9].reshape(3, 3).T + turned[9:12]
    local = (placed - pose[9:12]) @ np.linalg.inv(pose[:9].reshape(3, 3)).T
    distances = shape.queries.nearest(local.astype(np.float32)).distances
    return bool(np.quantile(distances, 1 - SMALLEST_PART) > LOOKS_DIFFERENT)


def seen_distance(shape: ProxyShape, observation: Observation, pose: Float64[np.ndarray, " 19"]) -> float:
    """The distance of observed points from the proxy's surface, without the furthest ones."""
    points = observation.points + pose[13] * observation.towards
    local = (points - pose[9:12]) @ np.linalg.inv(pose[:9].reshape(3, 3)).T
    distances = np.sort(shape.queries.nearest(local.astype(np.float32)).distances) * pose[12]
    return float(distances[: math.ceil(len(distances) * (1 - TRIMMED))].mean())
