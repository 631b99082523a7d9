"""Tame synthetic scenes: seeded, dense enough to occlude, and clear of the decisions made for a Gaussian as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import torch
from jaxtyping import Float
from oracles.cutoffs import steady_gaussians, steady_pixels
from oracles.dense_projection import View, project
from torch import Tensor

DISTANCE = 3.0
"""How far the cameras are from the middle of the unit cube the Gaussians fill."""


@dataclass(frozen=True)
class Scene:
    """Arguments for a renderer; all tensors are float32, so that a float64 renderer can be given the same numbers."""

    tensors: Mapping[str, Tensor]
    """Everything a renderer differentiates with respect to, and `Ks`."""
    width: int
    height: int
    options: Mapping[str, Any] = field(default_factory=dict)
    """The keyword arguments beyond those, such as `sh_degree`."""

    def arguments(self, dtype: torch.dtype = torch.float32, device: str = "cpu", **options: Any) -> dict[str, Any]:
        """Fresh leaf tensors and the options, ready to be passed on; all leaves but `Ks` require gradients."""
        leaves = {name: t.to(device, dtype, copy=True).requires_grad_(name != "Ks") for name, t in self.tensors.items()}
        return {**leaves, "width": self.width, "height": self.height, **self.options, **options}

    def steady_pixels(self, rasterize_mode: str = "classic", **limits: float) -> Tensor:
        """The pixels, [c, h, w], where float32 and float64 must make the same decisions."""
        tensors = {name: t.double() for name, t in self.tensors.items()}
        images = []
        for view in views_of(tensors["viewmats"], tensors["Ks"], self.width, self.height, **limits):
            splats = project(tensors["means"], tensors["quats"], tensors["scales"], view)
            strengths = tensors["opacities"][splats.ids]
            if rasterize_mode == "antialiased":
                strengths = strengths * splats.compensations
            images.append(steady_pixels(splats, strengths, view))
        return torch.stack(images)


def views_of(
    viewmats: Float[Tensor, "c 4 4"], Ks: Float[Tensor, "c 3 3"], width: int, height: int, **limits: float
) -> list[View]:
    """One `View` a camera."""
    return [View(T, K, width, height, **limits) for T, K in zip(viewmats, Ks, strict=True)]


def cameras(num_views: int, width: int, height: int) -> tuple[Float[Tensor, "c 4 4"], Float[Tensor, "c 3 3"]]:
    """Cameras on an arc around the cube, tilted, with principal points a little off the middle."""
    viewmats = torch.eye(4).repeat(num_views, 1, 1)
    for c in range(num_views):
        turn, tilt = 0.1 + 0.7 * c, 0.15 - 0.2 * c
        axis = torch.tensor([[0.0, -tilt, turn], [tilt, 0.0, -tilt], [-turn, tilt, 0.0]])
        viewmats[c, :3, :3] = torch.linalg.matrix_exp(axis)
        viewmats[c, :3, 3] = torch.tensor([0.02, -0.03, DISTANCE + 0.1 * c])
    focal = 1.6 * width
    K = torch.tensor([[focal, 0.0, 0.49 * width], [0.0, 1.03 * focal, 0.52 * height], [0.0, 0.0, 1.0]])
    return viewmats, K.repeat(num_views, 1, 1)


def make_scene(
    n: int,
    width: int,
    height: int,
    *,
    num_views: int = 1,
    sh_degree: int | None = None,
    channels: int = 3,
    with_background: bool = False,
    crowding: float = 1.5,
    seed: int = 0,
) -> Scene:
    """A cube of n Gaussians before the cameras; pixels are 70 % covered, and some end early with a crowding of 3."""
    generator = torch.Generator().manual_seed(seed)
    viewmats, Ks = cameras(num_views, width, height)
    gaussians = _sample(n + n // 20 + 16, 0.5 * crowding / sqrt(n), sh_degree, channels, generator)
    doubles = {name: t.double() for name, t in gaussians.items() if name != "opacities"}
    views = views_of(viewmats.double(), Ks.double(), width, height)
    steady = steady_gaussians(**doubles, views=views, sh_degree=sh_degree).nonzero()[:n, 0]
    assert len(steady) == n, f"Only {len(steady)} of the sampled Gaussians are steady."
    tensors = {name: t[steady].contiguous() for name, t in gaussians.items()}
    if with_background:
        tensors["backgrounds"] = torch.rand(num_views, channels, generator=generator)
    options = {} if sh_degree is None else {"sh_degree": sh_degree}
    return Scene({**tensors, "viewmats": viewmats, "Ks": Ks}, width, height, options)


def _sample(n: int, size: float, sh_degree: int | None, channels: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Gaussians of about that standard deviation, at most four times as long as wide."""

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=generator)

    if sh_degree is None:
        colors = uniform(0.0, 1.0, n, channels)
    else:
        colors = 0.25 * torch.randn(n, (sh_degree + 1) ** 2, 3, generator=generator)
        colors[:, 0] = uniform(-1.0, 1.5, n, 3)
    return {
        "means": uniform(-0.9, 0.9, n, 3),
        "quats": torch.randn(n, 4, generator=generator),
        "scales": size * uniform(0.6, 2.4, n, 3),
        "opacities": uniform(0.05, 0.95, n),
        "colors": colors,
    }
