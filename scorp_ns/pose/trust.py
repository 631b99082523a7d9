"""Whether the best pose is to be believed, and why not."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64

from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.observation import Observation
from scorp_ns.pose.proxy_shape import ProxyShape
from scorp_ns.pose.result import PoseCandidate, PoseSearchResult

TRIMMED = 0.2
"""This share of the observed points, the furthest, does not count."""


def judge(candidates: tuple[PoseCandidate, ...], parallax_deg: float, config: SearchConfig) -> PoseSearchResult:
    """The result, with the first of the reasons not to believe it."""
    if not candidates:
        return PoseSearchResult((), math.inf, False, "The photographs show too little of the object to place it by.")
    ranked = tuple(sorted(candidates, key=lambda one: one.cost))
    best, *others = ranked
    margin = others[0].cost - best.cost if others else math.inf
    doubt = _doubt(best, margin, parallax_deg, config)
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
    if parallax_deg < config.least_parallax_deg:
        return (
            f"The photographs show the object from directions that differ by {parallax_deg:.1f} degrees at most, and "
            f"{config.least_parallax_deg:.1f} are needed: its distance and size are not certain."
        )
    return None


def _praise(best: PoseCandidate) -> str:
    return f"The proxy covers {best.explained:.0%} of the object's masks, and free space by {best.spill:.0%} of them."


def seen_distance(shape: ProxyShape, observation: Observation, pose: Float64[np.ndarray, " 19"]) -> float:
    """How far the observed points are from the proxy's surface, but for the furthest ones."""
    points = observation.points + pose[13] * observation.towards
    local = (points - pose[9:12]) @ np.linalg.inv(pose[:9].reshape(3, 3)).T
    distances = np.sort(shape.queries.nearest(local.astype(np.float32)).distances) * pose[12]
    return float(distances[: math.ceil(len(distances) * (1 - TRIMMED))].mean())
