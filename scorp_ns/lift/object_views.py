"""The views that show an object: its mask there, and what hides it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.products import CapturedView
from scorp_ns.render import Render

MOST_SIGHTINGS = 16
"""Of the views that show an object, so many that show most of it are looked at closely, unless more are asked for."""

LEAST_SHOWN = 0.05
"""Views that show less of the object than this share of what the best one shows do not show it."""

DEPTH_TOLERANCE = 0.05
"""Surfaces this share of the object's size nearer stand before it; less is its own roughness."""

SURROUNDINGS = 0.75
"""An object's surroundings reach this share of its width and height beyond it."""

STRIDE = 3
"""Every third pixel in both directions tells enough of the surroundings."""


@dataclass(frozen=True)
class Sighting:
    """One view of an object."""

    index: int
    """The view's place among all views."""
    view: CapturedView
    mask: Bool[np.ndarray, "h w"]
    """The pixels in which the photograph shows the object."""
    silhouette: Bool[np.ndarray, "h w"]
    """The pixels in which the object would be seen with nothing before it."""
    is_hidden: Bool[np.ndarray, "h w"]
    """The pixels in which something stands before it."""
    is_known: Bool[np.ndarray, "h w"]
    """The pixels that the user's mask knows; elsewhere `mask` is rendered."""
    scene: Render

    @property
    def is_masked(self) -> bool:
        """Whether the mask is the user's, not rendered."""
        return bool(self.is_known.any())

    @property
    def iou(self) -> float:
        """Intersection over union of mask and silhouette, where that is known and nothing stands before the object."""
        counts = self.is_known & ~self.is_hidden
        union = ((self.mask | self.silhouette) & counts).sum()
        return float((self.mask & self.silhouette & counts).sum() / max(1, union))


def find_sightings(
    evidence: SceneDepths,
    own: Gaussians,
    label: int,
    visible_shares: Sequence[float],
    size: float,
    most: int = MOST_SIGHTINGS,
) -> Iterator[Sighting]:
    """The views that show most of an object of this size, in the order of the views.

    Where masks know the object, views without mask are left out; an object without masks is where it is rendered.
    """
    has_masks = any(_mask_of(view, label) is not None for view in evidence.views)
    least = LEAST_SHOWN * max(visible_shares)
    showing = (index for index, share in enumerate(visible_shares) if share > 0 and share >= least)
    by_share = sorted(showing, key=lambda index: -visible_shares[index])
    wanted = (index for index in by_share if not has_masks or _mask_of(evidence.views[index], label) is not None)
    for index in sorted(islice(wanted, most)):
        sighting = _sighting(evidence, own, label, index, size)
        if sighting.mask.any():
            yield sighting


def _mask_of(view: CapturedView, label: int) -> Bool[Tensor, "h w"] | None:
    """The object's mask in a view; None where the view has none."""
    if view.labels is None:
        return None
    mask = view.labels == label
    return mask if bool(mask.any()) else None


def _sighting(evidence: SceneDepths, own: Gaussians, label: int, index: int, size: float) -> Sighting:
    """The object in one view."""
    view, scene, alone = evidence.views[index], evidence.depths(index), evidence.depths_alone(own, index)
    silhouette = alone.is_solid.cpu()
    is_behind = silhouette & (scene.depth < alone.depth - DEPTH_TOLERANCE * size).cpu()
    given = _mask_of(view, label)
    if given is None or view.labels is None:
        is_known = torch.zeros_like(silhouette)
        mask = silhouette & ~is_behind
    else:
        labels = view.labels.cpu()
        is_known = labels >= 0
        is_behind |= silhouette & (labels > 0)
        mask = given.cpu() | (silhouette & ~is_behind & ~is_known)
    hidden = is_behind & ~mask
    return Sighting(index, view, mask.numpy(), silhouette.numpy(), hidden.numpy(), is_known.numpy(), scene)


def surface_around(sightings: Sequence[Sighting]) -> Float[Tensor, "n 3"]:
    """Points of the surfaces around the object, of no object themselves, as the views see them."""
    points = [torch.empty((0, 3))]
    for sighting in sightings:
        chosen = np.zeros(sighting.mask.shape, bool)
        window = _around(sighting.mask)
        chosen[window][::STRIDE, ::STRIDE] = True
        chosen &= ~sighting.mask & ~sighting.silhouette & (sighting.scene.alpha > 0.9).cpu().numpy()
        if sighting.view.labels is not None:
            chosen &= (sighting.view.labels <= 0).cpu().numpy()
        is_chosen = torch.from_numpy(chosen).to(sighting.scene.depth.device)
        points.append(sighting.view.camera.unproject(sighting.scene.depth, is_chosen).cpu())
    return torch.cat(points)


def _around(mask: Bool[np.ndarray, "h w"]) -> tuple[slice, slice]:
    """The mask's bounding box with its surroundings."""
    rows, columns = np.nonzero(mask)
    up_and_down, sideways = (int(SURROUNDINGS * (np.ptp(axis) + 1)) for axis in (rows, columns))
    return (
        slice(max(0, rows.min() - up_and_down), rows.max() + 1 + up_and_down),
        slice(max(0, columns.min() - sideways), columns.max() + 1 + sideways),
    )
