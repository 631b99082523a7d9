"""Where up is, from how photographers hold their cameras: tilted down as often as not, but seldom rolled."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

LEAST_TURN = 0.02
"""Least spread of the cameras' sideways axes within the level plane (as squared sine, about 8 degrees) to trust it."""


def up_direction(viewmats: Float[Tensor, "cameras 4 4"]) -> Float[Tensor, " 3"]:
    """The unit direction across all cameras' sideways axes; the mean of their own ups where they hardly turn.

    The mean alone would lean towards where the cameras look from, by as much as they look down.
    """
    sideways, upward = viewmats[:, 0, :3].double(), -viewmats[:, 1, :3].double()
    mean_up = upward.mean(dim=0)
    spreads, axes = torch.linalg.eigh(sideways.T @ sideways / len(viewmats))
    up = axes[:, 0] if spreads[1] - spreads[0] > LEAST_TURN else mean_up
    up = up if up @ mean_up >= 0 else -up
    return (up / up.norm()).to(viewmats)
