"""From a grid of rays back to the pinhole camera that casts them, so that rays can be answered by one render."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from scorp_ns.cameras import PIXEL_CENTER


@dataclass(frozen=True)
class RayGrid:
    """A pinhole camera and which of its pixels the rays go through: every `stride`-th, starting in a corner."""

    T_world_opengl: Float[Tensor, "3 4"]
    K: Float[Tensor, "3 3"]
    width: int
    height: int
    stride: int

    def pick(self, image: Float[Tensor, "H W c"]) -> Float[Tensor, "h w c"]:
        """The pixels of a render that belong to the rays."""
        return image[:: self.stride, :: self.stride]


def ray_grid(
    origins: Float[Tensor, "*b 3"],
    directions: Float[Tensor, "*b 3"],
    lengths: Float[Tensor, "*b 1"],
    pixel_area: Float[Tensor, "*b 1"],
) -> RayGrid | None:
    """The camera behind an image of rays, or nothing when these rays are not the pixels of a pinhole camera.

    `lengths` are those the unit `directions` had when their z was 1. Scaled by them, the direction of pixel (u, v) is
    right·(u - cx)/fx - up·(v - cy)/fy + forward, which is affine in u and v: two differences give the camera back.
    """
    if origins.ndim != 3 or min(origins.shape[:2]) < 2:
        return None
    rays = (directions * lengths).double()
    height, width = rays.shape[:2]
    step_right = (rays[-1, -1] - rays[-1, 0] + rays[0, -1] - rays[0, 0]) / (2 * (width - 1))
    step_down = (rays[-1, -1] - rays[0, -1] + rays[-1, 0] - rays[0, 0]) / (2 * (height - 1))
    columns = torch.arange(width, device=rays.device)[None, :, None]
    rows = torch.arange(height, device=rays.device)[:, None, None]
    from_one_point = torch.allclose(origins, origins[:1, :1], rtol=0, atol=1e-5)
    if not from_one_point or not torch.allclose(rays[0, 0] + columns * step_right + rows * step_down, rays, atol=1e-4):
        return None
    right, down = step_right / step_right.norm(), step_down / step_down.norm()
    forward = torch.linalg.cross(right, down)
    if forward.norm() < 0.5:
        return None
    stride = _stride(directions, pixel_area)
    fx, fy = stride / step_right.norm(), stride / step_down.norm()
    cx, cy = PIXEL_CENTER - (rays[0, 0] @ right) * fx, PIXEL_CENTER - (rays[0, 0] @ down) * fy
    T_world_opengl = torch.stack([right, -down, -forward, origins[0, 0].double()], dim=1)
    K = torch.stack([fx, 0 * fx, cx, 0 * fx, fy, cy, 0 * fx, 0 * fx, 0 * fx + 1]).reshape(3, 3)
    return RayGrid(T_world_opengl.float(), K.float(), (width - 1) * stride + 1, (height - 1) * stride + 1, stride)


def normals_from_points(points: Float[Tensor, "h w 3"], directions: Float[Tensor, "h w 3"]) -> Float[Tensor, "h w 3"]:
    """Unit normals of the surface through a grid of points, turned towards the viewer."""
    padded = torch.nn.functional.pad(points.permute(2, 0, 1)[None], (1, 1, 1, 1), mode="replicate")[0]
    across = padded[:, 1:-1, 2:] - padded[:, 1:-1, :-2]
    along = padded[:, 2:, 1:-1] - padded[:, :-2, 1:-1]
    normals = torch.nn.functional.normalize(torch.linalg.cross(across, along, dim=0), dim=0).permute(1, 2, 0)
    faces_away = (normals * directions).sum(dim=-1, keepdim=True) > 0
    return torch.where(faces_away, -normals, normals)


def _stride(directions: Float[Tensor, "h w 3"], pixel_area: Float[Tensor, "h w 1"]) -> int:
    """Number of pixels between neighbouring rays, from the area a pixel covers on the unit sphere."""
    across = (directions[:-1, 1:] - directions[:-1, :-1]).norm(dim=-1)
    along = (directions[1:, :-1] - directions[:-1, :-1]).norm(dim=-1)
    return max(1, round(float((across * along / pixel_area[:-1, :-1, 0]).sqrt().median())))
