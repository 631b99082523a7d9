"""Windows of photographs around a lifted object, as generators of proxies get them: in the capture's frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.crops import pixel_roles
from scorp_ns.lift.object_views import Sighting, find_sightings
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.products import OCCLUDER, LiftedObject, ObjectCrop

MOST_WINDOWS = 48
"""Of the photographs that show an object, so many that show most of it are told of."""

MARGIN = 0.3
"""A window reaches this share of the object's width and height beyond it."""


def object_windows(
    depths: SceneDepths, one: LiftedObject, own: Gaussians, capture_to_world: Similarity
) -> tuple[ObjectCrop, ...]:
    """The windows of all photographs that show the object; gathered once for each object of a scene."""
    key = _key(one)
    if key not in depths.windows:
        object_views(depths, one, own, capture_to_world, ())
    return depths.windows[key]


def object_views(
    depths: SceneDepths, one: LiftedObject, own: Gaussians, capture_to_world: Similarity, whole: Sequence[str]
) -> tuple[tuple[ObjectCrop, ...], tuple[ObjectCrop, ...]]:
    """The windows, and the photographs named in `whole` uncut, in that order.

    A photograph that is whole but shows nothing of the object by its masks is left out.
    """
    shares = [one.visible_shares.get(view.name, 0.0) for view in depths.views]
    windows, frames = [], {}
    for sighting in find_sightings(depths, own, one.label, shares, one.frame.diagonal, MOST_WINDOWS):
        shown = sighting.mask | sighting.silhouette
        windows.append(_crop(sighting, _window(shown), capture_to_world))
        if sighting.view.name in whole:
            frames[sighting.view.name] = _crop(sighting, (slice(None), slice(None)), capture_to_world)
    depths.windows[_key(one)] = tuple(windows)
    return tuple(windows), tuple(frames[name] for name in whole if name in frames)


def _key(one: LiftedObject) -> tuple[str, int, bytes]:
    """The key of an object's windows in one scene."""
    return one.name, one.label, one.indices.cpu().numpy().tobytes()


def _crop(sighting: Sighting, window: tuple[slice, slice], capture_to_world: Similarity) -> ObjectCrop:
    """The crop of a photograph to a window."""
    view, scene = sighting.view, sighting.scene
    roles = pixel_roles(sighting.mask, sighting.is_hidden)
    if sighting.is_masked:
        roles[~sighting.is_known & ~sighting.mask] = OCCLUDER
    depth = torch.where(scene.is_solid, scene.depth / capture_to_world.scale, torch.inf).float().cpu().numpy()
    photograph, trimap = view.photograph.cpu().numpy(), roles[window].copy()
    rows, columns = window
    camera = capture_to_world.camera_in_source(view.camera)
    camera = camera.cropped(columns.start or 0, rows.start or 0, *trimap.shape[::-1])
    return ObjectCrop(
        name=view.name,
        photograph=photograph[window].copy(),
        trimap=trimap,
        depth=depth[window].copy(),
        viewmat=camera.viewmat,
        K=camera.K,
    )


def _window(shown: Bool[np.ndarray, "h w"]) -> tuple[slice, slice]:
    """The box around what is shown, with a margin, inside the photograph."""
    spans = []
    for axis in (1, 0):
        used = np.nonzero(shown.any(axis=axis))[0].tolist()
        margin = int(np.ceil(MARGIN * (used[-1] + 1 - used[0])))
        spans.append(slice(max(0, used[0] - margin), min(shown.shape[1 - axis], used[-1] + 1 + margin)))
    return spans[0], spans[1]
