"""The one camera convention: OpenCV axes (x right, y down, z forward), world to camera. Others are converted here."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def viewmats_from_camera_to_worlds(T_world_opengl: Float[Tensor, "b 3 4"]) -> Float[Tensor, "b 4 4"]:
    """World-to-camera matrices in OpenCV axes, from nerfstudio's camera-to-world matrices in OpenGL axes."""
    opengl_from_opencv = T_world_opengl.new_tensor([1.0, -1.0, -1.0])
    R_camera_world = (T_world_opengl[:, :, :3] * opengl_from_opencv).transpose(1, 2)
    t_camera_world = -torch.bmm(R_camera_world, T_world_opengl[:, :, 3:])
    bottom_row = T_world_opengl.new_tensor([0.0, 0.0, 0.0, 1.0]).expand(len(T_world_opengl), 1, 4)
    return torch.cat([torch.cat([R_camera_world, t_camera_world], dim=2), bottom_row], dim=1)


def downscaled_view(
    Ks: Float[Tensor, "b 3 3"], width: int, height: int, factor: int
) -> tuple[Float[Tensor, "b 3 3"], int, int]:
    """Intrinsics and size of the same view at 1/`factor` of the resolution, cut to whole pixels."""
    if factor == 1:
        return Ks, width, height
    scale = Ks.new_tensor([[1 / factor], [1 / factor], [1.0]])
    return Ks * scale, width // factor, height // factor
