"""A mesh under repair: in double precision, about one across."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.remeshing import places_of

SAME_PLACE = 1e-6
"""Vertices at the same place but for rounding are one, for a surface about 1 across."""


@dataclass(frozen=True)
class WorkingMesh:
    """Triangles with colours at their corners."""

    vertices: Float64[np.ndarray, "v 3"]
    faces: Int64[np.ndarray, "f 3"]
    colors: Float32[np.ndarray, "v 3"]

    @cached_property
    def corners(self) -> Int64[np.ndarray, "f 3"]:
        """The triangles with vertices at one place merged, also where colours or textures part them."""
        return places_of(self.vertices, SAME_PLACE)[self.faces]

    @cached_property
    def single(self) -> Float32[np.ndarray, "v 3"]:
        """The vertices in single precision."""
        return self.vertices.astype(np.float32)

    @property
    def crosses(self) -> Float64[np.ndarray, "f 3"]:
        """Normals with the length of twice the triangles' areas."""
        first, second, third = (self.vertices[self.faces[:, corner]] for corner in range(3))
        return np.cross(second - first, third - first)

    @property
    def areas(self) -> Float64[np.ndarray, " f"]:
        """The areas of the triangles."""
        return np.linalg.norm(self.crosses, axis=1) / 2

    def sample(self, number: int) -> tuple[Float64[np.ndarray, "n 3"], Int64[np.ndarray, " n"]]:
        """Points drawn evenly over the surface, and the triangles they are in."""
        random, areas = np.random.default_rng(0), self.areas
        chosen = random.choice(len(areas), number, p=areas / areas.sum())
        weights = random.dirichlet((1, 1, 1), number)
        return np.einsum("nk,nkd->nd", weights, self.vertices[self.faces[chosen]]), chosen

    def where(self, is_kept: Bool[np.ndarray, " f"]) -> WorkingMesh:
        """The surface without the other triangles, and without the vertices that only they have."""
        used, faces = np.unique(self.faces[is_kept], return_inverse=True)
        return WorkingMesh(self.vertices[used], faces.reshape(-1, 3).astype(np.int64), self.colors[used])

    def turned(self, is_turned: Bool[np.ndarray, " f"]) -> WorkingMesh:
        """The surface with some triangles facing the other way."""
        return replace(self, faces=np.where(is_turned[:, None], self.faces[:, ::-1], self.faces))

    def colored(self) -> ColoredMesh:
        """The mesh in single precision."""
        return ColoredMesh(self.single, self.faces, self.colors.clip(0, 1))


@dataclass(frozen=True)
class CanonicalShape:
    """A closed surface that faces outwards, with the box around it centred at the origin and its diagonal 1."""

    mesh: ColoredMesh
    """In the proxy frame, with up along z where the asset says what is up."""
    T_asset_proxy: Similarity
    """From the proxy frame to the asset's own."""
    notes: tuple[str, ...]
    """The repairs, in sentences."""
