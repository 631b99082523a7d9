"""The photographs' evidence of an object's shape and place: points, rays and tangent planes around it.

All of it is in a frame of its own, in which the object is at the origin and about as large as 1.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64, UInt8
from scipy import ndimage

from scorp_ns.cameras import PIXEL_CENTER
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.views import View, frame_by_masks, most_different, view_around
from scorp_ns.products import BACKGROUND, OCCLUDER, VISIBLE, ProxyRequest

HIDING_STEP = 0.04
"""An outline beyond which the scene is nearer by this is that of something before the object."""

FREE_MARGIN = 0.05
"""Space is known to be free up to this far before the depth that a pixel shows."""

POINT_SPACING = 0.03
"""Observed points are thinned out to one in a cell of this size."""

FAR_AWAY = 0.8
"""Depths that lead further from the object's middle than this are not of the object."""

FOG_STEP = 0.04
"""A sight that shows depths beyond a point by this sees through it."""

NUM_TANGENTS = 12
"""Directions in which the outermost pixel of each mask is taken."""

MOST_POINTS, MOST_TESTED = 500, 8000
OUTLINE_RAYS, FREE_RAYS = 36, 24
"""Numbers: observed points that are kept and those they are chosen from, and rays of each sight."""

LEAST_RIM, MOST_RIM = 0.01, 0.03
"""The rims of masks may be off by a pixel, within these bounds, in the object's sizes."""

MOST_PIXELS, MOST_COMPARED_SIGHTS = 20_000, 24
"""Numbers of pixels and of sights in the comparison of renders with photographs."""


@dataclass(frozen=True)
class Rays:
    """Rays that the object's surface must touch, or must not meet before they end."""

    origins: Float64[np.ndarray, "n 3"]
    directions: Float64[np.ndarray, "n 3"]
    """Of length 1."""
    ends: Float64[np.ndarray, " n"]
    """The length of the ray through free space; infinite for rays along the object's outline."""


@dataclass(frozen=True)
class Pixels:
    """Pixels of several photographs, for comparison with renders."""

    origins: Float32[np.ndarray, "n 3"]
    directions: Float32[np.ndarray, "n 3"]
    """They advance by 1 along the camera's axis, so that distances are depths."""
    sights: Int64[np.ndarray, " n"]
    """The number of the photograph."""
    roles: UInt8[np.ndarray, " n"]
    depths: Float32[np.ndarray, " n"]
    colors: Float32[np.ndarray, "n 3"]
    """sRGB as pictures store it, in [0, 1]."""
    rims: Float32[np.ndarray, " n"]
    """By how much the mask's rim may be off, at the object's distance."""
    is_beside: Bool[np.ndarray, " n"]
    """Whether the pixel is so near to the mask that it may belong to it."""

    def of(self, sights: np.ndarray) -> Pixels:
        """Those of some of the photographs, which are numbered anew."""
        kept = np.isin(self.sights, sights)
        chosen = Pixels(*(getattr(self, field.name)[kept] for field in fields(self)))
        return replace(chosen, sights=np.unique(chosen.sights, return_inverse=True)[1].astype(np.int64))


@dataclass(frozen=True)
class Observation:
    """All that poses are judged by."""

    points: Float64[np.ndarray, "p 3"]
    """Of the object's surface, from depths."""
    towards: Float64[np.ndarray, "p 3"]
    """From each point to the camera that saw it; of length 1."""
    colors: Float64[np.ndarray, "p 3"]
    planes: Float64[np.ndarray, "m 3"]
    """Outward unit normals of planes that touch the object."""
    offsets: Float64[np.ndarray, " m"]
    """The places of these planes along their normals."""
    rays: Rays
    pixels: Pixels
    up: Float64[np.ndarray, " 3"]
    parallax_deg: float
    """The widest angle between two directions that the object is seen from."""
    T_capture_observed: Similarity

    @property
    def is_empty(self) -> bool:
        """Whether there is too little to look for a pose by."""
        return len(self.points) < 8 or len(self.planes) < 4

    def thinned(self, step: int) -> Observation:
        """Every n-th point and ray of it, for a first look."""
        rays = Rays(self.rays.origins[::step], self.rays.directions[::step], self.rays.ends[::step])
        return replace(
            self, points=self.points[::step], towards=self.towards[::step], colors=self.colors[::step], rays=rays
        )


def observe(request: ProxyRequest, config: SearchConfig) -> Observation | None:
    """The evidence of the request's windows; None where none of them shows the object."""
    T_capture_observed = frame_by_masks(request.windows)
    if T_capture_observed is None:
        return None
    views = [view_around(sight, T_capture_observed) for sight in request.windows]
    views = most_different([view for view in views if view.mask.any()], MOST_COMPARED_SIGHTS)
    views = [view.with_surface(request.gaussians) for view in views]
    searched = views[: config.num_sights]
    random = np.random.default_rng(config.seed)
    points, towards, colors = _points(views, random)
    planes, offsets = _tangents(searched, points, towards)
    return Observation(
        points, towards, colors, planes, offsets, _rays(searched, random), pixels_of(views),
        request.up.double().cpu().numpy(), _parallax_deg(views), T_capture_observed,
    )  # fmt: skip


def _parallax_deg(views: list[View]) -> float:
    directions = np.stack([view.origin / np.linalg.norm(view.origin) for view in views])
    return float(np.degrees(np.arccos(np.clip((directions @ directions.T).min(), -1, 1))))


def _points(views: list[View], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evenly spread points of the surface, the directions to the cameras that saw them, and their colours."""
    points, towards, colors = [np.empty((0, 3))], [np.empty((0, 3))], [np.empty((0, 3))]
    for view in views:
        inner = ndimage.binary_erosion(view.mask) & np.isfinite(view.depth)
        rows, columns = np.nonzero(inner)
        directions = view.camera.pixel_directions(columns, rows)
        points.append(view.origin + directions * view.depth[inner][:, None])
        towards.append(-directions / np.linalg.norm(directions, axis=1, keepdims=True))
        colors.append(view.sight.photograph[inner] / 255.0)
    every, dirs, paint = np.concatenate(points), np.concatenate(towards), np.concatenate(colors)
    order = random.permutation(len(every))[:MOST_TESTED]
    order = order[(np.linalg.norm(every[order], axis=1) < FAR_AWAY) & ~is_fog(views, every[order])]
    _, first = np.unique(np.floor(every[order] / POINT_SPACING).astype(np.int64), axis=0, return_index=True)
    kept = order[np.sort(first)[:MOST_POINTS]]
    return every[kept], dirs[kept], paint[kept]


def is_fog(views: list[View], points: Float64[np.ndarray, "p 3"]) -> Bool[np.ndarray, " p"]:
    """The mask of points that more windows see through than see: hollows of trained scenes are full of floaters."""
    through, agreeing = np.zeros(len(points)), np.zeros(len(points))
    for view in views:
        in_camera = (points - view.origin) @ view.camera.rotation.T
        projected = view.camera.homogeneous(in_camera)
        places = np.floor(projected[:, 1::-1] / np.maximum(projected[:, 2:], 1e-6)).astype(np.int64)
        is_seen = ((places >= 0) & (places < view.mask.shape)).all(axis=1) & (in_camera[:, 2] > 1e-6)
        rows, columns = np.where(is_seen[:, None], places, 0).T
        deeper = view.depth[rows, columns] - in_camera[:, 2]
        through += is_seen & (deeper > FOG_STEP)
        agreeing += is_seen & (np.abs(deeper) <= FOG_STEP)
    return through > agreeing


def outline(view: View) -> tuple[np.ndarray, np.ndarray, Bool[np.ndarray, " n"]]:
    """Columns and rows between the mask's pixels and others, and where that is the object's own outline."""
    height, width = view.mask.shape
    roles, depth = np.pad(view.sight.trimap, 1, constant_values=OCCLUDER), np.pad(view.depth, 1, constant_values=np.inf)
    mask = np.pad(view.mask, 1)
    rows, columns = np.nonzero(view.mask)
    places, own = [], []
    for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
        beside = rows + 1 + down, columns + 1 + right
        is_edge = ~mask[beside]
        is_hidden = depth[beside] < view.depth[rows, columns] - HIDING_STEP
        places.append(np.stack([columns + PIXEL_CENTER + right / 2, rows + PIXEL_CENTER + down / 2], axis=1)[is_edge])
        own.append(((roles[beside] == BACKGROUND) & ~is_hidden)[is_edge])
    found = np.concatenate(places)
    assert ((found >= 0) & (found <= [width, height])).all()
    return found[:, 0], found[:, 1], np.concatenate(own)


def _tangents(
    views: list[View], points: Float64[np.ndarray, "p 3"], towards: Float64[np.ndarray, "p 3"]
) -> tuple[Float64[np.ndarray, "m 3"], Float64[np.ndarray, " m"]]:
    """Planes through cameras that touch masks from outside, and planes that touch the surface before the cameras."""
    angles = np.arange(NUM_TANGENTS) * 2 * np.pi / NUM_TANGENTS
    normals, offsets = [np.empty((0, 3))], [np.empty(0)]
    for view in views:
        columns, rows, own = outline(view)
        heights = np.outer(np.cos(angles), columns) + np.outer(np.sin(angles), rows)
        best = heights.argmax(axis=1)
        lines = np.stack([np.cos(angles), np.sin(angles), -heights.max(axis=1)], axis=1)[own[best]]
        planes = lines @ view.camera.K @ view.camera.rotation
        planes /= np.linalg.norm(planes, axis=1, keepdims=True)
        normals.append(planes)
        offsets.append(planes @ view.origin)
        facing = view.origin / np.linalg.norm(view.origin)
        seen = points[towards @ facing > 0.9]
        if len(seen):
            normals.append(facing[None])
            offsets.append(np.quantile(seen @ facing, [0.98]))
    return np.concatenate(normals), np.concatenate(offsets)


def _rays(views: list[View], random: np.random.Generator) -> Rays:
    """Rays along outlines, and rays through space that is free up to where they end."""
    origins, directions, ends = [np.empty((0, 3))], [np.empty((0, 3))], [np.empty(0)]
    for view in views:
        columns, rows, own = outline(view)
        chosen = random.permutation(np.nonzero(own)[0])[:OUTLINE_RAYS]
        along = view.camera.directions(columns[chosen], rows[chosen])
        pixels = random.permutation(np.nonzero(view.sight.trimap.ravel() != OCCLUDER)[0])[:FREE_RAYS]
        free_rows, free_columns = np.divmod(pixels, view.mask.shape[1])
        through = view.camera.pixel_directions(free_columns, free_rows)
        lengths = np.linalg.norm(through, axis=1)
        limits = np.nan_to_num((view.depth.ravel()[pixels] - FREE_MARGIN) * lengths, posinf=1e6)
        both = np.concatenate([along, through])
        origins.append(np.broadcast_to(view.origin, both.shape))
        directions.append(both / np.linalg.norm(both, axis=1, keepdims=True))
        ends.append(np.concatenate([np.full(len(along), np.inf), np.maximum(limits, 0.0)]))
    return Rays(np.concatenate(origins), np.concatenate(directions), np.concatenate(ends))


def pixels_of(views: list[View]) -> Pixels:
    """Every n-th pixel of every row and column of the sights."""
    step = max(1, int(np.ceil((sum(view.mask.size for view in views) / MOST_PIXELS) ** 0.5)))
    parts: list[tuple[np.ndarray, ...]] = []
    for index, view in enumerate(views):
        height, width = view.mask.shape
        rows, columns = (places.ravel() for places in np.mgrid[0:height:step, 0:width:step])
        directions = view.camera.pixel_directions(columns, rows)
        roles = np.where(view.mask, VISIBLE, np.where(view.sight.trimap == VISIBLE, OCCLUDER, view.sight.trimap))
        shown = roles[rows, columns], view.depth[rows, columns], view.sight.photograph[rows, columns] / 255.0
        origins = np.broadcast_to(view.origin, directions.shape)
        pixel = float(np.linalg.norm(view.origin)) / view.camera.K[0, 0]
        rim = min(max(pixel, LEAST_RIM), MOST_RIM)
        is_beside = ~view.mask & (pixel * ndimage.distance_transform_edt(~view.mask) <= rim)
        rims = np.full(len(rows), rim), is_beside[rows, columns]
        parts.append((origins, directions, np.full(len(rows), index), *shown, *rims))
    kinds = (np.float32, np.float32, np.int64, np.uint8, np.float32, np.float32, np.float32, bool)
    if not parts:
        shapes = ((0, 3), (0, 3), 0, 0, 0, (0, 3), 0, 0)
        parts = [tuple(np.empty(shape) for shape in shapes)]
    return Pixels(
        *(np.concatenate(column).astype(kind) for column, kind in zip(zip(*parts, strict=True), kinds, strict=True))
    )
