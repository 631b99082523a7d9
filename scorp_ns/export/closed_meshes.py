"""The surface of a proxy field as a closed mesh with a limited number of triangles."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from scorp_ns.export.proxy_files import CELLS
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.fields.surface_gaussians import mesh_of, on_surface
from scorp_ns.surfaces.components import has_matched_edges
from scorp_ns.surfaces.mesh import ColoredMesh

FEWEST_FACES = 100
"""With fewer triangles, hardly any object can be told from another."""

COARSER = 0.8
"""Factor by which a grid is made coarser until its surface has few enough triangles."""


def closed_mesh(field: ProxyField, target_faces: int) -> ColoredMesh:
    """The field's closed surface of at most `target_faces` triangles, with its vertices on the zero level set."""
    fine = mesh_of(field, 1 / CELLS)
    if len(fine.faces) <= target_faces:
        return fine
    decimated = _decimated(fine, target_faces)
    if decimated is not None:
        return _settled(field, decimated)
    cells = float(CELLS)
    while len(fine.faces) > target_faces:
        cells *= COARSER
        fine = mesh_of(field, 1 / cells)
    return fine


def _decimated(mesh: ColoredMesh, target_faces: int) -> ColoredMesh | None:
    """The mesh after quadric edge collapse (Garland and Heckbert 1997); None if that tears it open or pinches it."""
    import open3d

    surface = open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(mesh.vertices.astype(np.float64)),
        open3d.utility.Vector3iVector(mesh.faces.astype(np.int32)),
    ).simplify_quadric_decimation(target_faces)
    surface.remove_unreferenced_vertices()
    vertices, faces = np.asarray(surface.vertices, np.float32), np.asarray(surface.triangles, np.int64)
    is_sound = len(faces) and surface.is_edge_manifold(allow_boundary_edges=False) and has_matched_edges(faces)
    return ColoredMesh(vertices, faces, np.zeros_like(vertices)) if is_sound else None


def _settled(field: ProxyField, mesh: ColoredMesh) -> ColoredMesh:
    """The mesh with its vertices moved to the zero level set, except for large moves, and with its colours."""
    start = torch.from_numpy(mesh.vertices).to(field.low)
    points, _ = on_surface(field, start)
    is_near = (points - start).norm(dim=1, keepdim=True) < 1 / CELLS
    points = torch.where(is_near, points, start)
    with torch.no_grad():
        colors = field.color(points)
    return replace(mesh, vertices=points.cpu().numpy(), colors=colors.cpu().numpy())
