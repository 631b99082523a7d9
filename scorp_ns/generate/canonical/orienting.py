"""Consistent outward orientation of triangles."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from scorp_ns.generate.canonical.working_mesh import WorkingMesh
from scorp_ns.surfaces.components import orient_patches, unmatched_edges

NUM_LOOKS = 20_000
"""Points of the surface from which rays are cast to both sides."""

LIFT = 1e-4
"""Distance of the rays' origins from the surface, for a surface about 1 across."""


def face_outwards(mesh: WorkingMesh) -> tuple[WorkingMesh, bool]:
    """The surface with each patch facing the side from which more rays escape, and True if any was turned.

    Patches from which none escape, such as the walls of cavities, face as their whole surface does.
    """
    is_turned, patches = orient_patches(mesh.corners)
    turned = mesh.turned(is_turned)
    inward = _inward_looks(turned, patches)
    if inward[patches].sum() == 0 and not is_turned.any():
        return mesh, False
    flipped = turned.turned(inward[patches])
    return flipped, bool((flipped.faces != mesh.faces).any())


def _inward_looks(mesh: WorkingMesh, patches: Int64[np.ndarray, " f"]) -> Bool[np.ndarray, " p"]:
    """A mask of the patches from whose back more rays escape."""
    points, faces = mesh.sample(NUM_LOOKS)
    firsts = np.unique(patches, return_index=True)[1]
    # At least one point for every small patch.
    points = np.concatenate([points, mesh.vertices[mesh.faces[firsts]].mean(axis=1)])
    faces = np.concatenate([faces, firsts])
    normals = _units(mesh.crosses[faces])
    directions = _units(np.random.default_rng(0).normal(size=points.shape) + 1.5 * normals)
    directions *= np.sign(np.einsum("nd,nd->n", directions, normals))[:, None]
    gains = np.zeros(len(points))
    for side in (1, -1):
        escapes = _escapes(mesh, points + side * LIFT * normals, side * directions)
        gains += side * escapes
    number = int(patches.max()) + 1
    balance = np.bincount(patches[faces], gains, minlength=number)
    volumes = np.einsum("nd,nd->n", mesh.vertices[mesh.faces].mean(axis=1), mesh.crosses)
    is_open = np.bincount(patches, unmatched_edges(mesh.corners).any(axis=1), minlength=number) > 0
    looks_inwards = (balance < 0) & (is_open | (np.bincount(patches, volumes, minlength=number) < 0))
    # A cavity of a body that is inside out is inside out as well.
    return looks_inwards | ((balance == 0) & looks_inwards.any() & (volumes.sum() < 0))


def _escapes(
    mesh: WorkingMesh, origins: Float64[np.ndarray, "n 3"], directions: Float64[np.ndarray, "n 3"]
) -> Float32[np.ndarray, " n"]:
    """1 for rays that hit nothing, 0 for the others."""
    import open3d

    tensor = open3d.core.Tensor
    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(tensor(mesh.single), tensor(mesh.faces.astype(np.uint32)))
    rays = np.concatenate([origins, directions], axis=1).astype(np.float32)
    return (~scene.test_occlusions(tensor(rays)).numpy()).astype(np.float32)


def _units(vectors: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30)
