"""The choice between an object's own Gaussians and its proxy's, place by place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from scipy.spatial import KDTree
from scipy.spatial.transform import Rotation
from torch import Tensor

from scorp_ns.compose.config import ComposeConfig
from scorp_ns.compose.evidence import SurfaceEvidence
from scorp_ns.gaussians.splats import Gaussians

EXTENT = 2.0
"""A Gaussian reaches so many standard deviations along each of its axes, as far as one sees."""

SignedDistance = Callable[[Float[Tensor, "n 3"]], Float[Tensor, " n"]]


@dataclass(frozen=True)
class Blend:
    """The selection of an object's Gaussians that stay, and of its proxy's that come."""

    kept: Bool[Tensor, " m"]
    """Of the object's own Gaussians."""
    filled: Bool[Tensor, " n"]
    """Of the proxy's."""
    outlying: Bool[Tensor, " m"]
    """Of the object's own, not kept so far: their middles stand out of the proxy, as fog or as parts that it lacks."""


def choose(
    own: Gaussians,
    visibility: Float[Tensor, " m"],
    proxy: Gaussians,
    evidence: SurfaceEvidence,
    signed_distance: SignedDistance,
    diagonal: float,
    config: ComposeConfig,
) -> Blend:
    """The blend of an object and its placed proxy, all in one frame.

    The proxy comes where no photograph saw the object and none denies it. There the object's own Gaussians go, unless
    they were seen well: they are the back of what was photographed from the other side, and its fog. So does what
    stands out of the proxy.
    """
    nothing = torch.zeros(len(own), dtype=torch.bool)
    if config.mode == "keep":
        return Blend(nothing.logical_not(), torch.zeros(len(proxy), dtype=torch.bool), nothing)
    if config.mode == "replace":
        return Blend(nothing, torch.ones(len(proxy), dtype=torch.bool), nothing)
    filled = (evidence.seen < 1) & (evidence.contradicted < config.least_denials)
    nearest = torch.from_numpy(KDTree(proxy.means.numpy()).query(own.means.numpy())[1])
    is_replaced = filled[nearest] & (visibility < config.well_seen)
    stands_out = _reach(own, signed_distance) > config.overreach * diagonal
    is_outside = signed_distance(own.means) > config.overreach * diagonal
    return Blend(~is_replaced & ~stands_out, filled, stands_out & is_outside)


def _reach(own: Gaussians, signed_distance: SignedDistance) -> Float[Tensor, " m"]:
    """The distance by which each Gaussian reaches out of the proxy."""
    turned = Rotation.from_quat(own.quats.double().numpy()[:, [1, 2, 3, 0]]).as_matrix()
    axes = torch.from_numpy(turned).to(own.means).transpose(1, 2) * own.scales[:, :, None]
    ends = torch.cat([own.means[:, None] + EXTENT * axes, own.means[:, None] - EXTENT * axes], dim=1)
    return signed_distance(ends.reshape(-1, 3)).reshape(len(own), 6).amax(dim=1)
