"""Places of proxies that learn from photographs, through the gradients of the renderer.

A place changes by seven numbers: a turn and a shift in the world's axes, and a swelling, all about the proxy's middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from gsplat.utils import normalized_quat_to_rotmat
from jaxtyping import Bool, Float, Int16
from torch import Tensor

from scorp_ns.cameras import Camera
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians, join_gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.render import render

SPILL_PRICE = 1.5
"""The cost of covering a pixel that shows something else; leaving one of the mask uncovered costs 1."""

DEPTH_PRICE, COLOR_PRICE = 0.05, 0.05
"""The costs of wrong depths and wrong colours beside that, where the mask is covered.

They tell what silhouettes leave open, and no more: depths of trained scenes are off in hollows, colours in shadows.
"""

WRONG_DEPTH = 0.08
"""A depth that is off by this, in diagonals of the proxy, is as wrong as any."""

LEAST_GAIN, MOST_GAIN = 0.5, 1.8
"""Bounds of the factor between the proxy's colours and the photographs'."""

COVERED = 0.5
"""A pixel whose weight on a proxy is more than this shows it."""

FEWEST_PIXELS = 16
"""Of fewer pixels no depth error and no factor of colours is found."""


@dataclass(frozen=True)
class MovingProxy:
    """A proxy's Gaussians at the place they start from."""

    label: int
    """Of its object."""
    gaussians: Gaussians
    """In the world frame."""
    T_world_proxy: Similarity

    @classmethod
    def at(cls, label: int, surface: Gaussians, T_world_proxy: Similarity) -> MovingProxy:
        """The proxy with this surface, in its own frame, at a place."""
        return cls(label, transform_gaussians(surface, T_world_proxy), T_world_proxy)

    def moved(self, change: Float[Tensor, " 7"]) -> Gaussians:
        """The Gaussians at the changed place; gradients reach the change."""
        turn, rotation = _turn(change[:3])
        middle = self.T_world_proxy.translation.to(change)
        swelling = change[6].exp()
        shift = middle + self.T_world_proxy.scale * change[3:6]
        return replace(
            self.gaussians,
            means=swelling * (self.gaussians.means - middle) @ rotation.T + shift,
            quats=_product(turn, self.gaussians.quats),
            scales=swelling * self.gaussians.scales,
        )

    def place(self, change: Float[Tensor, " 7"]) -> Similarity:
        """The changed place."""
        exact = change.detach().double().cpu()
        _, rotation = _turn(exact[:3])
        middle, scale = self.T_world_proxy.translation, float(exact[6].exp())
        # Rounding of products of quaternions is more than a similarity forgives.
        U, _, Vh = torch.linalg.svd(rotation)
        shift = middle + self.T_world_proxy.scale * exact[3:6] - scale * (U @ Vh) @ middle
        return Similarity(U @ Vh, shift, scale) @ self.T_world_proxy


@dataclass(frozen=True)
class ProxyRender:
    """Moving proxies amid the rest of the scene, which hides them where it is nearer."""

    rgb: Float[Tensor, "h w 3"]
    alpha: Float[Tensor, "h w 1"]
    depth: Float[Tensor, "h w"]
    weights: Float[Tensor, "h w k"]
    """The share of each pixel that is each proxy's."""


def render_proxies(
    rest: Gaussians, moved: Sequence[Gaussians], camera: Camera, background: Float[Tensor, " 3"]
) -> ProxyRender:
    """The picture of the proxies and of the rest of the scene, in colours that do not depend on the view."""
    whole = join_gaussians([rest, *moved])
    owners = torch.cat([torch.full((len(part),), index) for index, part in enumerate([rest, *moved])])
    marks = torch.nn.functional.one_hot(owners, len(moved) + 1)[:, 1:].to(whole.means)
    channels = torch.cat([whole.base_colors, marks], dim=1)
    behind = torch.nn.functional.pad(background, (0, len(moved)))
    drawn = render(whole, camera, "RGB+ED", channels=channels, background=behind)
    return ProxyRender(drawn.colors[..., :3], drawn.alpha[..., None], drawn.depth, drawn.colors[..., 3:])


def refinement_losses(
    render: ProxyRender,
    proxies: Sequence[MovingProxy],
    silhouettes: Float[Tensor, "h w k"],
    labels: Int16[Tensor, "h w"],
    photograph: Float[Tensor, "h w 3"],
    scene_depth: Float[Tensor, "h w"],
) -> dict[str, Tensor]:
    """The losses of silhouettes, depths and colours of proxies against a photograph and the scene.

    `silhouettes` are those of the proxies' surfaces.
    """
    zero = render.weights.sum() * 0
    losses = {"place_silhouette": zero, "place_depth": zero, "place_color": zero}
    for index, proxy in enumerate(proxies):
        is_shown = labels == proxy.label
        if int(is_shown.sum()) < FEWEST_PIXELS:
            continue
        weight = render.weights[..., index]
        losses["place_silhouette"] = losses["place_silhouette"] + _silhouette_loss(
            weight, silhouettes[..., index], is_shown, labels >= 0
        )
        both = is_shown & (weight.detach() > COVERED)
        if int(both.sum()) < FEWEST_PIXELS:
            continue
        size = proxy.T_world_proxy.scale
        depth_loss = _depth_loss((render.depth[both] - scene_depth[both]) / size)
        losses["place_depth"] = losses["place_depth"] + DEPTH_PRICE * depth_loss
        color_loss = _color_loss(render.rgb[both], photograph[both])
        losses["place_color"] = losses["place_color"] + COLOR_PRICE * color_loss
    return losses


def _silhouette_loss(
    weight: Float[Tensor, "h w"],
    silhouette: Float[Tensor, "h w"],
    is_shown: Bool[Tensor, "h w"],
    is_known: Bool[Tensor, "h w"],
) -> Float[Tensor, ""]:
    """Squared errors of the silhouette, in areas of the mask, with the derivatives of the rendered weight.

    The weight itself reaches a pixel or two beyond the surface, and a place that makes it fit the mask is that much
    too small.
    """
    price = torch.where(is_shown, 1.0, SPILL_PRICE) * is_known
    covered = silhouette + weight - weight.detach()
    return (price * (covered - is_shown.to(weight)) ** 2).sum() / is_shown.sum()


def _depth_loss(deeper: Float[Tensor, " n"]) -> Float[Tensor, ""]:
    """Robust errors of depths, which in a trained scene are all off by some length."""
    errors = (deeper - deeper.detach().median()) / WRONG_DEPTH
    return (errors**2 / (errors**2 + 1)).mean()


def _color_loss(shown: Float[Tensor, "n 3"], photographed: Float[Tensor, "n 3"]) -> Float[Tensor, ""]:
    """Errors of colours after the best gain and bias of each channel."""
    fixed = shown.detach()
    middle, target = fixed.mean(dim=0), photographed.mean(dim=0)
    variance = ((fixed - middle) ** 2).mean(dim=0) + 4e-4
    gain = (((fixed - middle) * (photographed - target)).mean(dim=0) + 4e-4) / variance
    errors = gain.clamp(LEAST_GAIN, MOST_GAIN) * (shown - middle) + target - photographed
    return errors.abs().mean()


def _turn(vector: Float[Tensor, " 3"]) -> tuple[Float[Tensor, " 4"], Float[Tensor, "3 3"]]:
    """A quaternion and its rotation, about this vector and by about its length in radians."""
    quat = torch.nn.functional.normalize(torch.cat([vector.new_ones(1), vector / 2]), dim=0)
    return quat, normalized_quat_to_rotmat(quat)


def _product(first: Float[Tensor, " 4"], others: Float[Tensor, "n 4"]) -> Float[Tensor, "n 4"]:
    """Products of quaternions wxyz: each of the others, then the first."""
    w, x, y, z = first
    a, b, c, d = others.unbind(dim=1)
    return torch.stack(
        [
            w * a - x * b - y * c - z * d,
            w * b + x * a + y * d - z * c,
            w * c - x * d + y * a + z * b,
            w * d + x * c - y * b + z * a,
        ],
        dim=1,
    )
