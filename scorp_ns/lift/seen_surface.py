"""The surface that several views see around a point: what their depths say, less what only one of them says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scorp_ns.cameras import Camera, viewmat_at
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import CapturedView
from scorp_ns.render.surface_depth import render_depths

MOST_VIEWS = 24
"""So many of the views that look at a point show its surroundings well enough."""

LEAST_VIEWS = 2
"""Points that fewer views see are no surface: at the edges of objects, depths lie between what is before and behind."""

SOLID = 0.9
"""Pixels with less opacity have no depth."""

HIT_PIXELS = 9
"""A click means something that so many pixels across show."""

HIT_FOCAL = 600.0
"""Focal length, in pixels, of the image that is rendered around a click."""

NEARER = 0.1
"""The share of a click's pixels that may be nearer than what it means: who clicks on an edge means what is before."""


@dataclass(frozen=True)
class SeenSurface:
    """The points of one view, pixel by pixel."""

    points: Float[np.ndarray, "h w 3"]
    is_solid: Bool[np.ndarray, "h w"]
    """The pixels with a point that belongs to no known object."""
    spacing: float
    """The distance between points of neighbouring pixels, on a surface that faces the camera."""


def hit_point(
    gaussians: Gaussians, origin: Float[Tensor, " 3"], direction: Float[Tensor, " 3"]
) -> Float[Tensor, " 3"] | None:
    """The first point that a ray meets; None where it meets nothing."""
    forward = torch.nn.functional.normalize(direction.to(gaussians.means), dim=0)
    side = torch.linalg.cross(forward, torch.eye(3).to(forward)[forward.abs().argmin()])
    side = side / side.norm()
    rotation = torch.stack([side, torch.linalg.cross(forward, side), forward])
    camera = Camera.square(viewmat_at(rotation, origin.to(forward)), HIT_FOCAL, HIT_PIXELS)
    depths = render_depths(gaussians, camera)
    points = camera.unproject(depths.depth, depths.is_solid)
    if len(points) == 0:
        return None
    nearest_first = depths.depth[depths.is_solid].argsort()
    return points[nearest_first[int(NEARER * len(points))]]


def see_surface(
    gaussians: Gaussians, views: Sequence[CapturedView], point: Float[Tensor, " 3"]
) -> dict[int, SeenSurface]:
    """The points of some views that look at a point, by the views' places in the sequence."""
    looking = [index for index, view in enumerate(views) if bool(project_inside(view, point[None]))]
    chosen = np.unique(np.linspace(0, len(looking) - 1, min(MOST_VIEWS, len(looking))).round().astype(int))
    return {looking[place]: _seen(gaussians, views[looking[place]]) for place in chosen}


def project_inside(view: CapturedView, points: Float[Tensor, "n 3"]) -> Bool[Tensor, " n"]:
    """The mask of points before the camera and within the image, behind whatever."""
    return view.camera.exact().contains(points.double().cpu())


def _seen(gaussians: Gaussians, view: CapturedView) -> SeenSurface:
    depths = render_depths(gaussians, view.camera)
    everywhere = torch.ones_like(depths.alpha, dtype=torch.bool)
    is_solid = depths.alpha > SOLID
    if view.labels is not None:
        is_solid = is_solid & (view.labels <= 0).to(is_solid.device)
    points = view.camera.unproject(depths.depth, everywhere).reshape(view.height, view.width, 3)
    spacing = float(depths.depth[is_solid].median() / view.K[0, 0]) if is_solid.any() else 0.0
    return SeenSurface(points.double().cpu().numpy(), is_solid.cpu().numpy(), spacing)


@dataclass(frozen=True)
class SurfacePoints:
    """The points that several views see, all together."""

    points: Float[np.ndarray, "n 3"]
    views: Int[np.ndarray, " n"]
    """The view of each of them."""
    spacing: float
    """The usual distance between points."""

    @classmethod
    def of(cls, surfaces: dict[int, SeenSurface]) -> SurfacePoints:
        """All solid points of the surfaces."""
        seen = [surface.points[surface.is_solid] for surface in surfaces.values()]
        views = np.repeat(np.arange(len(seen)), [len(points) for points in seen])
        spacing = float(np.median([surface.spacing for surface in surfaces.values()])) if seen else 0.0
        return cls(np.concatenate([np.empty((0, 3)), *seen]), views, spacing)

    def around(self, center: Float[np.ndarray, " 3"], radius: float, cell: float) -> Float[np.ndarray, "m 3"]:
        """One point for each cell of a grid that enough views see something in, within a ball."""
        near = np.linalg.norm(self.points - center, axis=1) < radius
        points, views = self.points[near], self.views[near]
        if len(points) == 0:
            return points
        cells = _cells(points, cell)
        counts = np.bincount(cells)
        centers = np.stack([np.bincount(cells, points[:, axis]) / counts for axis in range(3)], axis=1)
        seen_by = np.zeros((len(counts), int(views.max()) + 1), bool)
        seen_by[cells, views] = True
        return centers[seen_by.sum(axis=1) >= LEAST_VIEWS]


def _cells(points: Float[np.ndarray, "n 3"], side: float) -> Int[np.ndarray, " n"]:
    """The number of the grid's cell that each point lies in, counted without gaps."""
    places = np.floor((points - points.min(axis=0)) / side).astype(np.int64)
    _, height, depth = places.max(axis=0) + 1
    codes = (places[:, 0] * height + places[:, 1]) * depth + places[:, 2]
    is_used = np.bincount(codes) > 0
    return (np.cumsum(is_used) - 1)[codes]
