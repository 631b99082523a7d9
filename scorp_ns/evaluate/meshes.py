"""Triangle meshes from files, and points on their surfaces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float64, Int64

from scorp_ns.errors import ScorpError
from scorp_ns.gaussians.similarity import Similarity

Points = Float64[np.ndarray, "_ 3"]


@dataclass(frozen=True)
class Mesh:
    """A surface made of triangles."""

    vertices: Float64[np.ndarray, "v 3"]
    faces: Int64[np.ndarray, "f 3"]

    def __post_init__(self) -> None:
        assert np.isfinite(self.vertices).all()
        assert len(self.faces) and self.faces.min() >= 0 and self.faces.max() < len(self.vertices)

    @property
    def center(self) -> Float64[np.ndarray, " 3"]:
        """The centre of the box around the surface that is parallel to the axes."""
        low, high = self._bounds()
        return (low + high) / 2

    @property
    def diagonal(self) -> float:
        """The length of that box's diagonal."""
        low, high = self._bounds()
        return float(np.linalg.norm(high - low))

    def moved(self, similarity: Similarity) -> Mesh:
        """The same surface in the target of a similarity from its own frame."""
        return Mesh(similarity.apply(torch.from_numpy(self.vertices)).numpy(), self.faces)

    def sample(self, number: int, seed: int) -> Points:
        """Points drawn evenly over the surface: the same ones for the same seed."""
        corners = self.vertices[self.faces]
        edges = corners[:, 1:] - corners[:, :1]
        areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
        random = np.random.default_rng(seed)
        chosen = random.choice(len(areas), number, p=areas / areas.sum())
        steps = random.random((number, 2))
        is_beyond = steps.sum(axis=1) > 1
        steps[is_beyond] = 1 - steps[is_beyond]
        return corners[chosen, 0] + np.einsum("nk,nkd->nd", steps, edges[chosen])

    def _bounds(self) -> tuple[Float64[np.ndarray, " 3"], Float64[np.ndarray, " 3"]]:
        used = self.vertices[self.faces].reshape(-1, 3)
        return used.min(axis=0), used.max(axis=0)


def read_mesh(path: Path) -> Mesh:
    """The surface in a file that trimesh reads (.ply, .glb, .obj and others), its parts put where the file says."""
    loaded = _load(path)
    vertices = np.array(loaded.vertices, np.float64).reshape(-1, 3)
    faces = np.array(getattr(loaded, "faces", ()), np.int64).reshape(-1, 3)
    edges = np.diff(vertices[faces], axis=1)
    if not np.isfinite(vertices).all() or not np.cross(edges[:, 0], edges[:, 1]).any():
        raise ScorpError(
            f"{path} holds {len(vertices)} vertices and {len(faces)} triangles, which make up no surface.",
            "Geometry is measured on surfaces of triangles with finite coordinates and an area.",
            "Export the object as a triangle mesh, not as a point cloud.",
        )
    return Mesh(vertices, faces)


def _load(path: Path) -> Any:
    """The mesh as trimesh reads it."""
    import trimesh

    wrong = "does not exist"
    try:
        if path.is_file():
            return trimesh.load(path, force="mesh", process=False)
    except Exception as error:  # Each of trimesh's readers raises what its parser raises.
        wrong = f"cannot be read: {type(error).__name__}: {error}"
    raise ScorpError(
        f"The mesh {path} {wrong}.",
        "A mesh is a .ply, .glb or .obj file with triangles.",
        "Check the path, or export the mesh again.",
    )
