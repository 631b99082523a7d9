"""A renderer against the oracle: the largest difference of images, and the relative L2 difference of gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from oracles.dense_renderer import render_dense
from scenes import Scene
from torch import Tensor

PARAMETERS = ("means", "quats", "scales", "opacities", "colors", "backgrounds", "viewmats")

LIMITS = ("near_plane", "far_plane", "radius_clip", "eps2d")


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch on one thread: the oracle's many small operations wait for each other on a busy machine otherwise."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class Rendering:
    """What one renderer makes of a scene, in float64 on the CPU."""

    image: Tensor
    alpha: Tensor
    means2d: Tensor
    """Projected means with `absgrad`; [c, n, 2]."""
    gradients: dict[str, Tensor]


def objective(image: Tensor, alpha: Tensor, steady: Tensor) -> Tensor:
    """A smooth loss whose gradient has all signs and depends on the image, at steady pixels."""
    generator = torch.Generator().manual_seed(11)
    weights = torch.randn(image.shape, generator=generator).to(image)
    weights_alpha = torch.randn(alpha.shape, generator=generator).to(image)
    mask = steady[..., None].to(image)
    # Depths are some three units, colours some half a unit; both terms should matter.
    return ((weights * image + 0.25 * image.square()) * mask).sum() + (weights_alpha * alpha * mask).sum()


def draw(
    render: Callable[..., tuple[Tensor, Tensor, Any]],
    scene: Scene,
    steady: Tensor,
    *,
    dtype: torch.dtype = torch.float32,
    device: str = "cpu",
    **options: Any,
) -> Rendering:
    """The scene's image and the gradients of `objective` with respect to all its parameters."""
    arguments = scene.arguments(dtype, device, **options)
    image, alpha, info = render(**arguments)
    means2d = info["means2d"] if isinstance(info, dict) else info
    if means2d.requires_grad:
        means2d.retain_grad()
    objective(image, alpha, steady.to(device)).backward()
    gradients = {name: arguments[name].grad for name in PARAMETERS if name in scene.tensors}
    return Rendering(
        image=image.detach().double().cpu(),
        alpha=alpha.detach().double().cpu(),
        means2d=means2d,
        # A parameter that plays no part, such as the colours of a depth image, has no gradient or a zero one.
        gradients={name: g.double().cpu() for name, g in gradients.items() if g is not None},
    )


def steady_pixels(scene: Scene, options: dict[str, Any]) -> Tensor:
    """The pixels to compare under these options."""
    limits = {name: options[name] for name in LIMITS if name in options}
    with one_thread():
        return scene.steady_pixels(options.get("rasterize_mode", "classic"), **limits)


def draw_dense(scene: Scene, steady: Tensor, **options: Any) -> Rendering:
    """The oracle's rendering."""
    with one_thread():
        return draw(render_dense, scene, steady, dtype=torch.float64, **options)


def image_error(found: Tensor, expected: Tensor, steady: Tensor) -> float:
    """Largest difference at steady pixels, relative to the largest expected value or to 1."""
    difference = (found - expected).abs() * steady[..., None]
    return (difference.max() / expected.abs().max().clamp(min=1)).item()


def relative_l2(found: Tensor, expected: Tensor) -> float:
    """|found - expected| / |expected|, or |found| where nothing is expected."""
    scale = expected.norm().item()
    return (found - expected).norm().item() / (scale if scale > 0 else 1.0)


def gradient_errors(found: Rendering, expected: Rendering) -> dict[str, float]:
    """Relative L2 difference of each parameter's gradient."""
    return {
        name: relative_l2(found.gradients.get(name, torch.zeros_like(gradient)), gradient)
        for name, gradient in expected.gradients.items()
    }
