"""From photographs with object masks to the objects of a trained scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int16, Int64
from torch import Tensor

from scorp_ns.errors import PickError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.assignment import assign_labels
from scorp_ns.lift.cleaning import clean_object
from scorp_ns.lift.config import LiftConfig
from scorp_ns.lift.description import describe_object
from scorp_ns.lift.region_growing import grow_from_point, pixels_in_box
from scorp_ns.lift.scene_depths import Evidence
from scorp_ns.lift.up_direction import up_direction
from scorp_ns.lift.votes import Votes, gather_votes
from scorp_ns.products import UNKNOWN, CapturedView, LiftedObject, LiftedScene, ObjectInfo, ObjectView, PickedObject

Progress = Callable[[Sequence[CapturedView], str], Iterable[CapturedView]]
"""Passes a sequence on, and shows people how far it has come."""


@dataclass(frozen=True)
class Scene:
    """The scene that objects are lifted from."""

    gaussians: Gaussians
    views: Sequence[CapturedView]
    capture_to_world: Similarity
    rasterize_mode: Literal["classic", "antialiased"] = "classic"

    @property
    def up(self) -> Float[Tensor, " 3"]:
        """The up direction in the world frame."""
        return up_direction(torch.stack([view.viewmat for view in self.views]).cpu())


def lift_objects(
    scene: Scene, objects: Sequence[ObjectInfo], config: LiftConfig, progress: Progress = lambda views, title: views
) -> LiftedScene:
    """The scene's Gaussians shared out among the objects; one that fails is reported and costs nothing else."""
    boxed = _boxed_labels(scene, objects)
    scene = replace(scene, views=_with_boxes(scene, objects, boxed))
    votes = gather_votes(scene.gaussians, progress(scene.views, "Lifting objects"), len(objects), scene.rasterize_mode)
    labels = assign_labels(votes, scene.gaussians, config.min_share, config.min_opacity)
    for label in range(1, len(objects) + 1):
        _drop_floaters(labels, label, scene.gaussians, votes, config)
    lifted = _describe_objects(scene, objects, labels, votes, config)
    # What was found in a box has no masks to fit.
    found = tuple(replace(one, mask_iou=None) if one.label in boxed else one for one in lifted.objects)
    return replace(lifted, objects=found)


def _boxed_labels(scene: Scene, objects: Sequence[ObjectInfo]) -> list[int]:
    """The labels of objects that are given by a box, and by no mask."""
    with_masks = {int(label) for view in scene.views if view.labels is not None for label in view.labels.unique()}
    return [label for label, info in enumerate(objects, start=1) if info.box is not None and label not in with_masks]


def _with_boxes(scene: Scene, objects: Sequence[ObjectInfo], boxed: Sequence[int]) -> Sequence[CapturedView]:
    """The views, whose labels know what stands in the boxes."""
    views = scene.views
    for label in boxed:
        box = objects[label - 1].box
        assert box is not None
        found = pixels_in_box(scene.gaussians, scene.views, box, scene.capture_to_world, scene.up)
        views = [_with_picked(view, label, found.get(index)) for index, view in enumerate(views)]
    return views


def lift_at_point(
    scene: Scene,
    labels: Int16[Tensor, " n"],
    name: str,
    label: int,
    point: Float[Tensor, " 3"],
    reach: float,
    config: LiftConfig,
) -> PickedObject:
    """The object at a point of the world frame, which `label` shall stand for; a PickError says why there is none.

    It ends within `reach` of the point. The Gaussians that `labels` gives to other objects stay with them.
    """
    grown = grow_from_point(scene.gaussians, scene.views, point, scene.up, reach)
    views = [_with_picked(view, label, grown.get(index)) for index, view in enumerate(scene.views)]
    votes = gather_votes(scene.gaussians, views, label, scene.rasterize_mode)
    own = assign_labels(votes, scene.gaussians, config.min_share, config.min_opacity)
    _drop_floaters(own, label, scene.gaussians, votes, config)
    is_picked, is_taken = own == label, labels.cpu() > 0
    indices = torch.nonzero(is_picked & ~is_taken)[:, 0]
    if len(indices) < config.min_gaussians or 2 * len(indices) < int(is_picked.sum()):
        raise _cannot_pick(len(indices), int((is_picked & is_taken).sum()), config)
    evidence = Evidence(scene.gaussians, views, votes, scene.rasterize_mode)
    one, best_views = describe_object(name, label, indices, evidence, config)
    return PickedObject(replace(one, mask_iou=None), best_views, votes.weights[:, label], votes.visibility)


def show_objects(
    scene: Scene, objects: Sequence[LiftedObject], num_labels: int, config: LiftConfig
) -> dict[str, tuple[ObjectView, ...]]:
    """The best views of objects that were lifted before; photographs know labels up to `num_labels`."""
    votes = gather_votes(scene.gaussians, scene.views, num_labels, scene.rasterize_mode)
    evidence = Evidence(scene.gaussians, scene.views, votes, scene.rasterize_mode)
    return {one.name: describe_object(one.name, one.label, one.indices.cpu(), evidence, config)[1] for one in objects}


def _with_picked(view: CapturedView, label: int, grown: Int16[Tensor, "h w"] | None) -> CapturedView:
    """A view whose labels know the picked object; where nothing was grown, they are unknown."""
    if grown is None:
        grown = torch.full((view.height, view.width), UNKNOWN, dtype=torch.int16)
    grown = torch.where(grown > 0, label, grown).short()
    if view.labels is None:
        return replace(view, labels=grown)
    return replace(view, labels=torch.where(view.labels > 0, view.labels, grown.to(view.labels)))


def _cannot_pick(free: int, taken: int, config: LiftConfig) -> PickError:
    """Why the Gaussians that stand at a point make no object of their own."""
    if taken > free:
        return PickError(
            "What stands there belongs to another object already.",
            "Every Gaussian belongs to one object.",
            "Click on another object, or remove that one first.",
        )
    return PickError(
        f"Only {free} Gaussians stand where the click hit.",
        f"An object needs {config.min_gaussians}.",
        "Click on the middle of an object that the photographs show, or train longer.",
    )


def _has_votes(votes: Votes, label: int) -> bool:
    return bool((votes.weights[:, label] > 0).any())


def _drop_floaters(
    labels: Int64[Tensor, " n"], label: int, gaussians: Gaussians, votes: Votes, config: LiftConfig
) -> None:
    """Give the floaters of an object back to the remainder, in place."""
    indices = torch.nonzero(labels == label)[:, 0]
    if len(indices) == 0:
        return
    weights = votes.weights[indices, label] if _has_votes(votes, label) else votes.weights[indices].sum(dim=1)
    remains = clean_object(gaussians[indices.to(gaussians.means.device)], weights, config.min_island)
    labels[indices[~remains]] = 0


def _describe_objects(
    scene: Scene, objects: Sequence[ObjectInfo], labels: Int64[Tensor, " n"], votes: Votes, config: LiftConfig
) -> LiftedScene:
    """The product: every object that has enough Gaussians described, the others given up."""
    evidence = Evidence(scene.gaussians, scene.views, votes, scene.rasterize_mode)
    lifted: list[LiftedObject] = []
    best_views: dict[str, tuple[ObjectView, ...]] = {}
    failures: dict[str, str] = {}
    for label, info in enumerate(objects, start=1):
        indices = torch.nonzero(labels == label)[:, 0]
        if len(indices) < config.min_gaussians:
            failures[info.name] = _too_few(len(indices), info, _has_votes(votes, label), config)
            labels[indices] = 0
            continue
        one, best_views[info.name] = describe_object(info.name, label, indices, evidence, config)
        labels[indices] = 0
        labels[one.indices] = label
        lifted.append(one)
    return LiftedScene(labels.short(), votes.weights, votes.visibility, tuple(lifted), best_views, failures)


def _too_few(found: int, info: ObjectInfo, has_votes: bool, config: LiftConfig) -> str:
    """Why an object could not be lifted, and what may help."""
    if has_votes:
        do = "Check its masks on the contact sheet, or train longer."
    elif info.box is not None:
        do = "Check that its box is in the capture's frame and units."
    else:
        do = "Its masks show nothing in the training images: check the folder's or label's name."
    return f"{found} Gaussians belong to it, {config.min_gaussians} are needed. {do}"
