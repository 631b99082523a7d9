"""The photographs' evidence for points on a surface: seen, hidden, or contradicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from scorp_ns.products import OCCLUDER, VISIBLE, ObjectCrop

FACING = 0.1
"""A point is seen where its normal turns towards the camera by more than this cosine."""

WELL_FACING = 0.2
"""The same for its colour, which is smeared at grazing angles."""

HIDING = 5.0
"""Beside its mask nothing hides a point that does not stand before it by more than this many tolerances.

Where an object stands on its floor depths hardly tell the two apart, but masks do.
"""


@dataclass(frozen=True)
class SurfaceEvidence:
    """Counts over photographs, for every point of a surface."""

    seen: Float[Tensor, " n"]
    """Photographs that show the object at the point's own depth."""
    contradicted: Float[Tensor, " n"]
    """Photographs that show something else and nothing that hides the point, or the object itself well behind it."""
    colors: Float[Tensor, "n 3"]
    """Mean colour in the photographs that see the point, in [0, 1]; black where none does."""
    color_weights: Float[Tensor, " n"]
    """The weight with which they see it together; 0 where none does."""

    def __post_init__(self) -> None:
        assert len(self.seen) == len(self.contradicted) == len(self.colors) == len(self.color_weights)


def gather_evidence(
    points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], sights: Sequence[ObjectCrop], tolerance: float
) -> SurfaceEvidence:
    """The windows' evidence for points in their frame; depths differ if they differ by more than the tolerance."""
    seen, contradicted = torch.zeros(len(points)), torch.zeros(len(points))
    colors, weights = torch.zeros(len(points), 3), torch.zeros(len(points))
    for sight in sights:
        inside, rows, columns, depths, cosines = _project(points, normals, sight)
        measured = torch.from_numpy(sight.depth)[rows, columns]
        roles = torch.from_numpy(sight.trimap)[rows, columns]
        is_object, is_unsure = roles == VISIBLE, roles == OCCLUDER
        is_at = (depths - measured).abs() < tolerance
        shows = is_object & is_at & (cosines > FACING)
        seen[inside] += shows.float()
        is_in_front = measured.isfinite() & (depths < measured - tolerance)
        is_contradicted = torch.where(is_object, is_in_front, depths < measured + HIDING * tolerance) & ~is_unsure
        contradicted[inside] += is_contradicted.float()
        weight = torch.where(is_object & is_at & (cosines > WELL_FACING), cosines**2, 0.0)
        colors[inside] += weight[:, None] * torch.from_numpy(sight.photograph)[rows, columns].float() / 255
        weights[inside] += weight
    return SurfaceEvidence(seen, contradicted, colors / weights.clamp_min(1e-6)[:, None], weights)


def _project(
    points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], sight: ObjectCrop
) -> tuple[Int64[Tensor, " m"], Int64[Tensor, " m"], Int64[Tensor, " m"], Float[Tensor, " m"], Float[Tensor, " m"]]:
    """The points that fall into the window, their pixels and depths, and the cosines of normals and lines of sight."""
    camera = sight.camera.to(torch.float32)
    local = camera.to_camera(points)
    homogeneous = camera.homogeneous(local)
    inside = torch.nonzero(camera.frames(homogeneous))[:, 0]
    columns, rows = (homogeneous[inside, :2] / homogeneous[inside, 2:]).long().unbind(dim=1)
    towards = torch.nn.functional.normalize(-local[inside], dim=1)
    cosines = ((normals[inside] @ camera.rotation.T) * towards).sum(dim=1)
    return inside, rows.clamp(max=camera.height - 1), columns.clamp(max=camera.width - 1), local[inside, 2], cosines
