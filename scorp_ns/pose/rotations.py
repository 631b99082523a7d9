"""Rotations to start from: evenly over all of them, and upright ones on the faces that a proxy can rest on."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float64
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.transform import Rotation

SUPER_FIBONACCI = (math.sqrt(2), 1.533751168755204288118041)
"""The two irrational steps of Alexa's super-Fibonacci spirals (CVPR 2022)."""

SAME_FACE = math.cos(math.radians(12))
"""Facets whose normals differ by less are one resting face: generated bottoms are not quite flat."""


def even_rotations(number: int) -> Float64[np.ndarray, "n 3 3"]:
    """Rotations spread evenly over all of them (super-Fibonacci spirals)."""
    phi, psi = SUPER_FIBONACCI
    steps = np.arange(number) + 0.5
    near, far = np.sqrt(steps / number), np.sqrt(1 - steps / number)
    first, second = 2 * math.pi * steps / phi, 2 * math.pi * steps / psi
    xyzw = [near * np.sin(first), near * np.cos(first), far * np.sin(second), far * np.cos(second)]
    return Rotation.from_quat(np.stack(xyzw, axis=1)).as_matrix()


def even_directions(number: int) -> Float64[np.ndarray, "n 3"]:
    """Directions spread evenly over the sphere (Fibonacci spiral)."""
    steps = np.arange(number) + 0.5
    z, turns = 1 - 2 * steps / number, steps * math.pi * (3 - math.sqrt(5))
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turns), flat * np.sin(turns), z], axis=1)


def upright_rotations(
    bottoms: Float64[np.ndarray, "k 3"], up: Float64[np.ndarray, " 3"], num_azimuths: int
) -> Float64[np.ndarray, "n 3 3"]:
    """Rotations that turn each bottom's outward normal down, at even turns about `up`."""
    turns = Rotation.from_rotvec(np.outer(np.arange(num_azimuths) * 2 * math.pi / num_azimuths, up)).as_matrix()
    uprights = [turns @ _turn_between(bottom, -up) for bottom in bottoms]
    return np.concatenate(uprights) if uprights else np.empty((0, 3, 3))


def resting_faces(vertices: Float64[np.ndarray, "n 3"], number: int) -> Float64[np.ndarray, "k 3"]:
    """Outward normals of the largest faces of the convex hull, largest first; none for points in a plane."""
    try:
        hull = ConvexHull(vertices)
    except QhullError:
        return np.empty((0, 3))
    corners = hull.points[hull.simplices]
    areas = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    normals, faces = hull.equations[:, :3], []
    for _ in range(number):
        if areas.max() <= 0:
            break
        together = normals @ normals.T[:, _largest(normals, areas)] > SAME_FACE
        face = (normals[together] * areas[together, None]).sum(axis=0)
        faces.append(face / np.linalg.norm(face))
        areas = np.where(together, 0.0, areas)
    return np.array(faces).reshape(-1, 3)


def _largest(normals: Float64[np.ndarray, "n 3"], areas: Float64[np.ndarray, " n"]) -> int:
    """The facet around which there is most area of about the same normal, among the largest ones."""
    candidates = np.argsort(-areas, kind="stable")[:200]
    gathered = (normals[candidates] @ normals.T > SAME_FACE) @ areas
    return int(candidates[gathered.argmax()])


def _turn_between(start: Float64[np.ndarray, " 3"], end: Float64[np.ndarray, " 3"]) -> Float64[np.ndarray, "3 3"]:
    """A rotation that turns one unit direction into another."""
    axis, cosine = np.cross(start, end), float(start @ end)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        other = np.eye(3)[int(np.abs(start).argmin())]
        axis, sine = np.cross(start, other), 0.0
    angle = math.atan2(sine, cosine)
    return Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle).as_matrix()
