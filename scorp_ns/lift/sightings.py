"""The views that show an object: its mask there, and what hides it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.silhouettes import Depths, render_depths, unproject
from scorp_ns.products import CapturedView

MOST_SIGHTINGS = 16
"""Of the views that show an object, so many that show most of it are looked at closely."""

LEAST_SHOWN = 0.05
"""Views that show less of the object than this do not show it."""

DEPTH_TOLERANCE = 0.05
"""What is this share of the object's size nearer than it stands before it; less is the object's own roughness."""

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
    """Where the photograph shows the object."""
    silhouette: Bool[np.ndarray, "h w"]
    """Where the object would be seen with nothing before it."""
    is_hidden: Bool[np.ndarray, "h w"]
    """Where something stands before it."""
    is_masked: bool
    """Whether the mask is the user's, not rendered."""
    scene: Depths

    @property
    def iou(self) -> float:
        """Intersection over union of mask and silhouette, where nothing stands before the object."""
        counts = ~self.is_hidden
        union = ((self.mask | self.silhouette) & counts).sum()
        return float((self.mask & self.silhouette & counts).sum() / max(1, union))


def find_sightings(
    gaussians: Gaussians,
    own: Gaussians,
    label: int,
    views: Sequence[CapturedView],
    visible_shares: Sequence[float],
    size: float,
) -> Iterator[Sighting]:
    """The views that show most of an object, in the order of the views.

    Where masks know the object, views without mask are left out; an object without masks is where it is rendered.
    """
    has_masks = any(_mask_of(view, label) is not None for view in views)
    indices = [index for index, share in enumerate(visible_shares) if share >= LEAST_SHOWN]
    if has_masks:
        indices = [index for index in indices if _mask_of(views[index], label) is not None]
    best = sorted(indices, key=lambda index: -visible_shares[index])[:MOST_SIGHTINGS]
    for index in sorted(best):
        sighting = _sighting(gaussians, own, label, index, views[index], size)
        if sighting.mask.any():
            yield sighting


def _mask_of(view: CapturedView, label: int) -> Bool[Tensor, "h w"] | None:
    """The object's mask in a view; None where the view has none."""
    if view.labels is None:
        return None
    mask = view.labels == label
    return mask if bool(mask.any()) else None


def _sighting(
    gaussians: Gaussians, own: Gaussians, label: int, index: int, view: CapturedView, size: float
) -> Sighting:
    """What one view shows of the object."""
    scene, alone = render_depths(gaussians, view), render_depths(own, view)
    silhouette = alone.is_solid.cpu()
    is_behind = silhouette & (scene.depth < alone.depth - DEPTH_TOLERANCE * size).cpu()
    given = _mask_of(view, label)
    if given is not None and view.labels is not None:
        is_behind = is_behind | (silhouette & (view.labels > 0).cpu())
    mask = silhouette & ~is_behind if given is None else given.cpu()
    hidden = is_behind & ~mask
    return Sighting(index, view, mask.numpy(), silhouette.numpy(), hidden.numpy(), given is not None, scene)


def surroundings(sightings: Sequence[Sighting]) -> Float[Tensor, "n 3"]:
    """Points of the surfaces around the object, of no object themselves, as the views see them."""
    points = [torch.empty((0, 3))]
    for sighting in sightings:
        chosen = np.zeros(sighting.mask.shape, bool)
        window = _around(sighting.mask)
        chosen[window][::STRIDE, ::STRIDE] = True
        chosen &= ~sighting.mask & ~sighting.silhouette & (sighting.scene.opacity > 0.9).cpu().numpy()
        if sighting.view.labels is not None:
            chosen &= (sighting.view.labels <= 0).cpu().numpy()
        is_chosen = torch.from_numpy(chosen).to(sighting.scene.depth.device)
        points.append(unproject(sighting.scene, sighting.view, is_chosen).cpu())
    return torch.cat(points)


def _around(mask: Bool[np.ndarray, "h w"]) -> tuple[slice, slice]:
    """The mask's bounding box with its surroundings."""
    rows, columns = np.nonzero(mask)
    up_and_down, sideways = (int(SURROUNDINGS * (np.ptp(axis) + 1)) for axis in (rows, columns))
    return (
        slice(max(0, rows.min() - up_and_down), rows.max() + 1 + up_and_down),
        slice(max(0, columns.min() - sideways), columns.max() + 1 + sideways),
    )
