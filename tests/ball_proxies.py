"""Proxies of balls, made in a moment."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from functools import cache

import numpy as np
import torch

from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.distillation import distill
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import Proxy
from scorp_ns.surfaces.marching import Grid, extract_surface
from scorp_ns.surfaces.mesh import ColoredMesh

BALL_RADIUS = 0.5 / 3**0.5
"""Of the ball whose box has the diagonal 1."""

COARSE = FieldConfig(
    base_spacing=1 / 20,
    distance_resolutions=(32,),
    color_resolutions=(8, 16),
    log2_table_size=10,
    num_samples=2000,
    fit_steps=2,
)


def ball_mesh(radius: float = BALL_RADIUS, spacing: float = 0.02) -> ColoredMesh:
    """A ball at the origin whose colour tells the direction."""
    corner = np.full(3, radius)
    grid = Grid.around(-corner, corner, spacing, 2)
    values = np.linalg.norm(grid.points, axis=1).reshape(grid.shape) - radius
    vertices, faces = extract_surface(values, grid)
    return ColoredMesh(vertices, faces, np.clip(0.5 + 0.5 * vertices / radius, 0, 1).astype(np.float32))


def ball_proxy(name: str = "ball", T_world_proxy: Similarity | None = None) -> Proxy:
    """The proxy of a ball, with a field of its own."""
    proxy = _ball_proxy(name, T_world_proxy)
    return replace(proxy, field=deepcopy(proxy.field))


@cache
def _ball_proxy(name: str, T_world_proxy: Similarity | None) -> Proxy:
    mesh = ball_mesh()
    samples = mesh.sample(200)
    points = torch.from_numpy(samples.points)
    gaussians = Gaussians(
        means=points,
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(200, 1),
        scales=torch.full((200, 3), 0.02),
        opacities=torch.full((200,), 0.9),
        harmonics=torch.zeros(200, 1, 3),
    )
    return Proxy(
        name=name,
        field=distill(mesh, COARSE),
        gaussians=gaussians,
        T_world_proxy=T_world_proxy,
        T_asset_proxy=Similarity.identity(),
        made_by="a test",
        evidence={"seen share": 0.5, "kind": "ball"},
        notes=("It was closed.",),
        license="CC0",
    )
