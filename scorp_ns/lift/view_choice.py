"""A few views that together show the most of an object, and show it well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from scipy import ndimage
from torch import Tensor

LEAST_GAIN = 0.03
"""A further view must add at least this share of what can be seen of the object."""

DISCARDED = 0.3
"""The share of views with the smallest masks that is not considered, if enough remain."""

VARIETY = 0.25
"""How much of a view's worth is that it looks from elsewhere than those already chosen."""

LEAST_QUALITY = 0.05
"""The worst view still counts a little: it may be the only one of its side."""


@dataclass(frozen=True)
class ViewQuality:
    """How well a view shows an object, each number in 0..1."""

    sharpness: float
    """Laplacian variance inside the mask, relative to the object's sharpest views."""
    size: float
    """Mask area, relative to the object's largest."""
    completeness: float
    """How much of the object's silhouette the mask covers, less what the image's border cuts."""

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
    """Up to `most` views, best first, by greedy maximisation of how much of the object they show, and how well.

    A part of the object counts as much as the best chosen view shows it, times that view's quality. That is a
    submodular function, so that the greedy choice is within 1 - 1/e of the best one (Nemhauser et al. 1978).
    `worth` weighs the object's parts, `directions` are unit vectors towards the object.
    """
    candidates = _large_enough(areas)
    value = shown.double() * torch.tensor(qualities, dtype=torch.float64)[:, None]
    total = float((shown.double().amax(dim=0) * worth).sum())
    covered = torch.zeros(shown.shape[1], dtype=torch.float64)
    chosen: list[int] = []
    while len(chosen) < most and candidates and total > 0:
        gains = {view: float(((value[view] - covered).clamp_min(0) * worth).sum()) / total for view in candidates}
        novelties = {view: _novelty(directions, view, chosen) for view in candidates}
        best = max(candidates, key=lambda view: gains[view] * (1 - VARIETY * (1 - novelties[view])))
        if chosen and gains[best] < LEAST_GAIN:
            break
        chosen.append(best)
        candidates.remove(best)
        covered = torch.maximum(covered, value[best])
    return chosen


def _large_enough(areas: Sequence[float]) -> list[int]:
    """The views whose masks are not among the smallest; of a handful of views, all that have a mask."""
    with_mask = [view for view, area in enumerate(areas) if area > 0]
    by_area = sorted(with_mask, key=lambda view: areas[view])
    return sorted(by_area[int(DISCARDED * len(by_area)) :]) if len(by_area) > 4 else with_mask


def _novelty(directions: Float[Tensor, "views 3"], view: int, chosen: list[int]) -> float:
    """The angle to the nearest chosen view, 1 from a right angle on; 1 for the first."""
    if not chosen:
        return 1.0
    cosine = float((directions[chosen] @ directions[view]).max())
    return min(1.0, float(np.arccos(np.clip(cosine, -1, 1))) / (np.pi / 2))


def sharpness_inside(photograph: UInt8[np.ndarray, "h w 3"], mask: Bool[np.ndarray, "h w"]) -> float:
    """The Laplacian variance of the photograph's brightness within the mask, away from its outline."""
    inner = np.asarray(ndimage.binary_erosion(mask, np.ones((3, 3))))
    if inner.sum() < 10:
        return 0.0
    grey = cv2.cvtColor(np.ascontiguousarray(photograph), cv2.COLOR_RGB2GRAY)
    return float(np.asarray(cv2.Laplacian(grey, cv2.CV_64F))[inner].var())


def completeness(mask: Bool[np.ndarray, "h w"], silhouette: Bool[np.ndarray, "h w"]) -> float:
    """How well the mask covers the object's own silhouette, which knows what is hidden, and how little is cut.

    A mask of something else, as after two labels were swapped, covers nothing of it.
    """
    union = (mask | silhouette).sum()
    if union == 0:
        return 0.0
    border = np.concatenate([mask[0], mask[-1], mask[1:-1, 0], mask[1:-1, -1]]).sum()
    outline = mask.sum() - np.asarray(ndimage.binary_erosion(mask, np.ones((3, 3)))).sum()
    cut = min(1.0, 4 * border / max(1, outline))
    return float((mask & silhouette).sum() / union * (1 - cut))
