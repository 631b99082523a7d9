"""The description of one lifted object: frame, support, visible shares, and the views that show it best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.config import LiftConfig
from scorp_ns.lift.crops import crop_view, pixel_roles
from scorp_ns.lift.frame import fit_frame
from scorp_ns.lift.object_views import Sighting, find_sightings, surface_around
from scorp_ns.lift.scene_depths import Evidence
from scorp_ns.lift.support import Surroundings, find_support
from scorp_ns.lift.view_choice import ViewQuality, choose_views, completeness, sharpness_inside
from scorp_ns.lift.votes import WHOLE, Votes
from scorp_ns.products import LiftedObject, ObjectView

LEAST_FIT = 0.5
"""A view is left out if its mask overlaps with the object less than this share of what its other masks do."""

RESTING = 0.005
"""Gaussians no higher above an object's support than this share of its size are the support's own."""

LOW_OBJECT = 0.1
"""Unless they are more than this share of the object: what lies flat on its support is as low as that."""

LEAST_ABOVE = 0.5
"""With less of an object left above its support, the support is too high, and takes nothing."""


def describe_object(
    name: str, label: int, indices: Int64[Tensor, " m"], evidence: Evidence, config: LiftConfig
) -> tuple[LiftedObject, tuple[ObjectView, ...]]:
    """The object that some Gaussians of the scene make up, without those below its support, and its best views."""
    own = evidence.gaussians[indices.to(evidence.gaussians.means.device)]
    votes, up = evidence.votes, evidence.up
    size = fit_frame(own.means, up, None).diagonal
    sightings = list(find_sightings(evidence, own, label, _visible_shares(votes, indices, _areas(own)), size))
    surroundings = Surroundings(surface_around(sightings), evidence.gaussians.means.cpu(), votes.weights[:, 0])
    support = find_support(surroundings, own.means, up)
    if support is not None:
        is_own = _is_above(support.heights(own.means), size)
        own, indices = own[is_own], indices[is_own.cpu()]
    areas = _areas(own)
    shares = _visible_shares(votes, indices, areas)
    lifted = LiftedObject(
        name=name,
        label=label,
        indices=indices,
        visibility=votes.visibility[indices],
        frame=fit_frame(own.means, up, support),
        support=support,
        visible_shares={view.name: share for view, share in zip(evidence.views, shares, strict=True)},
        mask_iou=_mask_iou(sightings),
    )
    return lifted, _best_views(lifted, _of_the_object(sightings), votes, areas, config)


def _is_above(heights: Float[Tensor, " m"], size: float) -> Bool[Tensor, " m"]:
    """The mask of an object's Gaussians that are not its support's, by their heights above it."""
    is_above = heights > RESTING * size
    if (~is_above).float().mean() < LOW_OBJECT:
        return is_above
    is_above = heights > -RESTING * size
    return is_above if is_above.float().mean() > LEAST_ABOVE else torch.ones_like(is_above)


def _areas(own: Gaussians) -> Float[Tensor, " m"]:
    """The surface that each Gaussian stands for: its largest shadow, less where it is faint."""
    return (own.scales.sort(dim=1).values[:, 1:].prod(dim=1) * own.opacities).double().cpu()


def _visible_shares(votes: Votes, indices: Int64[Tensor, " m"], areas: Float[Tensor, " m"]) -> list[float]:
    """The share that each view shows of the surface that any view saw."""
    shown = votes.shown[:, indices].double() / WHOLE @ areas
    seen = (votes.visibility[indices].double() @ areas).clamp_min(torch.finfo(torch.float64).tiny)
    return (shown / seen).tolist()


def _mask_iou(sightings: Sequence[Sighting]) -> float | None:
    ious = [sighting.iou for sighting in sightings if sighting.is_masked]
    return float(np.mean(ious)) if ious else None


def _of_the_object(sightings: Sequence[Sighting]) -> list[Sighting]:
    """The sightings whose masks fit the object about as well as usual; others show something else."""
    usual = float(np.median([sighting.iou for sighting in sightings])) if sightings else 0.0
    return [sighting for sighting in sightings if sighting.iou >= LEAST_FIT * usual]


def _best_views(
    lifted: LiftedObject, sightings: Sequence[Sighting], votes: Votes, areas: Float[Tensor, " m"], config: LiftConfig
) -> tuple[ObjectView, ...]:
    """The crops of the chosen views, best first."""
    if not sightings:
        return ()
    qualities = _qualities(sightings)
    indices = [sighting.index for sighting in sightings]
    shown = votes.shown[indices][:, lifted.indices].double() / WHOLE
    chosen = choose_views(
        shown=shown,
        worth=areas,
        qualities=[quality.overall for quality in qualities],
        areas=[float(sighting.mask.sum()) for sighting in sightings],
        directions=_directions(sightings, lifted.frame.center),
        most=config.max_views,
    )
    views = []
    for place in chosen:
        sighting = sightings[place]
        roles = pixel_roles(sighting.mask, sighting.is_hidden)
        coverage = round(lifted.visible_shares[sighting.view.name], 4)
        scores = {"coverage": coverage, **qualities[place].as_dict()}
        views.append(crop_view(sighting.view, roles, config.crop_margin, config.min_crop_pixels, scores))
    return tuple(views)


def _qualities(sightings: Sequence[Sighting]) -> list[ViewQuality]:
    """The quality of each sighting, relative to the object's best."""
    photographs = [sighting.view.photograph.cpu().numpy() for sighting in sightings]
    sharpness = [sharpness_inside(image, one.mask) for image, one in zip(photographs, sightings, strict=True)]
    areas = [float(sighting.mask.sum()) for sighting in sightings]
    sharpest, largest = max(sharpness, default=0.0), max(areas, default=0.0)
    return [
        ViewQuality(
            sharpness=sharp / sharpest if sharpest > 0 else 1.0,
            size=(area / largest) ** 0.5,
            completeness=completeness(sighting.mask, sighting.silhouette),
        )
        for sharp, area, sighting in zip(sharpness, areas, sightings, strict=True)
    ]


def _directions(sightings: Sequence[Sighting], center: Float[Tensor, " 3"]) -> Float[Tensor, "views 3"]:
    """Unit vectors from each camera towards the object."""
    cameras = torch.stack([sighting.view.camera.pose[:3, 3] for sighting in sightings]).cpu()
    return torch.nn.functional.normalize(center.double().cpu() - cameras, dim=1)
