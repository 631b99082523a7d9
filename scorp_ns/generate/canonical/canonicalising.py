"""Assets as closed surfaces of unit size, repaired only where needed."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64

from scorp_ns.errors import GenerationError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.canonical.floaters import is_of_the_body
from scorp_ns.generate.canonical.mending import mend
from scorp_ns.generate.canonical.orienting import face_outwards
from scorp_ns.generate.canonical.solidifying import solidify
from scorp_ns.generate.canonical.splat_surface import surface_of
from scorp_ns.generate.canonical.working_mesh import CanonicalShape, WorkingMesh
from scorp_ns.messages import counted
from scorp_ns.products import ProxyAsset
from scorp_ns.surfaces.components import has_matched_edges
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.winding import unsound_share

MOST_UNSOUND = 0.01
"""Largest share of the enclosed volume with a winding number other than 1."""

NUM_SAMPLES = 60_000
"""Sample points by which pieces of a surface are told apart."""

SMALLEST_AREA = 1e-18
"""Triangles with less of an area, on a surface about 1 across, are lines or points."""


def canonicalise(asset: ProxyAsset, name: str) -> CanonicalShape:
    """The asset as a closed surface of unit size; a GenerationError, which names the object, if it is empty."""
    notes: list[str] = []
    mesh = asset.shape
    if isinstance(mesh, Gaussians):
        mesh = surface_of(mesh, name, notes)
    if not mesh.diagonal > 0:
        raise _empty(name, "has no triangle with an area")
    unit = _to_unit(mesh.vertices[mesh.faces].reshape(-1, 3).astype(np.float64), _upright(asset.up))
    vertices = unit.apply(torch.from_numpy(mesh.vertices.astype(np.float64))).numpy()
    working = _without_degenerate(WorkingMesh(vertices, mesh.faces, mesh.colors), name)
    body = _repaired(_without_floaters(working, notes), name, notes)
    last = _to_unit(body.vertices, np.eye(3))
    final = ColoredMesh(
        last.apply(torch.from_numpy(body.vertices)).numpy().astype(np.float32), body.faces, body.colors.clip(0, 1)
    )
    return CanonicalShape(final, (last @ unit).inverse(), tuple(notes))


def _repaired(mesh: WorkingMesh, name: str, notes: list[str]) -> WorkingMesh:
    """The mesh oriented outwards and with small holes filled, if that closes it; otherwise a closed one around it."""
    if _is_body(mesh):
        return mesh
    outward, was_turned = face_outwards(mesh)
    if was_turned:
        notes.append("Triangles that faced inwards were turned.")
    mended = mend(outward)
    if _is_body(mended):
        if mended is not outward:
            notes.append("Small holes were closed.")
        return mended
    closed = solidify(outward)
    if closed is None:
        raise _empty(name, "encloses nothing that could be made solid")
    notes.append("It was open, or crossed itself, and was closed on a grid.")
    return _without_floaters(closed, [])


def _is_body(mesh: WorkingMesh) -> bool:
    """True if the mesh is closed with the generalized winding number 1 inside (Jacobson et al. 2013)."""
    return has_matched_edges(mesh.corners) and unsound_share(mesh.single, mesh.faces) <= MOST_UNSOUND


def _without_degenerate(mesh: WorkingMesh, name: str) -> WorkingMesh:
    """The mesh without triangles that have no area."""
    is_kept = mesh.areas > SMALLEST_AREA
    if not is_kept.any():
        raise _empty(name, "has no triangle with an area")
    return mesh.where(is_kept)


def _without_floaters(mesh: WorkingMesh, notes: list[str]) -> WorkingMesh:
    """The mesh without small pieces that are apart from the rest."""
    points, _ = mesh.sample(NUM_SAMPLES)
    places = np.concatenate([points, mesh.vertices])
    # Vertices have no weight, but every triangle, however small, has some.
    weights = np.concatenate([np.full(len(points), mesh.areas.sum() / len(points)), np.zeros(len(mesh.vertices))])
    is_body = is_of_the_body(places, weights)[len(points) :]
    is_kept = is_body[mesh.faces].all(axis=1)
    if is_kept.all() or not is_kept.any():
        return mesh
    notes.append(f"{counted(int((~is_kept).sum()), 'triangle')} of small pieces apart from the rest were removed.")
    return mesh.where(is_kept)


def _to_unit(points: Float64[np.ndarray, "n 3"], rotation: Float64[np.ndarray, "3 3"]) -> Similarity:
    """The similarity that rotates points, then centres their box at the origin with a diagonal of 1."""
    turned = points @ rotation.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = 1 / float(np.linalg.norm(high - low))
    return Similarity(torch.from_numpy(rotation), torch.from_numpy(-scale * (low + high) / 2), scale)


def _upright(up: tuple[float, float, float] | None) -> Float64[np.ndarray, "3 3"]:
    """The smallest rotation that brings a direction to z; none without a direction."""
    length = 0.0 if up is None else float(np.linalg.norm(up))
    if up is None or not 0 < length < np.inf:
        return np.eye(3)
    x, y, z = np.array(up, np.float64) / length
    if z < -1 + 1e-9:
        return np.diag([1.0, -1.0, -1.0])
    # Rodrigues' formula for the axis up x z.
    cross = np.array([[0, 0, -x], [0, 0, -y], [x, y, 0]])
    rotation = np.eye(3) + cross + cross @ cross / (1 + z)
    left, _, right = np.linalg.svd(rotation)
    return left @ right


def _empty(name: str, found: str) -> GenerationError:
    return GenerationError(
        f"The asset of '{name}' {found}.", "A surface with a body is needed.", "Generate it again, or take another."
    )
