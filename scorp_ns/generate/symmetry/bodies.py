"""Complete bodies of revolution: vessels opened down to their bottom, with protruding parts such as handles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float
from scipy import ndimage
from scipy.spatial import KDTree

from scorp_ns.generate.symmetry.mirrors import Mirror
from scorp_ns.generate.symmetry.revolution import (
    NUM_TURNS,
    VIOLATING,
    Axis,
    Profile,
    measure_profile,
    violations,
)
from scorp_ns.generate.symmetry.symmetry_score import TOLERANCE, SymmetryEvidence

MOST_PARTS = 0.4
"""An object is no body of revolution if more of its seen surface than this sticks out."""

PART_REACH = 0.05
"""A part reaches so far from its seen surface, as a share of the diagonal."""

APART = 0.02
"""Points seen further outside a vessel's outline than this share of the diagonal are no fog around its wall."""

ADDED_PRICE = 1.0
"""The cost of adding as many parts as are seen, where explaining none costs 1: one handle is likelier."""

OPEN = 0.3
"""A body that is open so far down, as a share of its height, is a vessel."""

MIDDLE = 0.4
"""The depth of that opening is measured within this share of the radius."""

RIM_ROWS = 4
"""Highest rows of a vessel that give the width of its rim, which is too thin to be seen itself."""

FOGGY = 0.3
"""The depths within a vessel are fog, not contents, if this share of them disagrees with others around the axis."""

WALL = (0.015, 0.03)
"""Least and largest thickness of a vessel's wall, as shares of the diagonal."""


@dataclass(frozen=True)
class RevolutionBody:
    """A body of revolution, with the seen points that deviate from it."""

    profile: Profile
    apart: Bool[np.ndarray, " n"]
    """Seen points that stick out of it."""
    doubtful: Bool[np.ndarray, " n"]
    """Seen points on it whose ring is mostly free space."""
    is_vessel: bool


def find_body(axis: Axis, evidence: SymmetryEvidence) -> RevolutionBody:
    """The body of revolution about an axis."""
    profile = measure_profile(axis, evidence.volume)
    outer = outer_radii(profile)
    violated = violations(axis, evidence, NUM_TURNS) > VIOLATING
    rows = np.clip(np.rint((evidence.seen[:, 2] - profile.bottom) / profile.spacing).astype(int), 0, len(outer) - 1)
    beyond = (axis.radii(evidence.seen) - outer[rows]) / (TOLERANCE * evidence.diagonal)
    within = beyond < -1
    on_wall = evidence.seen[(np.abs(beyond) < 2) & ~violated, 2]
    hollow = _hollowed(profile, outer, float(np.percentile(on_wall, 99)) if len(on_wall) else -np.inf, evidence)
    is_foggy = within.any() and violated[within].mean() > FOGGY
    is_vessel = hollow is not None and bool(is_foggy)
    return RevolutionBody(
        hollow if is_vessel and hollow is not None else profile,
        violated & (beyond > 1),
        violated & (np.abs(beyond) <= 1),
        is_vessel,
    )


def outer_radii(profile: Profile) -> Float[np.ndarray, " z"]:
    """The outer radius per height; 0 where there is no body."""
    solid = profile.values < 0
    return np.where(solid.any(axis=0), (len(solid) - np.argmax(solid[::-1], axis=0) - 0.5) * profile.spacing, 0.0)


def _hollowed(
    profile: Profile, outer: Float[np.ndarray, " z"], top: float, evidence: SymmetryEvidence
) -> Profile | None:
    """The body opened down to its bottom, with a wall up to the seen height; None if it is not open."""
    solid, floor, band = profile.values < 0, evidence.volume.floor, evidence.volume.band
    if not outer.any():
        return None
    heights = profile.bottom + np.arange(solid.shape[1]) * profile.spacing
    rim_row = int(np.nonzero(outer)[0][-1])
    rim = float(heights[rim_row])
    middle = solid[: max(1, int(MIDDLE * np.median(outer[outer > 0]) / profile.spacing))]
    level = float(np.median([heights[column].max() if column.any() else floor for column in middle]))
    if rim - level < OPEN * (rim - floor):
        return None
    rows = (heights > level + 0.4 * (rim - level)) & (heights < rim - 2 * profile.spacing)
    thickness = solid[:, rows].sum(axis=0) * profile.spacing
    wall = float(np.clip(np.percentile(thickness, 25) if len(thickness) else 0.0, *np.array(WALL) * evidence.diagonal))
    radii = np.arange(len(solid)) * profile.spacing
    smooth = ndimage.median_filter(outer, 5)
    at_rim = float(np.median(outer[max(0, rim_row - RIM_ROWS) : rim_row + 1]))
    raised = np.maximum(radii[:, None] - at_rim, np.maximum(heights - top, rim - RIM_ROWS * profile.spacing - heights))
    reached = np.where(heights > rim - RIM_ROWS * profile.spacing, at_rim, smooth)
    opened = np.minimum(reached[None] - wall - radii[:, None], (heights - floor - wall)[None])
    values = np.maximum(np.minimum(profile.values, raised), opened)
    return replace(profile, values=np.clip(values, -band, band))


def find_plane(body: RevolutionBody, evidence: SymmetryEvidence, number: int = 72) -> Mirror:
    """The mirror plane through the axis that agrees best with the protruding points, a handle before a lip."""
    axis, parts = body.profile.axis, evidence.part(body.apart)
    protrusion = (
        np.maximum(axis.radii(parts.seen) - outer_radii(body.profile).max(), 0.0) + TOLERANCE * evidence.diagonal
    )
    tree = KDTree(parts.seen)
    planes = []
    for azimuth in (np.arange(number) * np.pi / number).tolist():
        plane = Mirror(azimuth, float(axis.x * np.cos(azimuth) + axis.y * np.sin(azimuth)))
        images = plane(parts.seen)
        distances, _ = tree.query(images)
        wrong = parts.violated([plane]) + ADDED_PRICE * (distances > PART_REACH * evidence.diagonal)
        planes.append((float(np.average(wrong, weights=protrusion)), azimuth, plane))
    return min(planes, key=lambda one: one[:2])[2]


def complete_body(body: RevolutionBody, plane: Mirror | None, evidence: SymmetryEvidence) -> Float[np.ndarray, "x y z"]:
    """Signed distances of the body joined with its protruding parts and their mirror images."""
    volume = evidence.volume
    points = volume.grid.points.astype(np.float64)
    field = body.profile.at(points, volume.band).reshape(volume.grid.shape)
    if plane is not None:
        mirrored = volume.at(evidence.solid, plane(points), volume.band).reshape(volume.grid.shape)
        apart = evidence.seen[body.apart]
        near = _distance_field(np.concatenate([apart, plane(apart)]), evidence) - PART_REACH * evidence.diagonal
        outside = outer_at(body.profile, points).reshape(volume.grid.shape)
        field = np.minimum(field, np.maximum.reduce([evidence.solid, mirrored, near, outside]))
    return np.maximum(field, volume.visual_hull)


def outer_at(profile: Profile, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
    """Distances from the points out to the body's outer wall, negative outside it: parts end where they meet it."""
    outer = outer_radii(profile)
    rows = np.clip(np.rint((points[:, 2] - profile.bottom) / profile.spacing).astype(int), 0, len(outer) - 1)
    return outer[rows] - 2 * profile.spacing - profile.axis.radii(points)


def within_outline(profile: Profile, evidence: SymmetryEvidence) -> Bool[np.ndarray, "x y z"]:
    """The grid points inside a body or closely around it; its ends are continued above and below at their width."""
    grid, outer = evidence.volume.grid, outer_radii(profile)
    (rows,) = np.nonzero(outer)
    outer = np.interp(np.arange(len(outer)), rows, outer[rows]) if len(rows) else outer
    heights = np.round((grid.points[:, 2] - profile.bottom) / profile.spacing).astype(int)
    within = profile.axis.radii(grid.points) < outer[heights] + APART * evidence.diagonal
    return within.reshape(grid.shape)


def _distance_field(points: Float[np.ndarray, "n 3"], evidence: SymmetryEvidence) -> Float[np.ndarray, "x y z"]:
    """Distances of the grid's points to the nearest of these."""
    grid = evidence.volume.grid
    places = np.clip(np.rint((points - grid.origin) / grid.spacing).astype(int), 0, np.array(grid.shape) - 1)
    empty = np.ones(grid.shape, bool)
    empty[tuple(places.T)] = False
    return np.asarray(ndimage.distance_transform_edt(empty)) * grid.spacing
