"""Deformations fitted to the photographs' evidence of a shape, by Levenberg-Marquardt (Marquardt 1963).

Residuals are signed distances: of seen points, of the deepest point of each ray along an outline, and of the deepest
point of each ray through free space if that lies inside. They are robust (Geman-McClure): each costs
r^2 / (r^2 + k^2), between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64
from scipy import sparse

from scorp_ns.gaussians.affine import Affine
from scorp_ns.pose.config import ShapeConfig
from scorp_ns.pose.deformation import Lattice, Warp
from scorp_ns.pose.distance_grid import DistanceGrid
from scorp_ns.pose.shape_evidence import ShapeEvidence

POINTS, OUTLINES, FREE = 0.1, 1.0, 1.5
"""The cost of each kind of evidence where nothing agrees.

Outlines are known to a third of a pixel. Depths of a trained scene are off by percents in hollows and on plain
surfaces, all of them to the same side, and photographs that are left out of a fit cannot tell.
"""

FIRST_SOFTNESS, LAST_SOFTNESS = 0.05, 0.015
"""The outlier distance shrinks from the first to the last, in diagonals of the proxy."""

STRETCH_ROUNDS, BEND_ROUNDS = 25, 12
"""Steps of each fit."""

STRETCH_PRICE, BEND_PRICE, DEPTH_PRICE = 0.008, 0.0009, 0.03
"""The costs of a stretch, a bend and a depth error of the typical size."""

TYPICAL_DEPTH_ERROR, MOST_DEPTH_ERROR = 0.01, 0.05
"""Depths of trained scenes are all deeper or nearer than the surface by about the first, and by at most the second."""

COARSE_STEPS, FINE_STEPS = 32, 9
"""Places on a ray where its deepest point is looked for, first along all of it, then around the deepest."""

HALF = 0.6
"""The proxy lies within this distance of its middle, in its own diagonals."""


Equations = tuple[float, np.ndarray, np.ndarray]
"""A cost, the matrix of the normal equations, and their right side, which is minus half of the cost's gradient."""


@dataclass(frozen=True)
class ShapeFit:
    """A warp and what it leaves unexplained."""

    warp: Warp
    deeper: float
    """The distance by which the surface is nearer to the cameras than depths say."""


@dataclass(frozen=True)
class Residuals:
    """Signed distances that should be 0, and how they change."""

    cost: float
    places: Float64[np.ndarray, "n 3"]
    """The points they are measured at, before the deformation."""
    values: Float64[np.ndarray, " n"]
    slopes: Float64[np.ndarray, "n 3"]
    """By where on the proxy as it was generated they are measured."""
    weights: Float64[np.ndarray, " n"]
    towards: Float64[np.ndarray, "n 3"]
    """By which the place moves with the depth error; zero for rays."""


def fit_stretch(evidence: ShapeEvidence, grid: DistanceGrid, config: ShapeConfig) -> ShapeFit:
    """The stretch, with the turn and the shift that go with it."""

    def limit(unknowns: Float64[np.ndarray, " 13"]) -> Float64[np.ndarray, " 13"]:
        linear = _limited(unknowns[:9].reshape(3, 3), 1 / config.most_factor, 1 / config.least_factor)
        return np.concatenate([linear.ravel(), unknowns[9:12], _limited_depth(unknowns[12:])])

    start = np.concatenate([np.eye(3).ravel(), np.zeros(4)])
    equations = partial(stretch_equations, evidence, grid, config)
    return _stretched(_descend(start, equations, limit, STRETCH_ROUNDS))


def fit_bend(
    evidence: ShapeEvidence, grid: DistanceGrid, config: ShapeConfig, start: ShapeFit, lattice: Lattice
) -> ShapeFit:
    """The bend of a lattice that adds to a stretch, which stays as it is."""

    def limit(unknowns: Float64[np.ndarray, " u"]) -> Float64[np.ndarray, " u"]:
        return np.concatenate([unknowns[:-1], _limited_depth(unknowns[-1:])])

    first = np.concatenate([np.zeros(3 * lattice.number), [start.deeper]])
    bent = partial(_bent, start.warp, lattice)
    equations = partial(bend_equations, evidence, grid, config, bent)
    return bent(_descend(first, equations, limit, BEND_ROUNDS))


def stretch_equations(
    evidence: ShapeEvidence,
    grid: DistanceGrid,
    config: ShapeConfig,
    unknowns: Float64[np.ndarray, " 13"],
    softness: float,
) -> Equations:
    """The cost of a linear map, a shift and a depth error, and the normal equations of a better one."""
    price, of_stretch = STRETCH_PRICE / config.typical_stretch**2, _stretch_of_linear()
    fit = _stretched(unknowns)
    found, stretch = _residuals(evidence, grid, fit, softness), _stretch(_linear(fit.warp))
    by_linear = (found.slopes[:, :, None] * found.places[:, None]).reshape(-1, 9)
    H, g = _normal_equations(np.concatenate([by_linear, found.slopes, _by_depth(found, fit)], axis=1), found)
    H[:9, :9] += price * of_stretch.T @ of_stretch
    g[:9] -= price * of_stretch.T @ stretch.ravel()
    return _with_depth_price(found.cost + price * float((stretch**2).sum()), H, g, fit.deeper)


def bend_equations(
    evidence: ShapeEvidence,
    grid: DistanceGrid,
    config: ShapeConfig,
    bent: Callable[[Float64[np.ndarray, " u"]], ShapeFit],
    unknowns: Float64[np.ndarray, " u"],
    softness: float,
) -> Equations:
    """The cost of displacements of a lattice and a depth error, and the normal equations of better ones."""
    fit = bent(unknowns)
    lattice = fit.warp.lattice
    assert lattice is not None
    found = _residuals(evidence, grid, fit, softness)
    H, g = _normal_equations(_by_bend(found, fit, lattice), found)
    price = BEND_PRICE / config.typical_bend**2
    stiffness = price * np.kron(lattice.stiffness, np.eye(3))
    H[:-1, :-1] += stiffness
    g[:-1] -= stiffness @ unknowns[:-1]
    return _with_depth_price(found.cost + float(unknowns[:-1] @ stiffness @ unknowns[:-1]), H, g, fit.deeper)


def _stretched(unknowns: Float64[np.ndarray, " 13"]) -> ShapeFit:
    linear, shift = torch.from_numpy(unknowns[:9].reshape(3, 3)), torch.from_numpy(unknowns[9:12])
    return ShapeFit(Warp(Affine(linear, shift)), float(unknowns[12]))


def _bent(start: Warp, lattice: Lattice, unknowns: Float64[np.ndarray, " u"]) -> ShapeFit:
    return ShapeFit(Warp(start.stretch, lattice, unknowns[:-1].reshape(-1, 3)), float(unknowns[-1]))


def _by_bend(found: Residuals, fit: ShapeFit, lattice: Lattice) -> sparse.csr_matrix:
    """The Jacobian of residuals by displacements of the nodes, and by the depth error in the last column."""
    nodes, shares = lattice.weights(fit.warp.stretched(found.places))
    number = len(nodes)
    columns = (3 * nodes[:, :, None] + np.arange(3)).reshape(number, 24)
    values = (-shares[:, :, None] * found.slopes[:, None]).reshape(number, 24)
    columns = np.concatenate([columns, np.full((number, 1), 3 * lattice.number)], axis=1)
    values = np.concatenate([values, _by_depth(found, fit)], axis=1)
    starts = 25 * np.arange(number + 1)
    return sparse.csr_matrix((values.ravel(), columns.ravel(), starts), shape=(number, 3 * lattice.number + 1))


def _by_depth(found: Residuals, fit: ShapeFit) -> Float64[np.ndarray, "n 1"]:
    """The derivative of residuals by the depth error; the bend's share in that is small, and left out."""
    return ((found.slopes @ _linear(fit.warp)) * found.towards).sum(axis=1, keepdims=True)


def _descend(
    start: np.ndarray,
    equations: Callable[[np.ndarray, float], Equations],
    limit: Callable[[np.ndarray], np.ndarray],
    rounds: int,
) -> np.ndarray:
    """The unknowns after so many Levenberg-Marquardt steps, while the softness shrinks."""
    best, least, damping, softness = start, np.inf, 1e-3, np.inf
    H, g, trial = np.empty(0), np.empty(0), start
    for step in range(rounds + 1):
        share = step / rounds
        earlier, softness = (
            softness,
            max(LAST_SOFTNESS, FIRST_SOFTNESS + 1.5 * share * (LAST_SOFTNESS - FIRST_SOFTNESS)),
        )
        cost, new_H, new_g = equations(trial, softness)
        # Where the softness shrinks costs grow by themselves, so that a step is only judged where it stays.
        if cost < least or softness < earlier:
            best, least, H, g = trial, cost, new_H, new_g
            damping = max(damping * 0.3, 1e-4)
        else:
            damping *= 6
        damped = H + np.diag(damping * np.diag(H) + 1e-4)
        trial = limit(best + np.linalg.solve(damped, g))
    return best


def _residuals(evidence: ShapeEvidence, grid: DistanceGrid, fit: ShapeFit, softness: float) -> Residuals:
    """The residuals."""
    seen = evidence.points + fit.deeper * evidence.towards
    is_outline = np.isinf(evidence.ends)
    deepest = _deepest(evidence, grid, fit.warp)
    cost, parts = 0.0, []
    for price, places, is_free in (
        (POINTS, seen, False),
        (OUTLINES, deepest[is_outline], False),
        (FREE, deepest[~is_outline], True),
    ):
        values, slopes = grid.slopes(fit.warp.pull(places))
        values = np.minimum(values, 0) if is_free else values
        share = price / max(len(values), 1)
        cost += share * float((values**2 / (values**2 + softness**2)).sum())
        weights = share * softness**2 / (values**2 + softness**2) ** 2
        towards = evidence.towards if places is seen else np.zeros_like(places)
        parts.append((places, values, slopes, weights * (values < 0) if is_free else weights, towards))
    return Residuals(cost, *(np.concatenate(column) for column in zip(*parts, strict=True)))


def _deepest(evidence: ShapeEvidence, grid: DistanceGrid, warp: Warp) -> Float64[np.ndarray, "r 3"]:
    """The deepest point of each ray within the deformed proxy, or the nearest to it."""
    origins, directions = evidence.origins, evidence.directions
    middle = -(origins * directions).sum(axis=1)
    half = np.sqrt(np.maximum(HALF**2 - (origins**2).sum(axis=1) + middle**2, 0.0))
    low = np.maximum(middle - half, 0.0)
    high = np.maximum(np.minimum(middle + half, evidence.ends), low)

    def deepest_of(lengths: Float64[np.ndarray, "r s"]) -> Float64[np.ndarray, " r"]:
        places = origins[:, None] + lengths[:, :, None] * directions[:, None]
        depths = grid.distances(warp.pull(places.reshape(-1, 3))).reshape(lengths.shape)
        return np.take_along_axis(lengths, depths.argmin(axis=1)[:, None], axis=1)[:, 0]

    best = deepest_of(low[:, None] + (high - low)[:, None] * np.linspace(0, 1, COARSE_STEPS))
    around = (high - low)[:, None] / (COARSE_STEPS - 1) * np.linspace(-1, 1, FINE_STEPS)
    best = deepest_of(np.clip(best[:, None] + around, low[:, None], high[:, None]))
    return origins + best[:, None] * directions


def _normal_equations(
    jacobian: sparse.csr_matrix | Float64[np.ndarray, "n u"], found: Residuals
) -> tuple[np.ndarray, np.ndarray]:
    """The matrix and the right side of the weighted least squares."""
    used = found.weights > 0
    rows = jacobian[used]
    weighted = sparse.diags(found.weights[used]) @ rows
    H: Any = weighted.T @ rows  # Dense or sparse, as the Jacobian is.
    right: Any = weighted.T @ found.values[used]
    return H.toarray() if sparse.issparse(H) else H, -right


def _with_depth_price(cost: float, H: np.ndarray, g: np.ndarray, deeper: float) -> Equations:
    price = DEPTH_PRICE / TYPICAL_DEPTH_ERROR**2
    H[-1, -1] += price
    g[-1] -= price * deeper
    return cost + price * deeper**2, H, g


def _linear(warp: Warp) -> Float64[np.ndarray, "3 3"]:
    return warp.stretch.linear.numpy()


def _stretch(linear: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3 3"]:
    """The logarithm of the stretch in a linear map, less the swelling."""
    _, values, Vt = np.linalg.svd(linear)
    return Vt.T @ np.diag(np.log(values) - np.log(values).mean()) @ Vt


def _stretch_of_linear() -> Float64[np.ndarray, "9 9"]:
    """From a small change of a linear map, row by row, to that of its stretch: symmetric and free of swelling."""
    units = np.eye(9).reshape(9, 3, 3)
    symmetric = (units + units.transpose(0, 2, 1)) / 2
    traces = np.trace(symmetric, axis1=1, axis2=2)
    return (symmetric - traces[:, None, None] * np.eye(3) / 3).reshape(9, 9).T


def _limited(linear: Float64[np.ndarray, "3 3"], low: float, high: float) -> Float64[np.ndarray, "3 3"]:
    """The nearest linear map whose factors lie within bounds, and which does not mirror."""
    U, values, Vt = np.linalg.svd(linear)
    U[:, -1] *= np.sign(np.linalg.det(U @ Vt))
    return U @ np.diag(np.clip(values, low, high)) @ Vt


def _limited_depth(deeper: Float64[np.ndarray, " 1"]) -> Float64[np.ndarray, " 1"]:
    return np.clip(deeper, -MOST_DEPTH_ERROR, MOST_DEPTH_ERROR)
