"""From a proxy to where it belongs: the pose that agrees with the photographs, or why none is to be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from scorp_ns.errors import PlacingError
from scorp_ns.fields.surface_gaussians import mesh_of
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.result import PoseSearchResult
from scorp_ns.pose.search import search_pose
from scorp_ns.products import Proxy, ProxyRequest

CELLS = 96
"""A proxy's diagonal is so many cells of the grid that the searched mesh is made on."""


@dataclass(frozen=True)
class PlacedProxy:
    """Where a proxy belongs."""

    T_world_proxy: Similarity
    confidence: Mapping[str, float]
    """How well it agrees with the photographs there."""


def place(
    proxy: Proxy, request: ProxyRequest, capture_to_world: Similarity, config: SearchConfig, work: Work
) -> PlacedProxy:
    """The place of the proxy of the object that the request tells of; a PlacingError says why it is not to be found."""

    def report(share: float, text: str) -> None:
        work.check(proxy.name)
        work.report(share, text)

    told = proxy.T_world_start
    start = None if told is None else capture_to_world.inverse() @ told
    result = search_pose(request, mesh_of(proxy.field, 1 / CELLS), config, start, report)
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


def confidence_of(result: PoseSearchResult) -> dict[str, float]:
    """The facts about the best pose, for reports."""
    best = result.best
    if best is None:
        return {}
    facts = {"explained": best.explained, "spill": best.spill, "distance": best.distance, "margin": result.margin}
    return {name: min(float(value), 1e6) for name, value in facts.items()}
