"""The step that mends a placed proxy's shape: taken only if photographs it was not fitted to agree with it better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float64

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.umeyama import fit_similarity
from scorp_ns.pose.config import ShapeConfig
from scorp_ns.pose.deformation import Lattice, Warp
from scorp_ns.pose.distance_grid import DistanceGrid
from scorp_ns.pose.observation import Pixels
from scorp_ns.pose.render_score import compare_hits
from scorp_ns.pose.search import ignore_progress
from scorp_ns.pose.shape_evidence import ShapeEvidence, gather_shape_evidence
from scorp_ns.pose.shape_fit import ShapeFit, fit_bend, fit_stretch
from scorp_ns.products import ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries

SPACING, MARGIN = 1 / 192, 24
"""Of the grid of distances: between its points, in diagonals of the proxy, and cells beyond the proxy."""

UNDONE = 1e-3
"""A bend that cannot be undone to this, in diagonals of the proxy, folds space."""

SAMPLES = 4000
"""Points of the surface by which the place of the new shape is found."""


@dataclass(frozen=True)
class MendedShape:
    """The deformation of a proxy, and its pose then."""

    T_capture_proxy: Similarity
    warp: Warp
    """From the old proxy's place, in the old proxy's frame, to the old proxy."""
    T_mended_placed: Similarity
    """From the old proxy's place, in the old proxy's frame, to the frame of the new one."""
    cost_before: float
    """The disagreement of photographs that the shape was not fitted to, 0 where they agree."""
    cost_after: float

    def apply(self, vertices: Float64[np.ndarray, "v 3"]) -> Float64[np.ndarray, "v 3"]:
        """Points of the old proxy on the new one, whose frame is as near to the old one's as can be."""
        return self.T_mended_placed.apply(torch.from_numpy(self.warp.push(vertices))).numpy()

    @property
    def factors(self) -> Float64[np.ndarray, " 3"]:
        """By how much the proxy becomes longer along the directions of its stretch, the most first; their product 1."""
        factors = self.warp.factors
        return factors / factors.prod() ** (1 / 3)

    @property
    def largest_bend(self) -> float:
        """The largest displacement of the bend, in diagonals of the proxy."""
        return self.warp.largest_bend


def mend_shape(
    request: ProxyRequest,
    mesh: ColoredMesh,
    T_capture_proxy: Similarity,
    config: ShapeConfig,
    seed: int,
    report: Callable[[float, str], None] = ignore_progress,
) -> MendedShape | None:
    """The deformation of the proxy; None where it is best left as it is. The mesh is closed."""
    evidence = gather_shape_evidence(request, T_capture_proxy, seed)
    if not (config.stretch or config.bend) or evidence is None or evidence.num_sights < config.least_sights:
        return None
    report(0.0, "measuring the shape")
    fitting = _Fitting(mesh, config)
    if evidence.is_empty:
        return None
    report(0.2, "trying other shapes")
    costs = fitting.costs(evidence)
    best = fitting.preferred(costs)
    if best == 0:
        return None
    report(0.7, "fitting the shape")
    warp = fitting.warps(evidence)[best]
    if fitting.folds(warp):
        return None
    T_placed_mended = _place_of(warp, mesh.sample(SAMPLES, seed).points.astype(np.float64))
    return MendedShape(T_capture_proxy @ T_placed_mended, warp, T_placed_mended.inverse(), costs[0], costs[best])


def _place_of(warp: Warp, points: Float64[np.ndarray, "n 3"]) -> Similarity:
    """The similarity that comes nearest to what the warp does to these points of the proxy."""
    return fit_similarity(points, warp.push(points))


class _Fitting:
    """The shapes that are tried of one proxy, from the one that it has to the most deformed."""

    def __init__(self, mesh: ColoredMesh, config: ShapeConfig) -> None:
        self.mesh, self.config = mesh, config
        self.grid = DistanceGrid.of(SurfaceQueries(mesh), SPACING, MARGIN)
        low, high = (corner.astype(np.float64) for corner in mesh.bounds)
        self.lattice = Lattice.around(low, high, config.bend_reach)

    def warps(self, evidence: ShapeEvidence) -> list[Warp]:
        """As it is, stretched, bent, and both, as far as that is wanted.

        Where a shape is off in other ways than by a stretch, the best stretch may be worse than none behind.
        """
        fits = [ShapeFit(Warp.identity(), 0.0)]
        if self.config.stretch:
            fits.append(fit_stretch(evidence, self.grid, self.config))
        if self.config.bend:
            fits += [fit_bend(evidence, self.grid, self.config, start, self.lattice) for start in fits]
        return [fit.warp for fit in fits]

    def costs(self, evidence: ShapeEvidence) -> list[float]:
        """The disagreement of one half of the photographs with shapes fitted to the other; the mean of both ways."""
        sights = np.arange(evidence.num_sights)
        rows = []
        for half in (0, 1):
            warps = self.warps(evidence.of(sights[half::2]))
            judges = evidence.of(sights[1 - half :: 2]).pixels
            rows.append([self._cost(warp, judges) for warp in warps])
        return [float(cost) for cost in np.mean(rows, axis=0)]

    def preferred(self, costs: list[float]) -> int:
        """The number of the shape to take: the best, if that is clearly better than the one it has."""
        best = int(np.argmin(costs))
        return best if costs[best] < costs[0] * (1 - self.config.least_gain) else 0

    def _cost(self, warp: Warp, judges: Pixels) -> float:
        vertices = warp.push(self.mesh.vertices.astype(np.float64)).astype(np.float32)
        queries = SurfaceQueries(replace(self.mesh, vertices=vertices))
        return compare_hits(queries.cast(judges.origins, judges.directions), judges).shape_cost

    def folds(self, warp: Warp) -> bool:
        """Whether the warp takes two places of the proxy to one."""
        vertices = self.mesh.vertices.astype(np.float64)
        return float(np.abs(warp.pull(warp.push(vertices)) - vertices).max()) > UNDONE
