"""What cameras see of true surfaces: depth and silhouettes, by casting a ray through the centre of every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64
from torch import Tensor

from scorp_ns.evaluate.meshes import Mesh


@dataclass(frozen=True)
class MeshView:
    """Which surface each pixel's centre shows, and how far away it is."""

    depth: Float32[Tensor, "h w"]
    """Distance along the camera's axis, in the capture's units; infinite where no surface is."""
    surface: Int64[Tensor, "h w"]
    """The place of the nearest mesh in the sequence it came in; -1 where none is."""

    @property
    def silhouette(self) -> Bool[Tensor, "h w"]:
        """Where any surface is."""
        return self.surface >= 0


class MeshCaster:
    """Views of meshes that hide each other; of one mesh alone, whole silhouettes."""

    def __init__(self, meshes: Sequence[Mesh]) -> None:
        import open3d

        self._scene = open3d.t.geometry.RaycastingScene()
        for mesh in meshes:
            vertices, faces = mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32)
            self._scene.add_triangles(open3d.core.Tensor(vertices), open3d.core.Tensor(faces))

    def view(self, viewmat: Float[Tensor, "4 4"], K: Float[Tensor, "3 3"], width: int, height: int) -> MeshView:
        """What an OpenCV camera sees: `viewmat` maps the meshes' frame to the camera's."""
        hits = self._scene.cast_rays(_rays(viewmat, K, width, height))
        depth = torch.from_numpy(hits["t_hit"].numpy())
        surface = torch.from_numpy(hits["geometry_ids"].numpy().astype(np.int64))
        return MeshView(depth, surface.where(depth.isfinite(), torch.tensor(-1)))


def _rays(viewmat: Float[Tensor, "4 4"], K: Float[Tensor, "3 3"], width: int, height: int) -> Any:
    """Origins and directions, which are 1 long along the camera's axis: so the length of a ray is a depth."""
    import open3d

    T_mesh_camera = torch.linalg.inv(viewmat.double())
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    pixels = torch.stack([columns + 0.5, rows + 0.5, torch.ones(height, width)], dim=-1).double()
    directions = pixels @ torch.linalg.inv(K.double()).T @ T_mesh_camera[:3, :3].T
    origins = T_mesh_camera[:3, 3].expand_as(directions)
    return open3d.core.Tensor(torch.cat([origins, directions], dim=-1).float().numpy())
