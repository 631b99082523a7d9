"""A coloured surface made of triangles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Float32, Float64, Int64

from scorp_ns.gaussians.affine import Affine
from scorp_ns.gaussians.similarity import Similarity


@dataclass(frozen=True)
class ColoredMesh:
    """Triangles with colours at their corners."""

    vertices: Float32[np.ndarray, "v 3"]
    faces: Int64[np.ndarray, "f 3"]
    """Counter-clockwise as seen from outside."""
    colors: Float32[np.ndarray, "v 3"]
    """sRGB as pictures store it, in [0, 1]."""

    def __post_init__(self) -> None:
        assert self.vertices.shape == self.colors.shape
        assert np.isfinite(self.vertices).all() and np.isfinite(self.colors).all()
        assert len(self.faces) and self.faces.min() >= 0 and self.faces.max() < len(self.vertices)

    @property
    def bounds(self) -> tuple[Float32[np.ndarray, " 3"], Float32[np.ndarray, " 3"]]:
        """The lowest and the highest corner of the box around the surface."""
        used = self.vertices[self.faces].reshape(-1, 3)
        return used.min(axis=0), used.max(axis=0)

    @property
    def diagonal(self) -> float:
        """The length of that box's diagonal."""
        low, high = self.bounds
        return float(np.linalg.norm(high - low))

    @property
    def face_areas(self) -> Float64[np.ndarray, " f"]:
        """The area of every triangle."""
        return np.linalg.norm(self._crosses(), axis=1) / 2

    @property
    def face_normals(self) -> Float64[np.ndarray, "f 3"]:
        """Unit normals; zero for triangles without an area."""
        crosses = self._crosses()
        lengths = np.linalg.norm(crosses, axis=1, keepdims=True)
        return np.divide(crosses, lengths, out=np.zeros_like(crosses), where=lengths > 0)

    def _crosses(self) -> Float64[np.ndarray, "f 3"]:
        corners = self.vertices[self.faces].astype(np.float64)
        return np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])

    def moved(self, motion: Similarity | Affine) -> ColoredMesh:
        """The same surface in the target of a motion from its own frame; a mirrored one still faces outwards."""
        vertices = motion.apply(torch.from_numpy(self.vertices)).numpy()
        is_mirrored = isinstance(motion, Similarity) and motion.is_mirrored
        return replace(self, vertices=vertices, faces=self.faces[:, ::-1] if is_mirrored else self.faces)

    def sample(self, number: int, seed: int = 0) -> SurfaceSamples:
        """Points drawn evenly over the surface: the same ones for the same seed."""
        random, areas = np.random.default_rng(seed), self.face_areas
        chosen = random.choice(len(areas), number, p=areas / areas.sum())
        first, second = np.sqrt(random.random(number)), random.random(number)
        weights = np.stack([1 - first, first * (1 - second), first * second], axis=1).astype(np.float32)
        corners = self.faces[chosen]
        return SurfaceSamples(
            points=np.einsum("nk,nkd->nd", weights, self.vertices[corners]),
            normals=self.face_normals[chosen].astype(np.float32),
            colors=np.einsum("nk,nkd->nd", weights, self.colors[corners]),
        )


@dataclass(frozen=True)
class SurfaceSamples:
    """Points of a surface."""

    points: Float[np.ndarray, "n 3"]
    normals: Float[np.ndarray, "n 3"]
    """Of unit length, outwards."""
    colors: Float[np.ndarray, "n 3"]
    """sRGB as pictures store it, in [0, 1]."""

    def __post_init__(self) -> None:
        assert len(self.points) == len(self.normals) == len(self.colors)

    def __len__(self) -> int:
        return len(self.points)
