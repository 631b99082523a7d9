"""A closed surface with a texture, as mesh files hold it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt8

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.surfaces.mesh import ColoredMesh


@dataclass(frozen=True)
class TexturedMesh:
    """A coloured surface, and the same triangles cut open along the seams of a texture."""

    name: str
    surface: ColoredMesh
    corners: Int64[np.ndarray, " w"]
    """The surface's vertex behind each corner of the texture."""
    faces: Int64[np.ndarray, "f 3"]
    """The surface's triangles, in corners."""
    uvs: Float32[np.ndarray, "w 2"]
    """Texture coordinates of corners: from the left and from the bottom, 0 to 1."""
    normals: Float32[np.ndarray, "v 3"]
    """Unit normals of the surface's vertices, outwards."""
    texture: UInt8[np.ndarray, "s s 3"]
    """sRGB as pictures store it; the top row first."""

    def __post_init__(self) -> None:
        assert self.surface.faces.shape == self.faces.shape and len(self.corners) == len(self.uvs)
        assert self.normals.shape == self.surface.vertices.shape

    @property
    def corner_points(self) -> Float32[np.ndarray, "w 3"]:
        """Positions of corners in space."""
        return self.surface.vertices[self.corners]

    @property
    def corner_normals(self) -> Float32[np.ndarray, "w 3"]:
        """Normals at the corners, the same on both sides of a seam."""
        return self.normals[self.corners]

    def moved(self, motion: Similarity) -> TexturedMesh:
        """The same surface in the target of a motion from its own frame, which must not be mirrored."""
        assert not motion.is_mirrored
        normals = (torch.from_numpy(self.normals).double() @ motion.rotation.T).float().numpy()
        return replace(self, surface=self.surface.moved(motion), normals=normals)
