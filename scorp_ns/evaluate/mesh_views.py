"""Views of true surfaces: depth and silhouettes, by casting a ray through the centre of every pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from scorp_ns.cameras import Camera
from scorp_ns.evaluate.meshes import Mesh


@dataclass(frozen=True)
class MeshView:
    """The surface that each pixel's centre shows, and its depth."""

    depth: Float32[Tensor, "h w"]
    """Distance along the camera's axis, in the capture's units; infinite where no surface is."""
    surface: Int64[Tensor, "h w"]
    """The place of the nearest mesh in the sequence it came in; -1 where none is."""

    @property
    def silhouette(self) -> Bool[Tensor, "h w"]:
        """The mask of pixels that show any surface."""
        return self.surface >= 0


class MeshCaster:
    """Views of meshes that hide each other; of one mesh alone, whole silhouettes."""

    def __init__(self, meshes: Sequence[Mesh]) -> None:
        import open3d

        self._scene = open3d.t.geometry.RaycastingScene()
        for mesh in meshes:
            vertices, faces = mesh.vertices.astype(np.float32), mesh.faces.astype(np.uint32)
            self._scene.add_triangles(open3d.core.Tensor(vertices), open3d.core.Tensor(faces))

    def view(self, camera: Camera) -> MeshView:
        """The view of a camera in the meshes' frame."""
        hits = self._scene.cast_rays(_rays(camera))
        depth = torch.from_numpy(hits["t_hit"].numpy())
        surface = torch.from_numpy(hits["geometry_ids"].numpy().astype(np.int64))
        return MeshView(depth, surface.where(depth.isfinite(), torch.tensor(-1)))


def _rays(camera: Camera) -> Any:
    """Origins and directions, which are 1 long along the camera's axis: so the length of a ray is a depth."""
    import open3d

    exact, pose = camera.exact(), camera.pose
    directions = exact.local_directions(*exact.pixel_centers()) @ pose[:3, :3].T
    origins = pose[:3, 3].expand_as(directions)
    return open3d.core.Tensor(torch.cat([origins, directions], dim=-1).float().numpy())
