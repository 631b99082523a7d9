"""Photometric pruning: the derivative of the photographs' error by each Gaussian of a composed object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scorp_ns.cameras import Camera
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import OCCLUDER, ObjectCrop
from scorp_ns.render import render
from scorp_ns.render.label_weights import label_weights

NOTICED = 0.5
"""Gaussians with less blending weight than this many pixels, over all photographs, are not judged."""


@torch.enable_grad()
def error_growth(scene: Gaussians, sights: Sequence[ObjectCrop], cameras: Sequence[Camera]) -> Float[Tensor, " n"]:
    """The growth of the photographs' error by each Gaussian, per pixel that it covers; below 0 where it is needed.

    It is a difference of colours, summed over the channels, and 0 for what photographs hardly notice. `cameras` are
    the sights' in the frame of the scene. Pixels of other objects have no say.
    """
    opacities = scene.opacities.detach().clone().requires_grad_()
    weights = torch.zeros_like(scene.opacities)
    for sight, camera in zip(sights, cameras, strict=True):
        is_known = torch.from_numpy(sight.trimap != OCCLUDER).to(opacities.device)
        camera = camera.to(opacities)
        _error(replace(scene, opacities=opacities), sight, is_known, camera).backward()
        seen, _ = label_weights(
            scene.means, scene.quats, scene.scales, scene.opacities, camera.viewmat, camera.K, is_known.short() - 1, 1
        )  # fmt: skip
        weights += seen[:, 0]
    harm = torch.zeros_like(weights) if opacities.grad is None else opacities.grad
    return torch.where(weights > NOTICED, harm / weights.clamp_min(NOTICED), 0.0)


def _error(scene: Gaussians, sight: ObjectCrop, is_known: Bool[Tensor, "h w"], camera: Camera) -> Float[Tensor, ""]:
    """The absolute difference from the photograph, summed over the pixels that count."""
    image = render(scene, camera).colors
    photograph = torch.from_numpy(sight.photograph).to(image) / 255
    return ((image - photograph).abs() * is_known[..., None]).sum()
