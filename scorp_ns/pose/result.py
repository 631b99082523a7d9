"""The result of the search for a pose."""

from __future__ import annotations

from dataclasses import dataclass

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.pose.render_score import Agreement


@dataclass(frozen=True)
class PoseCandidate:
    """A pose at which a proxy may belong, and how it agrees with the photographs."""

    T_capture_proxy: Similarity
    cost: float
    """0 where everything agrees; the sum of what is wrong, weighed, with masks taken to the pixel. It ranks poses."""
    explained: float
    """The share of the masks that the proxy covers; here and below, rims of masks may be off by a little."""
    spill: float
    """The free space that the proxy covers, as a share of the masks."""
    depth: float
    """The error of depths, 0 to 1."""
    color: float
    """The error of colours after one gain and bias for each channel, 0 to 1."""
    distance: float
    """Trimmed mean distance of the seen surface from the proxy's, in diagonals of the lifted object's box."""

    @property
    def lenient_cost(self) -> float:
        """The cost if rims of masks may be off by a little. It tells whether a pose is to be believed."""
        return Agreement(self.explained, self.spill, self.depth, self.color).cost


@dataclass(frozen=True)
class PoseSearchResult:
    """The poses found, and whether the best one is to be believed."""

    candidates: tuple[PoseCandidate, ...]
    """Poses that look different, best first; none where nothing could be compared."""
    margin: float
    """By how much the best pose that looks different costs more; infinite where there is none."""
    is_trusted: bool
    reason: str
    """Why the best pose is to be believed or not, in plain words."""

    @property
    def best(self) -> PoseCandidate | None:
        """The pose that agrees best, if there is any."""
        return self.candidates[0] if self.candidates else None
