"""Adaptive density control while a scene trains: gsplat's strategy, with resets of its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gsplat.strategy import DefaultStrategy


@dataclass
class Densification(DefaultStrategy):
    """gsplat's strategy, but resets leave Gaussians an opacity of their own, and not twice what pruning spares.

    A short run prunes little, so that thin things survive, and has no time to make a scene from nothing again.
    """

    reset_opa: float = 0.2
    """The largest opacity that a reset leaves a Gaussian."""

    def step_post_backward(
        self,
        params: Any,
        optimizers: dict[str, Any],
        state: dict[str, Any],
        step: int,
        info: dict[str, Any],
        packed: bool = False,
    ) -> None:
        """Split, duplicate, prune and reset after a backward pass, where the time for it has come."""
        spared = self.prune_opa
        # gsplat prunes nothing in an iteration that resets, so that its threshold is free to say what to reset to.
        if step % self.reset_every == 0:
            self.prune_opa = self.reset_opa / 2
        try:
            super().step_post_backward(params, optimizers, state, step, info, packed)
        finally:
            self.prune_opa = spared
