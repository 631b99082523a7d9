"""Errors of proxies' poses, where the true ones are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from scorp_ns.evaluate.meshes import Mesh, read_mesh
from scorp_ns.evaluate.pose import pose_errors
from scorp_ns.evaluate.truth import read_true_pose, truth_file
from scorp_ns.export.proxy_files import CELLS
from scorp_ns.fields.surface_gaussians import mesh_of
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.assets import find_asset
from scorp_ns.products import Proxy


def errors_of_pose(proxy: Proxy, assets: Path, mesh: Path | None, capture_to_world: Similarity) -> dict[str, float]:
    """Errors of the proxy's place; none where it has no place, or no truth lies beside its asset.

    `mesh` is the object's true surface, in the capture frame. Without one, the proxy in its true place tells
    where the object is and how large.
    """
    path = truth_file(find_asset(assets, proxy.name))
    if proxy.T_world_proxy is None or not path.is_file():
        return {}
    true = read_true_pose(path)
    surface = _truly_placed(proxy, true.T_capture_proxy) if mesh is None else read_mesh(mesh)
    estimated = capture_to_world.inverse() @ proxy.T_world_proxy @ proxy.T_asset_proxy.inverse()
    errors = pose_errors(estimated, true.T_capture_proxy, surface.center, surface.diagonal, true.symmetries)
    return errors.as_dict()


def _truly_placed(proxy: Proxy, T_capture_asset: Similarity) -> Mesh:
    """The proxy's surface where it truly belongs."""
    surface = mesh_of(proxy.field, 1 / CELLS).moved(T_capture_asset @ proxy.T_asset_proxy)
    return Mesh(surface.vertices.astype(np.float64), surface.faces.astype(np.int64))
