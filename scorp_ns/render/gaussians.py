"""`render`: a set of Gaussians as a camera sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scorp_ns.cameras import Camera
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.render.rasterization import rasterization

SOLID = 0.5
"""Pixels with more opacity than this show something that has a depth."""


@dataclass(frozen=True)
class Render:
    """A picture of Gaussians."""

    colors: Float[Tensor, "h w c"]
    """Colours, or the channels asked for, blended over the background; no channels if only depth was asked for."""
    alpha: Float[Tensor, "h w"]
    """Opacity, 0 to 1."""
    depth: Float[Tensor, "h w"]
    """Mean depth along the camera's axis; 0 if it was not asked for."""
    info: dict[str, Any] = field(default_factory=dict)
    """The intermediates that `rasterization` returns, which densification learns from; none of an empty picture."""

    @property
    def is_solid(self) -> Bool[Tensor, "h w"]:
        """The pixels that show something."""
        return self.alpha > SOLID


def render(
    gaussians: Gaussians,
    camera: Camera,
    render_mode: Literal["RGB", "ED", "RGB+ED"] = "RGB",
    *,
    channels: Float[Tensor, "n c"] | None = None,
    background: float | Float[Tensor, " c"] | None = None,
    rasterize_mode: Literal["classic", "antialiased"] = "classic",
    near_plane: float = 0.01,
    sh_degree: int | None = None,
    absgrad: bool = False,
) -> Render:
    """The picture of the Gaussians alone, differentiable by their tensors and the viewmat, and their depth with ED.

    `channels` take the place of their colours, which are of the Gaussians' own degree unless a lower one is given. No
    Gaussians make an empty picture, which gsplat refuses to draw.
    """
    means = gaussians.means
    if render_mode == "ED":
        channels = means  # gsplat wants some, and would work out colours that it does not draw.
    num_channels = 3 if channels is None else channels.shape[1]
    if isinstance(background, (int, float)):
        background = means.new_full((num_channels,), background)
    if len(gaussians) == 0:
        nothing = means.new_zeros(camera.height, camera.width)
        backdrop = means.new_zeros(num_channels) if background is None else background
        return Render(backdrop.expand(*nothing.shape, -1), nothing, nothing)
    image, alpha, info = rasterization(
        means, gaussians.quats, gaussians.scales, gaussians.opacities,
        colors=gaussians.harmonics if channels is None else channels,
        viewmats=camera.viewmat[None].to(means), Ks=camera.K[None].to(means), width=camera.width, height=camera.height,
        sh_degree=None if channels is not None else gaussians.sh_degree if sh_degree is None else sh_degree,
        backgrounds=None if background is None else background[None],
        render_mode=render_mode, rasterize_mode=rasterize_mode, near_plane=near_plane, absgrad=absgrad, packed=False,
    )  # fmt: skip
    alpha = alpha[0, ..., 0]
    if render_mode == "RGB":
        return Render(image[0], alpha, torch.zeros_like(alpha), info)
    return Render(image[0, ..., :-1], alpha, image[0, ..., -1], info)
