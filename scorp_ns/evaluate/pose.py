"""Errors of a proxy's estimated pose against the ground truth."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import torch
from jaxtyping import Float64

from scorp_ns.evaluate.symmetries import SymmetryGroup
from scorp_ns.gaussians.similarity import Similarity


@dataclass(frozen=True)
class PoseErrors:
    """The turn, growth and shift of the estimate from the true pose; all 0 or more."""

    rotation_deg: float
    """The angle of the turn, at most 180, modulo the object's symmetries."""
    scale_pct: float
    """The change of the object's size, in % of the true one: 100 for twice the size, 50 for half."""
    translation_pct: float
    """The shift of the object's centre, in % of its diagonal."""

    def as_dict(self) -> dict[str, float]:
        """The errors by name."""
        return asdict(self)


def pose_errors(
    estimated: Similarity,
    true: Similarity,
    center: Float64[np.ndarray, " 3"],
    diagonal: float,
    symmetries: SymmetryGroup,
) -> PoseErrors:
    """Errors of one map from the proxy's frame to the capture's, measured where the object stands in the capture.

    `center` is the true object's, in the capture frame: the proxy's own origin may be anywhere, and would turn an
    error of rotation into one of translation. `diagonal` is the true object's as well.
    """
    assert diagonal > 0
    moved = estimated @ true.inverse()
    assert not moved.is_mirrored
    start = torch.from_numpy(center)
    return PoseErrors(
        rotation_deg=symmetries.remaining_degrees(moved.rotation),
        scale_pct=100 * abs(moved.scale - 1),
        translation_pct=100 * float((moved.apply(start) - start).norm()) / diagonal,
    )
