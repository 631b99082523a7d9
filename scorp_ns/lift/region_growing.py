"""Objects without masks: what stands at a point, or in a box, on the plane below it."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int16
from scipy import sparse
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation
from torch import Tensor

from scorp_ns.errors import PickError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.seen_surface import LEAST_VIEWS, SeenSurface, SurfacePoints, project_inside, see_surface
from scorp_ns.lift.support import level_plane_below
from scorp_ns.products import UNKNOWN, CapturedView, ObjectBox, Support

BOX_ROOM = 1.5
"""The plane that a box's content stands on is looked for within its half diagonal times this."""

THICKNESS = 0.04
"""Points this near to a plane, as a share of the region's radius, lie on it."""

NOISES = 3.0
"""Points further above the plane than this times its roughness stand on it."""

CLICK_NOISES = 1.5
"""A click may be nearer: at the foot of an object."""

CLEARANCE = 0.02
"""Points that stand on the plane are at least this share of the region's radius above it."""

CELL = 0.02
"""Side of the cells that the surface is thinned to, as a share of the region's radius."""

LINK = 1.8
"""Points no further apart than so many cells hang together."""

START = 4.0
"""The object begins no further from the click than so many cells, and the clearance."""

FEWEST_CELLS = 30
"""Less surface is no object."""

SHARES = (0.5, 0.35, 0.25, 0.7, 1.0)
"""Shares of the reach that are tried until the object ends within. Smaller ones know the plane and gaps better, and
the largest hold objects that fill the view.
"""

WHOLE = 0.97
"""An image that shows so much of an object shows all of it."""

FLAT = 0.1
"""A body in the air is a piece of a wall if it is thinner than this share of its length."""

NUM_REFINEMENTS = 2
"""Times the region is fitted to the object that was found in it."""

ROOM = 1.25
"""A region reaches this much further than the object in it."""


class _GoesOnError(PickError):
    """The refusal of a body that does not end within the region."""


@dataclass(frozen=True)
class Body:
    """The surface of an object that was grown from a click."""

    points: Float[np.ndarray, "n 3"]
    """One for each cell of a grid."""
    plane: Support | None
    """The plane that it stands on."""
    clearance: float
    """Points nearer to the plane may belong to either."""
    cell: float

    @property
    def center(self) -> Float[np.ndarray, " 3"]:
        """The middle of its bounds."""
        return (self.points.min(axis=0) + self.points.max(axis=0)) / 2

    @property
    def radius(self) -> float:
        """Its reach from its centre."""
        return float(np.linalg.norm(self.points - self.center, axis=1).max())


def grow_from_point(
    gaussians: Gaussians,
    views: Sequence[CapturedView],
    point: Float[Tensor, " 3"],
    up: Float[Tensor, " 3"],
    reach: float,
) -> dict[int, Int16[Tensor, "h w"]]:
    """Label maps of what stands at a point: 1 on it, 0 beside it and UNKNOWN at its foot, for some of the views.

    It is what hangs together with the point above the plane it stands on, and ends within `reach` of the point;
    what touches it, or nearly does, belongs to it.
    """
    surfaces = see_surface(gaussians, views, point)
    body = _grow(SurfacePoints.of(surfaces), point, up, reach)
    if sum(_shows_whole(views[index], body) for index in surfaces) < LEAST_VIEWS:
        raise _goes_on()
    return {index: torch.from_numpy(_pixels_of(body, surface)) for index, surface in surfaces.items()}


def _shows_whole(view: CapturedView, body: Body) -> bool:
    """Whether an object fits into an image, as pieces of rooms do not."""
    is_inside = project_inside(view, torch.from_numpy(body.points))
    return float(is_inside.double().mean()) >= WHOLE


def _grow(surface: SurfacePoints, point: Float[Tensor, " 3"], up: Float[Tensor, " 3"], reach: float) -> Body:
    """The body at a point, in a region that is fitted to it."""
    body = _first_body(surface, point, up, reach)
    for _ in range(NUM_REFINEMENTS):
        try:
            body = _body_within(surface, body.center, ROOM * body.radius + 3 * body.cell, point, up)
        except PickError:
            # A plane that is hidden below the body cannot be fitted any better.
            break
    return body


def _first_body(surface: SurfacePoints, point: Float[Tensor, " 3"], up: Float[Tensor, " 3"], reach: float) -> Body:
    """The body in the first region around a point in which one ends."""
    center = point.double().cpu().numpy()
    with contextlib.suppress(_GoesOnError):
        return _body_within(surface, center, SHARES[0] * reach, point, up)
    for share in SHARES[1:]:
        with contextlib.suppress(PickError):
            return _body_within(surface, center, share * reach, point, up)
    raise _goes_on()


def _body_within(
    surface: SurfacePoints,
    center: Float[np.ndarray, " 3"],
    radius: float,
    point: Float[Tensor, " 3"],
    up: Float[Tensor, " 3"],
) -> Body:
    """The connected body around a point above the plane, in a ball that it has to end within."""
    cell = max(CELL * radius, 2 * surface.spacing)
    points = surface.around(center, radius, cell)
    plane, clearance = None, 0.0
    if len(points) >= FEWEST_CELLS:
        plane = level_plane_below(torch.from_numpy(points), point, up, THICKNESS * radius)
    if plane is not None:
        heights = plane.heights(torch.from_numpy(points)).numpy()
        clearance, roughness = _clearance(heights, radius)
        points = points[heights > clearance]
        if float(plane.heights(point[None].cpu())) < CLICK_NOISES * roughness:
            raise _on_plane()
    start = point.double().cpu().numpy()
    island = _island_at(points, start, LINK * cell, START * cell + clearance)
    if len(island) < FEWEST_CELLS:
        raise _nothing()
    is_cut = np.linalg.norm(island - center, axis=1).max() > radius - 2 * cell
    if is_cut or (plane is None and _is_flat(island)):
        raise _goes_on()
    return Body(island, plane, clearance, cell)


def _is_flat(points: Float[np.ndarray, "n 3"]) -> bool:
    spreads = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    return bool(spreads[-1] < FLAT * spreads[0])


def _island_at(
    points: Float[np.ndarray, "n 3"], start: Float[np.ndarray, " 3"], link: float, farthest: float
) -> Float[np.ndarray, "m 3"]:
    """The points that hang together with the one nearest to `start`; none where that is too far."""
    distances = np.linalg.norm(points - start, axis=1)
    if len(points) == 0 or distances.min() > farthest:
        return points[:0]
    pairs = KDTree(points).query_pairs(link, output_type="ndarray")
    links = sparse.coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(points), len(points)))
    numbers = sparse.csgraph.connected_components(links, directed=False)[1]
    return points[numbers == numbers[distances.argmin()]]


def _pixels_of(body: Body, surface: SeenSurface) -> Int16[np.ndarray, "h w"]:
    """The label map of the body in a view; its foot, too near to the plane to tell them apart, is unknown."""
    labels = np.where(surface.is_solid, 0, UNKNOWN).astype(np.int16)
    margin = 2 * body.cell
    is_near = surface.is_solid & (
        np.linalg.norm(surface.points - body.center, axis=2) < body.radius + margin + body.clearance
    )
    points = surface.points[is_near]
    is_on = _is_within(points, body.points, margin)
    if body.plane is None:
        labels[is_near] = is_on
        return labels
    heights = body.plane.heights(torch.from_numpy(points)).numpy()
    up = body.plane.up.double().numpy()
    below_body = _is_within(_flat(points, up), _flat(body.points, up), margin)
    is_foot = below_body & (heights > 0) & (heights <= body.clearance)
    labels[is_near] = np.where(is_foot, UNKNOWN, is_on & (heights > body.clearance))
    return labels


def _is_within(
    points: Float[np.ndarray, "n 3"], others: Float[np.ndarray, "m 3"], distance: float
) -> Bool[np.ndarray, " n"]:
    """The mask of points that have one of the others near."""
    return np.isfinite(KDTree(others).query(points, distance_upper_bound=distance)[0])


def _flat(points: Float[np.ndarray, "n 3"], up: Float[np.ndarray, " 3"]) -> Float[np.ndarray, "n 3"]:
    """Points without their height."""
    return points - (points @ up)[:, None] * up


def _on_plane() -> PickError:
    return PickError(
        "The click hit the surface that things stand on.",
        "Objects grow from a point on them.",
        "Click on the middle of the object.",
    )


def _goes_on() -> PickError:
    return _GoesOnError(
        "What was clicked on does not end within reach, as a wall or a floor.",
        "An object has to stand free on its support, and two photographs must show it whole.",
        "Click on the middle of the object, from further away if it fills the view.",
    )


def _nothing() -> PickError:
    return PickError(
        "There is too little surface where the click hit.",
        "At least two training images must show the object.",
        "Click on the middle of an object that the photographs show.",
    )


def pixels_in_box(
    gaussians: Gaussians,
    views: Sequence[CapturedView],
    box: ObjectBox,
    capture_to_world: Similarity,
    up: Float[Tensor, " 3"],
) -> dict[int, Int16[Tensor, "h w"]]:
    """Label maps of what stands in a box: 1 on it, 0 beside it and UNKNOWN at its foot, for some of the views."""
    center = capture_to_world.apply(torch.tensor(box.center, dtype=torch.float64))
    radius = float(np.linalg.norm(box.size)) / 2 * capture_to_world.scale
    surfaces = see_surface(gaussians, views, center.float())
    surface = SurfacePoints.of(surfaces)
    points = surface.around(center.numpy(), BOX_ROOM * radius, max(CELL * radius, 2 * surface.spacing))
    plane, clearance = None, 0.0
    if len(points) >= FEWEST_CELLS:
        plane = level_plane_below(torch.from_numpy(points), center.float(), up, THICKNESS * radius)
    if plane is not None:
        clearance = _clearance(plane.heights(torch.from_numpy(points)).numpy(), radius)[0]
    to_capture = capture_to_world.inverse()
    return {index: _boxed(seen, box, to_capture, plane, clearance) for index, seen in surfaces.items()}


def _boxed(
    surface: SeenSurface, box: ObjectBox, to_capture: Similarity, plane: Support | None, clearance: float
) -> Int16[Tensor, "h w"]:
    """The pixels in which a view shows the inside of a box, above the plane."""
    points = torch.from_numpy(surface.points)
    is_inside = (_in_box_axes(to_capture.apply(points), box).abs() <= torch.tensor(box.size) / 2).all(dim=-1)
    labels = torch.where(is_inside, 1, 0)
    if plane is not None:
        heights = plane.heights(points.reshape(-1, 3)).reshape(is_inside.shape)
        labels[is_inside & (heights <= clearance)] = UNKNOWN
        labels[is_inside & (heights <= 0)] = 0
    labels[~torch.from_numpy(surface.is_solid)] = UNKNOWN
    return labels.short()


def _clearance(heights: Float[np.ndarray, " n"], radius: float) -> tuple[float, float]:
    """The height below which points may belong to either, by the plane's roughness."""
    roughness = 1.48 * float(np.median(np.abs(heights[np.abs(heights) < THICKNESS * radius])))
    return max(CLEARANCE * radius, NOISES * roughness), roughness


def _in_box_axes(points: Float[Tensor, "*batch 3"], box: ObjectBox) -> Float[Tensor, "*batch 3"]:
    """Points of the capture frame, seen from the box's centre along its sides."""
    w, x, y, z = box.wxyz
    rotation = torch.from_numpy(Rotation.from_quat([x, y, z, w]).as_matrix())
    return (points - torch.tensor(box.center, dtype=torch.float64)) @ rotation
