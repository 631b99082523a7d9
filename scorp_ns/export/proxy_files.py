"""The files of a proxy: its Gaussians, its mesh, and its description."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from scorp_ns.export.object_files import cannot_write
from scorp_ns.fields.surface_gaussians import mesh_of
from scorp_ns.formats.splat_ply import write_splats
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.json_files import write_json
from scorp_ns.products import Proxy
from scorp_ns.surfaces.mesh import ColoredMesh

FORMAT = 1
"""Version of proxy.json; it grows when a reader of the old one would go wrong."""

GAUSSIANS_FILE, MESH_FILE, FACTS_FILE = "proxy_gaussians.ply", "proxy_mesh.ply", "proxy.json"
"""The files of a proxy."""

CELLS = 128
"""Cells along a proxy's diagonal of the grid for marching cubes."""


def write_proxy(folder: Path, proxy: Proxy, capture_to_world: Similarity) -> None:
    """Write proxy_gaussians.ply, proxy_mesh.ply and proxy.json.

    They are in the capture's frame where the proxy has its place, else in its own, whose box has the diagonal 1.
    """
    pose = proxy.T_world_proxy
    T_file_proxy = Similarity.identity() if pose is None else capture_to_world.inverse() @ pose
    write_splats(transform_gaussians(proxy.gaussians, T_file_proxy), folder / GAUSSIANS_FILE)
    mesh = mesh_of(proxy.field, 1 / CELLS).moved(T_file_proxy)
    try:
        _write_mesh(folder / MESH_FILE, mesh)
        write_json(folder / FACTS_FILE, _findings(proxy, pose is not None, T_file_proxy))
    except OSError as error:
        raise cannot_write("proxy", folder, error) from error


def remove_proxy(folder: Path) -> None:
    """Remove an earlier run's files of a proxy that no longer exists."""
    try:
        for name in (GAUSSIANS_FILE, MESH_FILE, FACTS_FILE):
            (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise cannot_write("proxy", folder, error) from error


def write_reasons(folder: Path, reasons: Mapping[str, str]) -> None:
    """Write proxies.json: the reason for each object without a placed proxy."""
    try:
        write_json(folder / "proxies.json", {"format": FORMAT, "failed": dict(reasons)})
    except OSError as error:
        raise cannot_write("proxy", folder, error) from error


def _write_mesh(path: Path, mesh: ColoredMesh) -> None:
    import trimesh

    colors = np.round(255 * mesh.colors.clip(0, 1)).astype(np.uint8)
    with path.open("wb") as file:
        trimesh.Trimesh(mesh.vertices, mesh.faces, vertex_colors=colors, process=False).export(file, file_type="ply")


def _findings(proxy: Proxy, is_placed: bool, T_file_proxy: Similarity) -> dict[str, object]:
    return {
        "format": FORMAT,
        "name": proxy.name,
        "made_by": proxy.made_by,
        "license": proxy.license,
        "evidence": dict(proxy.evidence),
        "notes": list(proxy.notes),
        "frame": "capture" if is_placed else "proxy",
        "proxy_to_capture": T_file_proxy.matrix.tolist() if is_placed else None,
        "gaussians": len(proxy.gaussians),
    }
