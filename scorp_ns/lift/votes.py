"""Votes: how much of itself every Gaussian spends on the pixels of every label, over all photographs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import CapturedView
from scorp_ns.render.label_weights import label_weights

WHOLE = 255
"""The byte of a Gaussian that showed all of itself."""


@dataclass(frozen=True)
class Votes:
    """The photographs' votes on the Gaussians."""

    weights: Float[Tensor, "n labels"]
    """Blending weight on the pixels of each label, summed over views; column 0 is no object."""
    shown: UInt8[Tensor, "views n"]
    """The share of itself that each Gaussian shows each view, in 255ths; views without labels count as well."""

    @property
    def num_objects(self) -> int:
        """The number of objects that the photographs were asked about."""
        return self.weights.shape[1] - 1

    @cached_property
    def totals(self) -> Float[Tensor, " n"]:
        """Each Gaussian's blending weight on all pixels with a label, those of no object included."""
        return self.weights.sum(dim=1)

    @cached_property
    def visibility(self) -> Float[Tensor, " n"]:
        """The largest share of itself that each Gaussian showed any view."""
        return self.shown.amax(dim=0).float() / WHOLE

    @cached_property
    def shares(self) -> Float[Tensor, "n labels"]:
        """Each Gaussian's votes as shares of its own; all for no object where it has none."""
        shares = self.weights / self.totals[:, None].clamp_min(torch.finfo(torch.float32).tiny)
        shares[self.totals <= 0, 0] = 1.0
        return shares


def gather_votes(
    gaussians: Gaussians,
    views: Iterable[CapturedView],
    num_objects: int,
    rasterize_mode: Literal["classic", "antialiased"] = "classic",
) -> Votes:
    """One pass per view, for all labels together. A view without labels only tells what it sees."""
    weights = torch.zeros((len(gaussians), num_objects + 1), device=gaussians.means.device)
    shown = []
    for view in views:
        labels = view.labels if view.labels is not None else torch.full((view.height, view.width), -1)
        view_weights, shares = label_weights(
            gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities,
            view.viewmat, view.K, labels.to(weights.device), num_objects + 1, rasterize_mode=rasterize_mode,
        )  # fmt: skip
        weights += view_weights
        shown.append((shares * WHOLE).round().to(torch.uint8).cpu())
    return Votes(weights.cpu(), torch.stack(shown))
