"""Floaters: Gaussians of no object that hang where an object stands, or close to it."""

from __future__ import annotations

import torch
from jaxtyping import Bool
from scipy.spatial import ConvexHull, Delaunay, KDTree, QhullError
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import Support

HULL_MARGIN, ABOVE = 1.04, 0.02
"""Haze lies in the convex hull, enlarged so much, or near to the object, and so far above the plane, in its size."""

NEARNESS = 0.05
"""So near, in the object's size."""


def are_floaters(
    others: Gaussians, own: Gaussians, support: Support | None, nearness: float = NEARNESS
) -> Bool[Tensor, " n"]:
    """The mask of Gaussians above the plane that lie in the object's convex hull, or near enough to reach it."""
    size, points, places = size_of(own), *(part.means.double().cpu().numpy() for part in (own, others))
    distances = torch.from_numpy(KDTree(points).query(places)[0]).to(others.means)
    is_near = (distances < nearness * size) | (distances < others.scales.amax(dim=1))
    try:
        corners = points[ConvexHull(points).vertices]
        within = Delaunay(points.mean(axis=0) + HULL_MARGIN * (corners - points.mean(axis=0))).find_simplex(places) >= 0
        is_near |= torch.from_numpy(within).to(is_near.device)
    except QhullError:
        # A flat object has no inside.
        pass
    return is_near if support is None else is_near & (support.heights(others.means) > ABOVE * size)


def size_of(own: Gaussians) -> float:
    """An object's size without its stray Gaussians."""
    points = own.means.double()
    spread = torch.quantile(points, points.new_tensor([0.02, 0.98]), dim=0)
    return max(float((spread[1] - spread[0]).norm()), 1e-9)
