"""The plane an object stands on: the dominant plane below it, from points of its surroundings."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scorp_ns.products import Support

MOST_TILT_COSINE = 0.85
"""Planes that lean more than some thirty degrees from the horizontal carry nothing."""

THICKNESS = 0.015
"""Points this near to a plane, as a share of the object's size, lie on it."""

DEPTH_ERROR = 0.07
"""Rendered depths of a hazy or plain surface may be this share of the object's size off."""

SHARPNESS = 0.01
"""Gaussians this near to a plane, as a share of the object's size, lie on it."""

CROWDED = 0.2
"""Of the Gaussians near a plane, a plane that holds less than this is one by chance."""

LEAST_SHARE = 0.3
"""A plane that holds fewer of the points around and below the object is none."""

SUNKEN = 0.1
"""At most so much of an object may lie clearly below the plane it stands on."""

LEAST_SURFACE = 0.15
"""A plane that holds less of the surface around a point is none."""

LARGEST_DROP = 0.3
"""A plane further below an object's lowest points than this share of its size does not carry it."""

REACH = 1.5
"""Surroundings end so many sizes of the object from its middle."""

FEWEST_POINTS = 20
"""Fewer points tell nothing of a plane."""

ON_A_LINE = 1e-6
"""Points lie on a line if they spread less across it than this share of along it."""

MOST_POINTS = 4000
"""More of the surroundings tell nothing new."""

NUM_TRIALS, NUM_REFITS = 400, 3
"""Planes through three points that are tried, and least-squares fits to the members of the best."""


@dataclass(frozen=True)
class Surroundings:
    """The scene around an object."""

    surface: Float[Tensor, "n 3"]
    """Points of it that are no object's, where rendered depths say that they are."""
    gaussians: Float[Tensor, "k 3"]
    """Centres of all of the scene's Gaussians."""
    weights: Float[Tensor, " k"]
    """The weight with which views see each of them where masks show no object."""


def find_support(
    surroundings: Surroundings, object_points: Float[Tensor, "m 3"], up: Float[Tensor, " 3"]
) -> Support | None:
    """The plane below the object that most of its surroundings lie on; None where there is no such plane.

    Depths find it, for they know surfaces from clutter. But they are means along rays, and haze before a plain table
    lifts and tilts them; so the plane is moved to where the Gaussians near it are densest. `up` roughly says where up
    is.
    """
    up_guess = up.double().cpu().numpy()
    body = object_points.double().cpu().numpy()
    size = float(np.linalg.norm(np.quantile(body, 0.98, axis=0) - np.quantile(body, 0.02, axis=0)))
    ground = _near_and_low(surroundings.surface.double().cpu().numpy(), body, up_guess, size)
    if len(ground) < FEWEST_POINTS or size == 0:
        return None
    plane = _most_populated_plane(ground, up_guess, THICKNESS * size)
    if plane is None:
        return None
    point, normal, is_on = plane
    point, normal = _densest_near(point, normal, surroundings, body, size)
    heights = (body - point) @ normal
    lowest = np.quantile(heights, 0.02)
    if is_on.mean() < LEAST_SHARE or (heights < -2 * THICKNESS * size).mean() > SUNKEN or lowest > LARGEST_DROP * size:
        return None
    below = body.mean(axis=0) - ((body.mean(axis=0) - point) @ normal) * normal
    return Support(torch.from_numpy(below).float(), torch.from_numpy(normal).float())


def _near_and_low(
    points: Float[np.ndarray, "n 3"], body: Float[np.ndarray, "m 3"], up: Float[np.ndarray, " 3"], size: float
) -> Float[np.ndarray, "k 3"]:
    """The points within reach of the object that may lie no higher than its middle, at most so many."""
    middle = np.median(body, axis=0)
    away = points - middle
    heights = away @ up
    reach = np.linalg.norm(away - heights[:, None] * up, axis=1)
    chosen = points[(reach < REACH * size) & (heights < DEPTH_ERROR * size) & (heights > -REACH * size)]
    stride = max(1, len(chosen) // MOST_POINTS)
    return chosen[::stride]


def _densest_near(
    point: Float[np.ndarray, " 3"],
    normal: Float[np.ndarray, " 3"],
    surroundings: Surroundings,
    body: Float[np.ndarray, "m 3"],
    size: float,
) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """A point and the normal of the plane that holds most of what is seen of Gaussians close to a plane."""
    is_seen = (surroundings.weights > 0) & surroundings.gaussians.isfinite().all(dim=1)
    centers, weights = (of[is_seen].double().cpu().numpy() for of in (surroundings.gaussians, surroundings.weights))
    away = centers - np.median(body, axis=0)
    reach = np.linalg.norm(away - (away @ normal)[:, None] * normal, axis=1)
    is_close = (np.abs((centers - point) @ normal) < DEPTH_ERROR * size) & (reach < REACH * size)
    if is_close.sum() < FEWEST_POINTS:
        return point, normal
    drawn = np.random.default_rng(0).choice(
        centers[is_close], MOST_POINTS, p=weights[is_close] / weights[is_close].sum()
    )
    densest = _most_populated_plane(drawn, normal, SHARPNESS * size)
    return (point, normal) if densest is None or densest[2].mean() < CROWDED else densest[:2]


def _most_populated_plane(
    points: Float[np.ndarray, "n 3"], up: Float[np.ndarray, " 3"], thickness: float
) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"], Bool[np.ndarray, " n"]] | None:
    """A point, the upward normal and the members of the level plane with the most points near it (RANSAC)."""
    random = np.random.default_rng(0)
    best = np.zeros(len(points), bool)
    for _ in range(NUM_TRIALS):
        corners = points[random.choice(len(points), 3, replace=False)]
        plane = _level_plane(corners, up)
        if plane is None:
            continue
        is_on = np.abs((points - plane[0]) @ plane[1]) < thickness
        if is_on.sum() > best.sum():
            best = is_on
    found = None
    for _ in range(NUM_REFITS):
        plane = _level_plane(points[best], up) if best.sum() >= 3 else None
        if plane is None:
            return None
        best = np.abs((points - plane[0]) @ plane[1]) < thickness
        found = (*plane, best)
    return found


def _level_plane(
    points: Float[np.ndarray, "n 3"], up: Float[np.ndarray, " 3"]
) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]] | None:
    """The centre and the upward normal of the plane through the points; None if it leans too much, or for a line."""
    center = points.mean(axis=0)
    _, spreads, axes = np.linalg.svd(points - center, full_matrices=False)
    if spreads[1] <= ON_A_LINE * spreads[0]:
        return None
    normal = axes[-1]
    normal = normal if normal @ up > 0 else -normal
    return (center, normal) if normal @ up >= MOST_TILT_COSINE else None


def level_plane_below(
    surface: Float[Tensor, "n 3"], point: Float[Tensor, " 3"], up: Float[Tensor, " 3"], thickness: float
) -> Support | None:
    """The level plane that most points of a surface lie on, if a point lies on its upper side or on it."""
    points = surface.double().cpu().numpy()
    if len(points) < FEWEST_POINTS:
        return None
    if len(points) > MOST_POINTS:
        points = points[np.random.default_rng(0).choice(len(points), MOST_POINTS, replace=False)]
    plane = _most_populated_plane(points, up.double().cpu().numpy(), thickness)
    if plane is None:
        return None
    on_plane, normal, is_on = plane
    above = point.double().cpu().numpy() - on_plane
    if is_on.mean() < LEAST_SURFACE or above @ normal < -thickness:
        return None
    below = on_plane + above - (above @ normal) * normal
    return Support(torch.from_numpy(below).float(), torch.from_numpy(normal).float())
