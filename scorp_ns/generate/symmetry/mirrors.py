"""The search for upright mirror planes that agree with an object's views."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import optimize

from scorp_ns.generate.symmetry.symmetry_score import SymmetryEvidence

STEPS_AROUND, STEPS_ACROSS = 36, 48
"""Planes to try: directions over half a turn, and places across the object."""


@dataclass(frozen=True)
class Mirror:
    """An upright plane: points x with x · (cos, sin) = offset."""

    azimuth: float
    """The direction of its normal, in radians."""
    offset: float

    @property
    def normal(self) -> Float[np.ndarray, " 3"]:
        return np.array([np.cos(self.azimuth), np.sin(self.azimuth), 0.0])

    def __call__(self, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
        """The mirror images of points."""
        return points - 2 * (points @ self.normal - self.offset)[:, None] * self.normal


def find_mirrors(evidence: SymmetryEvidence, number: int) -> list[Mirror]:
    """The best distinct planes, best first: a grid search refined by the Nelder-Mead method."""
    azimuths = np.arange(STEPS_AROUND) * np.pi / STEPS_AROUND
    costs = np.full((STEPS_AROUND, STEPS_ACROSS), np.inf)
    offsets = np.empty_like(costs)
    for row, azimuth in enumerate(azimuths):
        along = evidence.inside @ Mirror(azimuth, 0.0).normal
        offsets[row] = np.linspace(along.min(), along.max(), STEPS_ACROSS)
        for column, offset in enumerate(offsets[row]):
            costs[row, column] = evidence.cost([Mirror(azimuth, offset)])
    found: list[Mirror] = []
    for place in np.argsort(costs, axis=None):
        row, column = np.unravel_index(place, costs.shape)
        candidate = Mirror(float(azimuths[row]), float(offsets[row, column]))
        if all(_differ(candidate, other, evidence.diagonal) for other in found):
            found.append(candidate)
        if len(found) == number:
            break
    refined = [refine(one, evidence) for one in found]
    return sorted(refined, key=lambda one: evidence.cost([one]))


def refine(start: Mirror, evidence: SymmetryEvidence) -> Mirror:
    """The best plane near this one (Nelder-Mead)."""
    scale = np.array([np.pi / STEPS_AROUND, 0.03 * evidence.diagonal])
    begin = np.array([start.azimuth, start.offset])

    def cost(step: Float[np.ndarray, " 2"]) -> float:
        return evidence.cost([Mirror(*(begin + scale * step).tolist())])

    simplex = np.array([[0.0, 0.0], [0.6, 0.0], [0.0, 0.6]])
    found = optimize.minimize(
        cost, np.zeros(2), method="Nelder-Mead", options={"initial_simplex": simplex, "maxfev": 60}
    )
    azimuth, offset = (begin + scale * found.x).tolist()
    return Mirror(azimuth, offset)


def _differ(one: Mirror, other: Mirror, diagonal: float) -> bool:
    """True if planes are more than 15 degrees or 6 % of the object apart."""
    turn = (one.azimuth - other.azimuth + np.pi / 2) % np.pi - np.pi / 2
    offset = other.offset if np.cos(one.azimuth - other.azimuth) > 0 else -other.offset
    return bool(abs(turn) > np.radians(15) or abs(one.offset - offset) > 0.06 * diagonal)
