"""The object in a file, whatever its format."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scorp_ns.errors import GenerationError
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.surfaces.mesh import ColoredMesh


def read_asset(path: Path, name: str) -> ColoredMesh | Gaussians:
    """The shape in a .glb, .gltf, .obj or .ply file, for the object with this name; a GenerationError if there is none.

    Textures and materials become colours at the corners of triangles.
    """
    import trimesh

    try:
        mesh = trimesh.load_mesh(path, process=False)
        colors = np.asarray(mesh.visual.to_color().vertex_colors)[:, :3] / 255
    # Readers of foreign files may raise anything.
    except Exception as error:
        raise GenerationError(
            f"The asset of '{name}', {path}, cannot be read: {error}.",
            "A .glb, .gltf, .obj or .ply file with triangles is needed.",
            "Export it again.",
        ) from error
    return ColoredMesh(mesh.vertices.astype(np.float32), mesh.faces.astype(np.int64), colors.astype(np.float32))
