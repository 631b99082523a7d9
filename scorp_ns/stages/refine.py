"""From a place that was found and one that it was refined to, to the better one by the measure of the search."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from scorp_ns.fields.surface_gaussians import mesh_of
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.observation import observe
from scorp_ns.pose.proxy_shape import CELLS
from scorp_ns.pose.render_score import compare_hits
from scorp_ns.products import Proxy, ProxyRequest
from scorp_ns.surfaces.queries import SurfaceQueries


@dataclass(frozen=True)
class Refined:
    """The better place, and what the photographs say against both."""

    T_world_proxy: Similarity
    cost_before: float
    cost_after: float
    """Of the refined place, whether it is taken or not."""

    @property
    def is_taken(self) -> bool:
        """Whether the refined place is the better one."""
        return self.cost_after < self.cost_before


def choose_place(
    proxy: Proxy, request: ProxyRequest, capture_to_world: Similarity, refined: Similarity, config: SearchConfig
) -> Refined | None:
    """The better of the proxy's place and the refined one; None where no photograph can tell."""
    observation, found = observe(request, config), proxy.T_world_proxy
    if observation is None or found is None:
        return None
    queries, pixels = SurfaceQueries(mesh_of(proxy.field, 1 / CELLS)), observation.pixels
    costs = []
    for place in (found, refined):
        T_proxy_observed = place.inverse() @ capture_to_world @ observation.T_capture_observed
        origins = _moved(pixels.origins, T_proxy_observed, T_proxy_observed.translation.numpy())
        directions = _moved(pixels.directions, T_proxy_observed, np.zeros(3))
        costs.append(compare_hits(queries.cast(origins, directions), pixels).cost)
    return Refined(refined if costs[1] < costs[0] else found, costs[0], costs[1])


def _moved(vectors: Float32[np.ndarray, "n 3"], motion: Similarity, shift: np.ndarray) -> Float32[np.ndarray, "n 3"]:
    return (motion.scale * vectors @ motion.rotation.numpy().T + shift).astype(np.float32)
