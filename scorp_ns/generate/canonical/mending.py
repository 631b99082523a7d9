"""Local repair of an almost closed surface: scraps removed and small holes filled, and nothing else changed."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from jaxtyping import Int64

from scorp_ns.generate.canonical.working_mesh import WorkingMesh
from scorp_ns.surfaces.components import has_matched_edges, orient_patches, unmatched_edges

SCRAP_AREA = 1e-4
"""Open patches with a smaller share of the whole area may be left out."""

LONGEST_RIM = 0.1
"""Holes with a shorter rim, in diagonals, are closed by a fan of triangles."""

MOST_RIM_EDGES = 20_000
"""A surface with more open edges has other faults than small holes."""


def mend(mesh: WorkingMesh) -> WorkingMesh:
    """The surface closed by removing scraps and filling small holes; itself if that is not enough."""
    if has_matched_edges(mesh.corners):
        return mesh
    without = _without_scraps(mesh)
    if has_matched_edges(without.corners):
        return without
    filled = _with_filled_holes(without)
    return mesh if filled is None else filled


def _without_scraps(mesh: WorkingMesh) -> WorkingMesh:
    """The surface without open patches of negligible area."""
    _, patches = orient_patches(mesh.corners)
    areas = np.bincount(patches, mesh.areas)
    is_open = np.bincount(patches, unmatched_edges(mesh.corners).any(axis=1), minlength=len(areas)) > 0
    is_scrap = is_open & (areas < SCRAP_AREA * areas.sum())
    return mesh.where(~is_scrap[patches]) if is_scrap.any() and not is_scrap.all() else mesh


def _with_filled_holes(mesh: WorkingMesh) -> WorkingMesh | None:
    """The surface with a triangle fan in every hole; None if a hole is large, or rims do not close."""
    surplus = unmatched_edges(mesh.corners)
    faces, edges = np.nonzero(surplus > 0)
    if len(faces) > MOST_RIM_EDGES:
        return None
    starts, ends = mesh.faces[faces, edges], mesh.faces[faces, (edges + 1) % 3]
    rims = _rims(mesh.corners[faces, edges], mesh.corners[faces, (edges + 1) % 3])
    if rims is None:
        return None
    vertices, colors, fans = [mesh.vertices], [mesh.colors], [mesh.faces]
    for number, rim in enumerate(rims):
        first, second = starts[rim], ends[rim]
        if np.linalg.norm(mesh.vertices[first] - mesh.vertices[second], axis=1).sum() > LONGEST_RIM:
            return None
        middle = np.full(len(rim), len(mesh.vertices) + number)
        vertices.append(mesh.vertices[first].mean(axis=0, keepdims=True))
        colors.append(mesh.colors[first].mean(axis=0, keepdims=True))
        fans.append(np.stack([second, first, middle], axis=1))
    filled = WorkingMesh(np.concatenate(vertices), np.concatenate(fans), np.concatenate(colors))
    return filled if has_matched_edges(filled.corners) else None


def _rims(starts: Int64[np.ndarray, " n"], ends: Int64[np.ndarray, " n"]) -> list[Int64[np.ndarray, " m"]] | None:
    """The open edges as simple closed loops; None if they do not close."""
    leaving: dict[int, list[int]] = defaultdict(list)
    for edge, start in enumerate(starts.tolist()):
        leaving[start].append(edge)
    rims: list[Int64[np.ndarray, " m"]] = []
    for start in list(leaving):
        while leaving[start]:
            path, place = [], start
            passed = {start: 0}
            while leaving.get(place):
                edge = leaving[place].pop()
                path.append(edge)
                place = int(ends[edge])
                if place in passed:
                    rims.append(np.array(path[passed[place] :]))
                    del path[passed[place] :]
                    passed = {known: at for known, at in passed.items() if at <= len(path)}
                else:
                    passed[place] = len(path)
            if path:
                return None
    return rims
