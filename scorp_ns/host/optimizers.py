"""Optimizer settings that suit Gaussians and runs of any length."""

from __future__ import annotations

from dataclasses import dataclass

from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.schedulers import ExponentialDecaySchedulerConfig


@dataclass
class FusedAdamConfig(AdamOptimizerConfig):
    """Adam in one kernel per step, with the tiny epsilon that the small gradients of Gaussians need."""

    eps: float = 1e-15
    """The epsilon value to use."""
    fused: bool = True
    """Update in one kernel, on the CPU and on CUDA."""


@dataclass
class RunLengthDecayConfig(ExponentialDecaySchedulerConfig):
    """Exponential decay over the whole run: the trainer fills in `max_steps`."""
