"""The up direction, from the way photographers hold their cameras: tilted down as often as not, but seldom rolled."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

LOOKING_DOWN = 0.5
"""Cameras tell by their own ups which way is up, and half as much by where they look: from above rather than below."""

LEAST_AGREEMENT = 0.1
"""Ups whose mean is shorter than this contradict each other."""

LEAST_TURN = 0.02
"""Least spread of the cameras' sideways axes within the level plane (as squared sine, about 8 degrees) to trust it."""


def up_direction(viewmats: Float[Tensor, "cameras 4 4"]) -> Float[Tensor, " 3"]:
    """The unit direction across all cameras' sideways axes; the mean of their own ups where they hardly turn.

    The mean alone would lean towards where the cameras look from, by as much as they look down.
    """
    sideways, upward, backward = (sign * viewmats[:, axis, :3].double() for axis, sign in enumerate((1, -1, -1)))
    hint = upward.mean(dim=0) + LOOKING_DOWN * backward.mean(dim=0)
    spreads, axes = torch.linalg.eigh(sideways.T @ sideways / len(viewmats))
    if spreads[1] - spreads[0] > LEAST_TURN:
        up = axes[:, 0] if axes[:, 0] @ hint >= 0 else -axes[:, 0]
    else:
        up = upward.mean(dim=0) if upward.mean(dim=0).norm() > LEAST_AGREEMENT else hint
    return (up / up.norm()).to(viewmats)
