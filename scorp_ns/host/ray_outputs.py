"""Answers for nerfstudio's exporters, which ask along rays where Gaussians are rendered by camera."""

from __future__ import annotations

import torch
from gsplat.utils import normalized_quat_to_rotmat
from jaxtyping import Float
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.models.splatfacto import SplatfactoModel
from torch import Tensor

from scorp_ns.host.ray_grids import RayGrid, normals_from_points, ray_grid
from scorp_ns.host.surface_lookup import SurfaceLookup

OPAQUE = 0.5
"""Rays that meet less opacity than this meet no surface."""


def outputs_along_rays(model: SplatfactoModel, rays: RayBundle) -> dict[str, Tensor]:
    """rgb, accumulation, depth along the ray and normals in [0, 1] for every ray, in the rays' own shape."""
    grid = ray_grid(rays.origins, rays.directions, _lengths(rays), rays.pixel_area)
    return _rendered(model, rays, grid) if grid is not None else _looked_up(model, rays)


def straight_rgba(outputs: dict[str, Tensor], output_name: str) -> Float[Tensor, "*b 4"]:
    """Colour without the background that was blended into it, and opacity."""
    alpha = outputs["accumulation"]
    colors = (outputs[output_name] - (1 - alpha) * outputs["background"]) / alpha.clamp_min(1e-6)
    return torch.cat([colors.clamp(0, 1), alpha], dim=-1)


def _lengths(rays: RayBundle) -> Float[Tensor, "*b 1"]:
    return rays.metadata.get("directions_norm", torch.ones_like(rays.origins[..., :1]))


def _rendered(model: SplatfactoModel, rays: RayBundle, grid: RayGrid) -> dict[str, Tensor]:
    """One render of the camera that casts these rays."""
    camera = Cameras(
        camera_to_worlds=grid.T_world_opengl[None],
        fx=grid.K[0, 0].item(),
        fy=grid.K[1, 1].item(),
        cx=grid.K[0, 2].item(),
        cy=grid.K[1, 2].item(),
        width=grid.width,
        height=grid.height,
    )
    outputs = {name: grid.pick(image) for name, image in model.get_outputs_for_camera(camera).items()}
    # nerfstudio's exporters expect distances along rays, not depths along the camera's axis.
    depth = outputs["depth"] * _lengths(rays).to(model.device)
    outputs["depth"] = torch.where(outputs["accumulation"] > OPAQUE, depth, 0)
    directions = rays.directions.to(model.device)
    outputs["normals"] = normals_from_points(directions * depth, directions) / 2 + 0.5
    return outputs


def _looked_up(model: SplatfactoModel, rays: RayBundle) -> dict[str, Tensor]:
    """Outputs of the Gaussians around the middle of each ray: texture baking sends rays across the surface."""
    near = rays.nears if rays.nears is not None else torch.zeros_like(rays.origins[..., :1])
    far = rays.fars if rays.fars is not None else near
    depth = (near + far) / 2
    points = rays.origins + depth * rays.directions
    with torch.no_grad():
        colors, normals = _surface(model).at(
            points.reshape(-1, 3).float().to(model.device), rays.directions.reshape(-1, 3).float().to(model.device)
        )
    rgb = colors.reshape(points.shape)
    return {
        "rgb": rgb,
        "accumulation": torch.ones_like(rgb[..., :1]),
        "depth": depth,
        "normals": normals.reshape(points.shape) / 2 + 0.5,
        "background": torch.zeros_like(rgb),
    }


def _surface(model: SplatfactoModel) -> SurfaceLookup:
    return SurfaceLookup(
        means=model.means.detach(),
        scales=torch.exp(model.scales.detach()),
        rotations=normalized_quat_to_rotmat(torch.nn.functional.normalize(model.quats.detach(), dim=-1)),
        opacities=torch.sigmoid(model.opacities.detach())[:, 0],
        colors=model.colors.detach().clamp(0, 1),
    )
