"""From a proxy to where it belongs: the pose that agrees with the photographs, or why none is to be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from scorp_ns.errors import CancelledError, ScorpError
from scorp_ns.fields.surface_gaussians import mesh_of
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.match.config import MatchingConfig
from scorp_ns.match.matcher import Matcher
from scorp_ns.match.poses import matched_poses
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.proxy_shape import CELLS
from scorp_ns.pose.result import PoseSearchResult
from scorp_ns.pose.search import search_pose
from scorp_ns.products import Proxy, ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh


class PlacingError(ScorpError):
    """The pose of an object's proxy cannot be found; the object keeps what was lifted."""

    def __init__(
        self, found: str, needed: str, do: str, confidence: Mapping[str, float], T_world_refused: Similarity | None
    ) -> None:
        super().__init__(found, needed, do)
        self.confidence = confidence
        self.T_world_refused = T_world_refused
        """The best pose all the same, for people to look at; None where nothing could be compared."""

    def __reduce__(self) -> tuple[type[ScorpError], tuple[Any, ...]]:
        return type(self), (self.found, self.needed, self.do, self.confidence, self.T_world_refused)


@dataclass(frozen=True)
class PlacedProxy:
    """The pose of a proxy."""

    T_world_proxy: Similarity
    confidence: Mapping[str, float]
    """Its agreement with the photographs there."""


@dataclass(frozen=True)
class FeatureMatching:
    """The matcher of photographs with renders of proxies, and its settings."""

    matcher: Matcher
    config: MatchingConfig


def place(
    proxy: Proxy,
    request: ProxyRequest,
    capture_to_world: Similarity,
    config: SearchConfig,
    work: Work,
    matching: FeatureMatching | None = None,
    told_by_person: bool = False,
) -> PlacedProxy:
    """The place of the proxy of the object that the request tells of; a PlacingError says why it is not to be found.

    Where a person told the start, the places around it come first, and all others only if none of them is believed.
    """

    def report(share: float, text: str) -> None:
        work.check(proxy.name)
        work.report(share, text)

    mesh, told = mesh_of(proxy.field, 1 / CELLS), proxy.T_world_start
    starts = () if told is None else (capture_to_world.inverse() @ told,)
    if told_by_person and starts:
        result = search_pose(request, mesh, config, report=report, near=starts[0])
        if result.best is not None and result.is_trusted:
            return PlacedProxy(capture_to_world @ result.best.T_capture_proxy, confidence_of(result))
    if matching is not None:
        starts += _matched_starts(request, mesh, matching, work)
    result = search_pose(request, mesh, config, starts, report)
    confidence = confidence_of(result)
    if result.best is None or not result.is_trusted:
        raise PlacingError(
            f"The place of the proxy of '{proxy.name}' is not to be believed: {result.reason}",
            "A proxy has to agree with the photographs in one place better than elsewhere.",
            "Use another proxy or generator; the object keeps what was lifted of it.",
            confidence,
            None if result.best is None else capture_to_world @ result.best.T_capture_proxy,
        )
    return PlacedProxy(capture_to_world @ result.best.T_capture_proxy, confidence)


def _matched_starts(
    request: ProxyRequest, mesh: ColoredMesh, matching: FeatureMatching, work: Work
) -> tuple[Similarity, ...]:
    """Poses that matches speak for; none, with a warning, where the matcher fails."""

    def step(share: float) -> None:
        work.check(request.name)
        work.report(share, "matching photographs with renders")

    try:
        return matched_poses(request, mesh, matching.matcher, matching.config, step)
    except CancelledError:
        raise
    # Matchers of other packages may raise anything.
    except Exception as error:
        reason = str(error) if isinstance(error, ScorpError) else f"{type(error).__name__}: {error}"
        work.warn(f"The proxy of '{request.name}' is placed without matches. {reason}")
        return ()


def confidence_of(result: PoseSearchResult) -> dict[str, float]:
    """The facts about the best pose, for reports."""
    best = result.best
    if best is None:
        return {}
    facts = {"explained": best.explained, "spill": best.spill, "distance": best.distance, "margin": result.margin}
    return {name: min(float(value), 1e6) for name, value in facts.items()}
