"""Objects without masks: what stands at a point, or in a box, on the plane below it."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from scipy.spatial.transform import Rotation
from torch import Tensor

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.neighbours import islands
from scorp_ns.lift.support import level_plane_below
from scorp_ns.products import ObjectBox

SOLID = 0.3
"""Fainter Gaussians are no part of a surface."""

CLEARANCE = 0.01
"""What is nearer to the plane than this share of the region's radius belongs to the plane."""

GAP = 0.01
"""Gaussians this share of the region's radius apart still hang together."""

NUM_REFINEMENTS = 2
"""Times the region is fitted to the object that was found in it, for a plane nearer to the object."""

ROOM = 1.25
"""A region reaches this much further than the object in it."""


def grow_from_point(
    gaussians: Gaussians, point: Float[Tensor, " 3"], up: Float[Tensor, " 3"], radius: float
) -> Bool[Tensor, " n"]:
    """The Gaussians that hang together with the one nearest to a point, above the plane it stands on.

    `radius` bounds how far the object may reach from the point. Nothing grows from a point on the plane itself.
    """
    grown = torch.zeros(len(gaussians), dtype=torch.bool)
    center = point
    for _ in range(1 + NUM_REFINEMENTS):
        is_near = (gaussians.means - center.to(gaussians.means)).norm(dim=1) < radius
        candidates = torch.nonzero(is_near & (gaussians.opacities > SOLID))[:, 0]
        grown = _grow_among(gaussians, candidates, point, up, radius)
        if not grown.any():
            return grown
        body = gaussians.means[grown]
        center = (body.amin(dim=0) + body.amax(dim=0)) / 2
        radius = min(radius, ROOM * float((body - center).norm(dim=1).max()))
    return grown


def _grow_among(
    gaussians: Gaussians, candidates: Tensor, point: Float[Tensor, " 3"], up: Float[Tensor, " 3"], radius: float
) -> Bool[Tensor, " n"]:
    grown = torch.zeros(len(gaussians), dtype=torch.bool)
    if len(candidates) == 0:
        return grown
    plane = level_plane_below(gaussians[candidates], point, up, CLEARANCE * radius)
    if plane is not None:
        candidates = candidates[plane.heights(gaussians.means[candidates]) > CLEARANCE * radius]
        if len(candidates) == 0 or float(plane.heights(point[None])) < CLEARANCE * radius:
            return grown
    numbers = islands(gaussians[candidates], GAP * radius)
    start = int((gaussians.means[candidates] - point.to(gaussians.means)).norm(dim=1).argmin())
    grown[candidates[torch.from_numpy(numbers == numbers[start])]] = True
    return grown


def inside_box(
    gaussians: Gaussians, box: ObjectBox, capture_to_world: Similarity, up: Float[Tensor, " 3"]
) -> Bool[Tensor, " n"]:
    """The solid Gaussians in a box, without the plane that the box's content stands on."""
    local = _in_box_axes(capture_to_world.inverse().apply(gaussians.means.double().cpu()), box)
    half = torch.tensor(box.size, dtype=torch.float64) / 2
    is_inside = (local.abs() <= half).all(dim=1) & (gaussians.opacities.cpu() > SOLID)
    is_around = (local.abs() <= 2 * half).all(dim=1) & (gaussians.opacities.cpu() > SOLID)
    if not is_inside.any():
        return is_inside
    size = float(2 * half.norm() * capture_to_world.scale)
    center = capture_to_world.apply(torch.tensor([box.center], dtype=torch.float64))[0].to(gaussians.means)
    plane = level_plane_below(gaussians[torch.nonzero(is_around)[:, 0]], center, up, CLEARANCE * size)
    if plane is None:
        return is_inside
    return is_inside & (plane.heights(gaussians.means).cpu() > CLEARANCE * size)


def _in_box_axes(points: Float[Tensor, "n 3"], box: ObjectBox) -> Float[Tensor, "n 3"]:
    """Points of the capture frame, seen from the box's centre along its sides."""
    w, x, y, z = box.wxyz
    rotation = torch.from_numpy(Rotation.from_quat([x, y, z, w]).as_matrix())
    return (points - torch.tensor(box.center, dtype=torch.float64)) @ rotation
