"""Gaussians on a proxy field's surface, and the surface as a mesh."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Float32
from torch import Tensor

from scorp_ns.errors import GenerationError
from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.gaussians.seeding import SH_C0
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.surfaces.marching import Grid, extract_surface
from scorp_ns.surfaces.mesh import ColoredMesh

CHUNK = 1 << 19
"""Points a field is asked about at once, which bounds memory."""

SURFACE_SPACING = 1 / 192
"""Spacing of the mesh that Gaussians are spread over, before each goes to where the distance is zero."""

NUM_STEPS = 2
"""Newton steps from that mesh to the surface."""

CANDIDATES = 3
"""Random points per Gaussian, of which those too close to others are left out."""

OPPOSITE = 1e-6
"""A quaternion shorter than this stands for half a turn, whose axis is any at right angles to z."""

NUM_DEPTHS = 8
"""Places along the inward normal where a wall's middle is looked for."""


def surface_gaussians(field: ProxyField, config: FieldConfig, seed: int = 0) -> Gaussians:
    """Flat Gaussians at even distances on the surface, a little inside: equal for equal fields and seeds.

    Renderers blur by 0.3 pixels, and at a silhouette many Gaussians lie behind each other, so that even their faint
    rims add up: at the surface itself they would draw an object one to three pixels too wide.
    """
    points, normals = on_surface(field, _spread(mesh_of(field, SURFACE_SPACING), config, seed).to(field.low))
    with torch.no_grad():
        colors = field.color(points)
        insets = _insets(field, points, normals, config)
    radius = config.gaussian_size / config.gaussians_per_area**0.5
    scales = radius * points.new_tensor([1.0, 1.0, config.gaussian_flatness])
    return Gaussians(
        means=points - insets[:, None] * normals,
        quats=_quaternions(normals),
        scales=scales.repeat(len(points), 1),
        opacities=points.new_full((len(points),), config.gaussian_opacity),
        harmonics=((colors - 0.5) / SH_C0)[:, None],
    )


def mesh_of(field: ProxyField, spacing: float) -> ColoredMesh:
    """The surface where the field's distance is zero, with its colours, from a grid of this spacing."""
    low, high = (corner.double().cpu().numpy() for corner in field.bounds)
    grid = Grid.around(low, high, spacing, margin=0)
    vertices, faces = extract_surface(_evaluate(field.sdf, field, grid.points).reshape(grid.shape), grid)
    if not len(faces):
        raise GenerationError(
            "The proxy has no surface: its signed distance is nowhere negative.",
            "A proxy needs an inside.",
            "Generate it again, or look at the asset it comes from.",
        )
    return ColoredMesh(vertices, faces, _evaluate(field.color, field, vertices))


@torch.no_grad()
def _evaluate(
    function: Callable[[Tensor], Tensor], field: ProxyField, points: Float32[np.ndarray, "n 3"]
) -> Float32[np.ndarray, "n ..."]:
    parts = (part.to(field.low) for part in torch.from_numpy(points).split(CHUNK))
    return torch.cat([function(part) for part in parts]).float().cpu().numpy()


def _spread(mesh: ColoredMesh, config: FieldConfig, seed: int) -> Float[Tensor, "n 3"]:
    """Points of a mesh, as many as the density says, at even distances: random ones, less those closest to others."""
    import open3d

    surface = open3d.geometry.TriangleMesh(
        open3d.utility.Vector3dVector(mesh.vertices.astype(np.float64)),
        open3d.utility.Vector3iVector(mesh.faces.astype(np.int32)),
    )
    number = max(1, round(float(mesh.face_areas.sum()) * config.gaussians_per_area))
    open3d.utility.random.seed(seed)
    points = surface.sample_points_poisson_disk(number, init_factor=CANDIDATES).points
    return torch.from_numpy(np.asarray(points))


def on_surface(field: ProxyField, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, "n 3"], Float[Tensor, "n 3"]]:
    """The points moved to where the distance is zero, and the surface's normals there."""
    for _ in range(NUM_STEPS):
        distances, normals = slope(field, points)
        points = points - distances[:, None] * normals
    return points, slope(field, points)[1]


@torch.enable_grad()
def slope(field: ProxyField, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
    """The distance and the direction in which it grows."""
    points = points.detach().requires_grad_()
    distances = field.sdf(points)
    (gradient,) = torch.autograd.grad(distances.sum(), points)
    return distances.detach(), torch.nn.functional.normalize(gradient, dim=1)


def _insets(
    field: ProxyField, points: Float[Tensor, "n 3"], normals: Float[Tensor, "n 3"], config: FieldConfig
) -> Float[Tensor, " n"]:
    """Insets of Gaussians: less in thin walls, so that those of the two sides do not change places."""
    steps = torch.linspace(0, 2 * config.gaussian_inset, NUM_DEPTHS + 1)[1:].tolist()
    depths = torch.stack([-field.sdf(points - step * normals) for step in steps]).amax(dim=0)
    return (config.share_of_wall * depths).clamp(0, config.gaussian_inset)


def _quaternions(normals: Float[Tensor, "n 3"]) -> Float[Tensor, "n 4"]:
    """Rotations wxyz that turn the z axis to unit normals, the shortest way."""
    x, y, z = normals.unbind(dim=1)
    quats = torch.stack([1 + z, -y, x, torch.zeros_like(z)], dim=1)
    opposite = quats.norm(dim=1, keepdim=True) < OPPOSITE
    return torch.nn.functional.normalize(torch.where(opposite, quats.new_tensor([0.0, 1.0, 0.0, 0.0]), quats), dim=1)
