"""The photographs' evidence of a placed proxy's shape: outlines, free space beside them, and points of the surface.

All of it is in the frame of the proxy at its place, whose box has the diagonal 1, and knows which photograph says it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64, Int64
from scipy import ndimage

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.pose.observation import FAR_AWAY, FREE_MARGIN, Pixels, is_fog, outline, pixels_of
from scorp_ns.pose.views import View, frame_by_masks, most_different, view_around
from scorp_ns.products import OCCLUDER, ProxyRequest

MOST_SIGHTS = 24
"""Photographs that are looked at, as different ones as there are."""

NUM_POINTS, NUM_OUTLINES, NUM_FREE = 1500, 1400, 800
"""Points, rays along outlines, and rays through free space, of all photographs together."""

LEAST = 50
"""Fewer points, or fewer rays, say too little."""

BESIDE = 0.08
"""Free space is looked at within this distance of the mask, as a share of the mask's size."""


@dataclass(frozen=True)
class ShapeEvidence:
    """Points and rays, and the photographs they are from."""

    points: Float64[np.ndarray, "p 3"]
    towards: Float64[np.ndarray, "p 3"]
    """From each point to the camera that saw it; of length 1."""
    point_sights: Int64[np.ndarray, " p"]
    origins: Float64[np.ndarray, "r 3"]
    directions: Float64[np.ndarray, "r 3"]
    """Of length 1."""
    ends: Float64[np.ndarray, " r"]
    """The length of a ray through free space; infinite for rays along the object's outline."""
    ray_sights: Int64[np.ndarray, " r"]
    pixels: Pixels
    num_sights: int

    @property
    def is_empty(self) -> bool:
        """Whether there is too little to judge a shape by."""
        return len(self.points) < LEAST or len(self.ends) < LEAST

    def of(self, sights: np.ndarray) -> ShapeEvidence:
        """The evidence of some of the photographs."""
        points, rays = np.isin(self.point_sights, sights), np.isin(self.ray_sights, sights)
        return replace(
            self,
            points=self.points[points],
            towards=self.towards[points],
            point_sights=self.point_sights[points],
            origins=self.origins[rays],
            directions=self.directions[rays],
            ends=self.ends[rays],
            ray_sights=self.ray_sights[rays],
            pixels=self.pixels.of(sights),
        )


def gather_shape_evidence(request: ProxyRequest, T_capture_proxy: Similarity, seed: int) -> ShapeEvidence | None:
    """The evidence of the request's windows; None where none of them shows the object."""
    T_capture_observed = frame_by_masks(request.windows)
    if T_capture_observed is None:
        return None
    views = [view_around(sight, T_capture_observed) for sight in request.windows]
    views = most_different([view for view in views if view.mask.any()], MOST_SIGHTS)
    views = [view.with_surface(request.gaussians) for view in views]
    random = np.random.default_rng(seed)
    points, towards, point_sights = _points(views, random)
    rays = [_rays(view, len(views), random) for view in views]
    origins, directions, ends = (np.concatenate(column) for column in zip(*rays, strict=True))
    ray_sights = np.repeat(np.arange(len(views)), [len(one[2]) for one in rays])
    T_proxy_observed = T_capture_proxy.inverse() @ T_capture_observed
    rotation, scale = T_proxy_observed.rotation.numpy(), T_proxy_observed.scale

    def place(places: np.ndarray) -> np.ndarray:
        return scale * places @ rotation.T + T_proxy_observed.translation.numpy()

    pixels = pixels_of(views)
    pixels = replace(
        pixels,
        origins=place(pixels.origins).astype(np.float32),
        directions=(scale * pixels.directions @ rotation.T).astype(np.float32),
        rims=(scale * pixels.rims).astype(np.float32),
    )
    return ShapeEvidence(
        place(points), towards @ rotation.T, point_sights, place(origins), directions @ rotation.T, ends * scale,
        ray_sights, pixels, len(views),
    )  # fmt: skip


def _points(views: list[View], random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of the surface, the directions to the cameras that saw them, and the numbers of their photographs."""
    points, towards, sights = [], [], []
    for index, view in enumerate(views):
        rows, columns = np.nonzero(ndimage.binary_erosion(view.mask) & np.isfinite(view.depth))
        chosen = random.permutation(len(rows))[: 2 * NUM_POINTS // len(views)]
        rows, columns = rows[chosen], columns[chosen]
        directions = view.camera.pixel_directions(columns, rows)
        points.append(view.origin + directions * view.depth[rows, columns][:, None])
        towards.append(-directions / np.linalg.norm(directions, axis=1, keepdims=True))
        sights.append(np.full(len(rows), index))
    every = np.concatenate(points)
    is_near = (np.linalg.norm(every, axis=1) < FAR_AWAY) & ~is_fog(views, every)
    kept = random.permutation(np.nonzero(is_near)[0])[:NUM_POINTS]
    return every[kept], np.concatenate(towards)[kept], np.concatenate(sights)[kept]


def _rays(view: View, num_views: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Origins, directions and ends of rays along the outline and of rays through free space beside it."""
    columns, rows, own = outline(view)
    chosen = random.permutation(np.nonzero(own)[0])[: NUM_OUTLINES // num_views]
    along = view.camera.directions(columns[chosen], rows[chosen])
    reach = max(3, round(BESIDE * float(view.mask.sum()) ** 0.5))
    is_beside = ndimage.binary_dilation(view.mask, iterations=reach) & (view.sight.trimap != OCCLUDER)
    pixels = random.permutation(np.nonzero(is_beside.ravel())[0])[: NUM_FREE // num_views]
    free_rows, free_columns = np.divmod(pixels, view.mask.shape[1])
    through = view.camera.pixel_directions(free_columns, free_rows)
    depths = np.nan_to_num(view.depth.ravel()[pixels] - FREE_MARGIN, posinf=1e6)
    limits = np.maximum(depths * np.linalg.norm(through, axis=1), 0.0)
    directions = np.concatenate([along, through])
    return (
        np.broadcast_to(view.origin, directions.shape),
        directions / np.linalg.norm(directions, axis=1, keepdims=True),
        np.concatenate([np.full(len(along), np.inf), limits]),
    )
