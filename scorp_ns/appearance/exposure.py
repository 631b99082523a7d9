"""Exposure gains: the brightness of each photograph relative to the others, channel by channel."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

ROUNDS = 3
"""Gains and the colours that they are gains over depend on each other: they are found in turn."""

LEAST_POINTS = 30
"""A photograph that sees fewer points of an object is believed to be exposed like the others."""

DARK = 0.05
"""Colours below this say nothing of a gain."""

MOST = 2.0
"""No photograph is brighter or darker than the others by more than this factor."""


def fit_gains(colors: Float[Tensor, "views n 3"], weights: Float[Tensor, "views n"]) -> Float[Tensor, "views 3"]:
    """The factor of each photograph over the mean of all, from the colours in which it shows common points.

    Where a photograph does not see a point the weight is 0. The gains' geometric mean is 1.
    """
    gains = torch.ones(len(colors), 3).to(colors)
    for _ in range(ROUNDS):
        mean = mean_colors(colors, weights, gains)
        for view in range(len(colors)):
            seen = (weights[view] > 0) & (mean.amin(dim=1) > DARK) & (colors[view].amin(dim=1) > DARK)
            if int(seen.sum()) >= LEAST_POINTS:
                gains[view] = (colors[view, seen] / mean[seen]).median(dim=0).values.clamp(1 / MOST, MOST)
        gains = gains / gains.log().mean(dim=0).exp()
    return gains


def mean_colors(
    colors: Float[Tensor, "views n 3"], weights: Float[Tensor, "views n"], gains: Float[Tensor, "views 3"]
) -> Float[Tensor, "n 3"]:
    """Colours of points at the mean exposure, in [0, 1]; black where no photograph sees them."""
    even = (colors / gains[:, None]).clamp(0, 1)
    return (even * weights[..., None]).sum(dim=0) / weights.sum(dim=0).clamp_min(1e-6)[:, None]
