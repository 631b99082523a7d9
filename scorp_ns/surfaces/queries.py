"""Queries of a surface: nearest points, the inside, and intersections of rays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64

from scorp_ns.surfaces.mesh import ColoredMesh


@dataclass(frozen=True)
class Nearest:
    """The points of a surface that are nearest to others."""

    distances: Float32[np.ndarray, " n"]
    points: Float32[np.ndarray, "n 3"]
    normals: Float32[np.ndarray, "n 3"]
    """Of the triangles that the points lie in."""
    colors: Float32[np.ndarray, "n 3"]


@dataclass(frozen=True)
class Hits:
    """First intersections of rays."""

    distances: Float32[np.ndarray, " n"]
    """In lengths of the ray's direction; infinite where nothing is met."""
    normals: Float32[np.ndarray, "n 3"]
    colors: Float32[np.ndarray, "n 3"]


class SurfaceQueries:
    """Answers about one surface, from a tree of its triangles that is built once."""

    def __init__(self, mesh: ColoredMesh) -> None:
        import open3d

        self.mesh = mesh
        self._tensor = open3d.core.Tensor
        self._normals = mesh.face_normals.astype(np.float32)
        self._scene = open3d.t.geometry.RaycastingScene()
        self._scene.add_triangles(
            self._tensor(np.ascontiguousarray(mesh.vertices)), self._tensor(mesh.faces.astype(np.uint32))
        )

    def nearest(self, points: Float32[np.ndarray, "n 3"]) -> Nearest:
        """The nearest point of the surface to each of these."""
        found = self._scene.compute_closest_points(self._tensor(np.ascontiguousarray(points)))
        nearest, faces = found["points"].numpy(), found["primitive_ids"].numpy().astype(np.int64)
        return Nearest(
            distances=np.linalg.norm(nearest - points, axis=1),
            points=nearest,
            normals=self._normals[faces],
            colors=self._colors(faces, found["primitive_uvs"].numpy()),
        )

    def is_inside(self, points: Float32[np.ndarray, "n 3"]) -> Bool[np.ndarray, " n"]:
        """The mask of points inside a closed surface: most of three rays cross it an odd number of times."""
        occupancy = self._scene.compute_occupancy(self._tensor(np.ascontiguousarray(points)), nsamples=3)
        return occupancy.numpy() > 0

    def signed_distances(self, points: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, " n"]:
        """Signed distances of points from a closed surface; negative inside."""
        distances = self._scene.compute_distance(self._tensor(np.ascontiguousarray(points))).numpy()
        return np.where(self.is_inside(points), -distances, distances)

    def cast(self, origins: Float32[np.ndarray, "n 3"], directions: Float32[np.ndarray, "n 3"]) -> Hits:
        """First intersections of rays, from either side."""
        rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
        found = self._scene.cast_rays(self._tensor(rays))
        distances = found["t_hit"].numpy()
        is_hit = np.isfinite(distances)
        faces = np.where(is_hit, found["primitive_ids"].numpy(), 0).astype(np.int64)
        normals, colors = self._normals[faces], self._colors(faces, found["primitive_uvs"].numpy())
        return Hits(distances, normals * is_hit[:, None], colors * is_hit[:, None])

    def _colors(self, faces: Int64[np.ndarray, " n"], uvs: Float32[np.ndarray, "n 2"]) -> Any:
        """Colours at places of triangles: `uvs` weigh the second and the third corner."""
        weights = np.concatenate([1 - uvs.sum(axis=1, keepdims=True), uvs], axis=1)
        return np.einsum("nk,nkd->nd", weights, self.mesh.colors[self.mesh.faces[faces]])
