"""From a closed coloured mesh to a proxy field."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float32

from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.surfaces.marching import Grid
from scorp_ns.surfaces.mesh import ColoredMesh, SurfaceSamples
from scorp_ns.surfaces.queries import SurfaceQueries

MARGIN = 4
"""Cells of the dense grid beyond the mesh's box: more than refinement reaches, so no surface touches the border."""

NEAR_SPREADS = (0.25, 0.75)
"""Standard deviations, in cells of the dense grid, of how far samples near the surface are from it."""

COLOR_SPREAD = 0.03
"""The same of colour samples along the normal: about what the field's surface may be off the mesh."""


def ignore_report(share: float, text: str) -> None:
    """Does nothing with progress."""


def distill(
    mesh: ColoredMesh,
    config: FieldConfig,
    report: Callable[[float, str], None] = ignore_report,
    seed: int = 0,
) -> ProxyField:
    """The field of a closed mesh of diagonal 1: equal for equal meshes and seeds."""
    with _one_thread():
        return _distilled(mesh, config, report, seed)


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums come in one order, and so to the same result."""
    number = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(number)


def _distilled(mesh: ColoredMesh, config: FieldConfig, report: Callable[[float, str], None], seed: int) -> ProxyField:
    report(0.0, "measuring distances")
    queries = SurfaceQueries(mesh)
    grid = Grid.around(*mesh.bounds, config.base_spacing, MARGIN)
    distances = with_agreed_signs(queries.signed_distances(grid.points).reshape(grid.shape), grid.spacing)
    field = ProxyField(config, grid, torch.from_numpy(distances))
    report(0.2, "fitting distances")
    _fit_distance(field, queries, seed)
    report(0.5, "fitting colours")
    _fit_color(field, mesh.sample(2 * config.num_samples, seed), seed)
    report(1.0, "field fitted")
    return field


def with_agreed_signs(distances: Float32[np.ndarray, "x y z"], spacing: float) -> Float32[np.ndarray, "x y z"]:
    """The distances with the sign of the many where few points were put on the wrong side.

    Rays that slip between two triangles do that, and each such point would become a bubble. Neighbours that are both
    further than half a cell from the surface have no surface between them, so what hangs together has one sign.
    """
    from scipy import ndimage

    parts = np.empty(distances.shape, np.int32)
    ndimage.label(np.abs(distances) > spacing / 2, output=parts)
    balance = np.bincount(parts.ravel(), np.sign(distances).ravel())
    signs = np.where(parts > 0, np.sign(balance)[parts], np.sign(distances))
    return (np.abs(distances) * np.where(signs == 0, 1, signs)).astype(np.float32)


def _fit_distance(field: ProxyField, queries: SurfaceQueries, seed: int) -> None:
    """Let the hash grids take what the dense grid is wrong by, on the surface and near it."""
    number = field.config.num_samples
    on_surface = queries.mesh.sample(number, seed).points
    beside = _scattered(queries.mesh.sample(number, seed + 1).points, field.config.base_spacing, seed)
    distances = np.concatenate([np.zeros(number, np.float32), queries.signed_distances(beside)])
    points = torch.from_numpy(np.concatenate([on_surface, beside]).astype(np.float32))
    with torch.no_grad():
        error = torch.from_numpy(distances) - field.sdf(points)
    near = field.is_refined(points)
    field.refinement.fit(field.in_unit_cube(points[near]), error[near][:, None], field.config.fit_steps)


def _scattered(points: Float32[np.ndarray, "n 3"], spacing: float, seed: int) -> Float32[np.ndarray, "n 3"]:
    """Points moved at random, by each of the spreads in turn."""
    spreads = spacing * np.resize(NEAR_SPREADS, len(points))
    offsets = np.random.default_rng(seed).standard_normal(points.shape) * spreads[:, None]
    return (points + offsets).astype(np.float32)


def _fit_color(field: ProxyField, samples: SurfaceSamples, seed: int) -> None:
    """Let the hash grids take what the surface's colours differ from their mean."""
    spread = COLOR_SPREAD * field.config.base_spacing
    offsets = np.random.default_rng(seed).standard_normal((len(samples), 1)) * spread
    points = torch.from_numpy((samples.points + offsets * samples.normals).astype(np.float32))
    colors = torch.from_numpy(samples.colors.astype(np.float32))
    field.mean_color.copy_(colors.mean(dim=0))
    field.color_grids.fit(field.in_unit_cube(points), colors - field.mean_color, field.config.fit_steps)
