"""Blending weights of every Gaussian on each label of an image: the votes of one view."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int64, Integer
from torch import Tensor

from scorp_ns.errors import ScorpError
from scorp_ns.render.cpu.limits import MAX_ALPHA, MIN_ALPHA
from scorp_ns.render.rasterization import RASTERIZE_MODES, check_choice, rasterization

__all__ = ["label_weights", "label_weights_by_gradient", "shown_shares"]

LABELS_AT_ONCE = 32
"""Labels a backward pass answers for: as many channels as gsplat blends at once, so that more only take memory."""


@torch.no_grad()
def label_weights(
    means: Float[Tensor, "n 3"],
    quats: Float[Tensor, "n 4"],
    scales: Float[Tensor, "n 3"],
    opacities: Float[Tensor, " n"],
    viewmat: Float[Tensor, "4 4"],
    K: Float[Tensor, "3 3"],
    labels: Integer[Tensor, "h w"],
    num_labels: int,
    *,
    near_plane: float = 0.01,
    far_plane: float = 1e10,
    eps2d: float = 0.3,
    rasterize_mode: Literal["classic", "antialiased"] = "classic",
) -> tuple[Float[Tensor, "n {num_labels}"], Float[Tensor, " n"]]:
    """The weight of every Gaussian on the pixels of each label, and the share of itself that the view shows.

    The weight at a pixel is the renderer's own: alpha times the light that is left there. Labels count from 0; a pixel
    with a negative label is unknown and casts no vote. The other arguments are `rasterization`'s, for one camera.

    The share shown is the weight over all pixels, known or not, divided by the integral over the whole image plane of
    the alpha that would be drawn if nothing stood before the Gaussian: 1 in free sight, 0.5 where half of it is hidden
    or lies beyond the image's border, 0 out of sight.
    """
    tensors = {"means": means, "quats": quats, "scales": scales, "opacities": opacities, "viewmat": viewmat, "K": K}
    _check_tensors(tensors)
    check_choice("label_weights", "rasterize_mode", rasterize_mode, RASTERIZE_MODES)
    labels = _checked_labels(labels, num_labels).to(means.device)
    limits = {"near_plane": near_plane, "far_plane": far_plane, "eps2d": eps2d, "rasterize_mode": rasterize_mode}
    floats: dict[str, Any] = {name: tensor.detach().float() for name, tensor in tensors.items()}
    if means.device.type == "cuda":
        return label_weights_by_gradient(**floats, labels=labels, num_labels=num_labels, **limits)
    from scorp_ns.render.cpu.label_weights import weigh_view
    from scorp_ns.render.cpu.rasterizer import RenderSettings

    view = RenderSettings(
        labels.shape[1], labels.shape[0], near_plane, far_plane, radius_clip=0.0, eps2d=eps2d, sh_degree=None,
        packed=False, render_mode="RGB", absgrad=False, antialiased=rasterize_mode == "antialiased",
    )  # fmt: skip
    weights, total, *footprints = weigh_view(**floats, labels=labels, num_labels=num_labels, view=view)
    return weights, shown_shares(total, *footprints)


def label_weights_by_gradient(
    means: Float[Tensor, "n 3"],
    quats: Float[Tensor, "n 4"],
    scales: Float[Tensor, "n 3"],
    opacities: Float[Tensor, " n"],
    viewmat: Float[Tensor, "4 4"],
    K: Float[Tensor, "3 3"],
    labels: Int64[Tensor, "h w"],
    num_labels: int,
    **limits: Any,
) -> tuple[Float[Tensor, "n {num_labels}"], Float[Tensor, " n"]]:
    """The results of `label_weights`, by any renderer that differentiates its image by the channels.

    An image is linear in the Gaussians' channels, so that the gradient of a channel's sum over a label's pixels is the
    weight on them. Only labels that occur are drawn.
    """
    weights, total = means.new_zeros(len(means), num_labels), means.new_zeros(len(means))
    if len(means) == 0:
        return weights, total
    view = {"viewmats": viewmat[None], "Ks": K[None], "width": labels.shape[1], "height": labels.shape[0], **limits}
    info = {}
    for present in labels.unique().split(LABELS_AT_ONCE):
        with torch.enable_grad():
            features = means.new_zeros(len(means), len(present)).requires_grad_()
            image, _, info = rasterization(means, quats, scales, opacities, features, packed=False, **view)
        (votes,) = torch.autograd.grad(image, features, (labels[None, :, :, None] == present).to(image))
        known = present >= 0
        weights[:, present[known]] = votes[:, known]
        total += votes.sum(1)
    return weights, shown_shares(total, *(info[name][0] for name in ("radii", "conics", "opacities")))


def shown_shares(
    total: Float[Tensor, " n"],
    radii: Integer[Tensor, " n"],
    conics: Float[Tensor, "n 3"],
    opacities: Float[Tensor, " n"],
) -> Float[Tensor, " n"]:
    """The total weights over the integrals of unoccluded alphas, at most 1; where nothing is drawn 0.

    With u = d^T C d / 2 the ellipse u < t has the area 2 pi t / sqrt(det C), so that the integral of any f(u) is
    2 pi / sqrt(det C) times its integral over u. Here f = min(MAX_ALPHA, o exp(-u)), cut off below MIN_ALPHA.
    """
    a, b, c = conics.double().unbind(-1)
    o = opacities.double()
    clamped = MAX_ALPHA * (o / MAX_ALPHA).log().clamp(min=0.0)
    whole = 2 * math.pi * (a * c - b * b).rsqrt() * (clamped + o.clamp(max=MAX_ALPHA) - MIN_ALPHA)
    drawn: Bool[Tensor, " n"] = (radii > 0) & (total > 0) & (whole > 0)
    return torch.where(drawn, (total / whole).clamp(max=1.0), 0.0).to(total.dtype)


def _check_tensors(tensors: dict[str, Tensor]) -> None:
    """Refuse what does not describe the same Gaussians and one camera, all in one place."""
    n = tensors["means"].shape[0] if tensors["means"].ndim else 0
    needed = {"means": [n, 3], "quats": [n, 4], "scales": [n, 3], "opacities": [n], "viewmat": [4, 4], "K": [3, 3]}
    for name, tensor in tensors.items():
        if list(tensor.shape) != needed[name]:
            raise ScorpError(
                found=f"label_weights got {name} of shape {list(tensor.shape)}.",
                needed=f"It has to be {needed[name]}.",
                do="Check that all arguments describe the same Gaussians and one camera.",
            )
        if tensor.device != tensors["means"].device:
            raise ScorpError(
                found=f"label_weights got {name} on {tensor.device}, and means on {tensors['means'].device}.",
                needed="Gaussians and camera have to be on one device.",
                do=f"Convert {name} with .to(means.device).",
            )


def _checked_labels(labels: Tensor, num_labels: int) -> Int64[Tensor, "h w"]:
    """The labels as 64-bit integers with -1 for unknown, refused if they are no image of labels below `num_labels`."""
    if labels.ndim != 2 or labels.numel() == 0 or labels.dtype.is_floating_point or labels.dtype == torch.bool:
        raise ScorpError(
            found=f"label_weights got labels of shape {list(labels.shape)} as {labels.dtype}.",
            needed="It has to be one image of whole numbers, [height, width], with at least one pixel.",
            do="Pass one view's label image at a time, as int64 for instance.",
        )
    labels = labels.to(torch.int64).clamp(min=-1)
    if labels.max() >= num_labels:
        raise ScorpError(
            found=f"label_weights got the label {int(labels.max())} in an image.",
            needed=f"Labels have to be below num_labels={num_labels}, or negative where they are unknown.",
            do="Pass the number of all labels, or check that the image belongs to this capture.",
        )
    return labels
