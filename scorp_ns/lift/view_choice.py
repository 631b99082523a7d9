"""A few views that together show the most of an object, and show it well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

LEAST_GAIN = 0.03
"""A further view must add at least this share of what can be seen of the object."""

LEAST_AREA = 0.25
"""Views whose masks are smaller than this share of the median mask are not considered."""

VARIETY = 0.25
"""A view from where a chosen one looks already counts less by this share."""

LEAST_QUALITY = 0.05
"""The worst view still counts a little: it may be the only one of its side."""


@dataclass(frozen=True)
class ViewQuality:
    """Scores of a view of an object, each in 0..1."""

    sharpness: float
    """Laplacian variance inside the mask, relative to the object's sharpest view."""
    size: float
    """Square root of the mask's area, relative to the object's largest."""
    completeness: float
    """The share of the object's silhouette that the mask covers, less what the image's border cuts."""

    @property
    def overall(self) -> float:
        """The geometric mean: a view that fails in one respect fails."""
        product = self.sharpness * self.size * self.completeness
        return LEAST_QUALITY + (1 - LEAST_QUALITY) * product ** (1 / 3)

    def as_dict(self) -> dict[str, float]:
        """The numbers by name, for reports."""
        return {name: round(value, 4) for name, value in asdict(self).items()}


def choose_views(
    shown: Float[Tensor, "views m"],
    worth: Float[Tensor, " m"],
    qualities: Sequence[float],
    areas: Sequence[float],
    directions: Float[Tensor, "views 3"],
    most: int,
) -> list[int]:
    """Up to `most` views, best first, chosen greedily by how much more of the object they show, and how well.

    A part of the object counts as much as the best chosen view shows it, times that view's quality. That sum is a
    submodular function, so that a greedy choice is within 1 - 1/e of the best one (Nemhauser et al. 1978), or within
    1 - exp(VARIETY - 1) as variety may prefer a view that adds less by so much. `worth` weighs the object's parts,
    `directions` are unit vectors towards the object.
    """
    candidates = _large_enough(areas)
    if not candidates:
        return []
    value = shown.double() * torch.tensor(qualities, dtype=torch.float64)[:, None]
    visible = float(shown.double().amax(dim=0) @ worth.double())
    covered = torch.zeros(shown.shape[1], dtype=torch.float64)
    chosen: list[int] = []
    while len(chosen) < most:
        gains = ((value - covered).clamp_min(0) @ worth.double()).tolist()
        least = LEAST_GAIN * visible if chosen else 0.0
        worthwhile = [view for view in candidates if view not in chosen and gains[view] > least]
        if not worthwhile:
            break
        chosen.append(max(worthwhile, key=lambda view: gains[view] * _variety(directions, view, chosen)))
        covered = torch.maximum(covered, value[chosen[-1]])
    return chosen


def _large_enough(areas: Sequence[float]) -> list[int]:
    """The views whose masks are not much smaller than usual."""
    with_mask = [area for area in areas if area > 0]
    return [view for view, area in enumerate(areas) if area > 0 and area >= LEAST_AREA * np.median(with_mask)]


def _variety(directions: Float[Tensor, "views 3"], view: int, chosen: list[int]) -> float:
    """1 for views at a right angle or more to all chosen ones, less by up to VARIETY the nearer one of those is."""
    if not chosen:
        return 1.0
    cosine = float((directions[chosen] @ directions[view]).max())
    angle = float(np.arccos(np.clip(cosine, -1, 1)))
    return 1 - VARIETY * (1 - min(1.0, angle / (np.pi / 2)))


def sharpness_inside(photograph: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]) -> float:
    """The Laplacian variance of the photograph's brightness within the mask, away from its outline."""
    inner = _eroded(mask)
    if inner.sum() < 10:
        return 0.0
    grey = cv2.cvtColor(np.ascontiguousarray(photograph), cv2.COLOR_RGB2GRAY)
    return float(np.asarray(cv2.Laplacian(grey, cv2.CV_64F))[inner].var())


def completeness(mask: Bool[np.ndarray, "h w"], silhouette: Bool[np.ndarray, "h w"]) -> float:
    """The share of the object's own silhouette, which knows what is hidden, that the mask covers and no border cuts.

    A mask of something else, as after two labels were swapped, covers nothing of it.
    """
    union = (mask | silhouette).sum()
    if union == 0:
        return 0.0
    border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]]).sum()
    outline = mask.sum() - _eroded(mask).sum()
    cut = min(1.0, 4 * border / max(1, outline))
    return float((mask & silhouette).sum() / union * (1 - cut))


def _eroded(mask: Bool[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """The mask without its outermost pixels, those at the image's border included."""
    framed = cv2.copyMakeBorder(mask.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT)
    return cv2.erode(framed, np.ones((3, 3), np.uint8))[1:-1, 1:-1] > 0
