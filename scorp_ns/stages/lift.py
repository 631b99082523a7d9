"""From photographs with object masks to the objects of a trained scene."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.assignment import assign_labels
from scorp_ns.lift.cleaning import clean_object
from scorp_ns.lift.config import LiftConfig
from scorp_ns.lift.description import describe_object
from scorp_ns.lift.evidence import Evidence
from scorp_ns.lift.growing import grow_from_point, inside_box
from scorp_ns.lift.up import up_direction
from scorp_ns.lift.votes import Votes, gather_votes
from scorp_ns.products import CapturedView, LiftedObject, LiftedScene, ObjectInfo, ObjectView

Progress = Callable[[Sequence[CapturedView], str], Iterable[CapturedView]]
"""Passes a sequence on, and shows people how far it has come."""


@dataclass(frozen=True)
class Scene:
    """What objects are lifted from."""

    gaussians: Gaussians
    views: Sequence[CapturedView]
    capture_to_world: Similarity
    rasterize_mode: Literal["classic", "antialiased"] = "classic"

    @property
    def up(self) -> Float[Tensor, " 3"]:
        """Where up is, in the world frame."""
        return up_direction(torch.stack([view.viewmat for view in self.views]).cpu())


def lift_objects(
    scene: Scene, objects: Sequence[ObjectInfo], config: LiftConfig, progress: Progress = lambda views, title: views
) -> LiftedScene:
    """The scene's Gaussians shared out among the objects; one that fails is reported and costs nothing else."""
    views = progress(scene.views, "Lifting objects")
    votes = gather_votes(scene.gaussians, views, len(objects), scene.rasterize_mode)
    labels = assign_labels(votes, scene.gaussians, config.min_share, config.min_opacity)
    for label, info in enumerate(objects, start=1):
        if info.box is not None and not _has_votes(votes, label):
            is_inside = inside_box(scene.gaussians, info.box, scene.capture_to_world, scene.up)
            labels[is_inside & (labels == 0)] = label
        _drop_floaters(labels, label, scene.gaussians, votes, config)
    return _describe_objects(scene, objects, labels, votes, config)


def lift_at_point(
    scene: Scene,
    lifted: LiftedScene,
    objects: Sequence[ObjectInfo],
    point: Float[Tensor, " 3"],
    radius: float,
    config: LiftConfig,
) -> LiftedScene:
    """The lifted scene with what stands at a point (world frame) as the last of the objects, named by the user.

    `radius` bounds how far it may reach. Gaussians of other objects stay with them.
    """
    votes = gather_votes(scene.gaussians, scene.views, len(objects), scene.rasterize_mode)
    labels = lifted.labels.long()
    is_free = labels == 0
    free = torch.nonzero(is_free)[:, 0]
    grown = grow_from_point(scene.gaussians[free.to(scene.gaussians.means.device)], point, scene.up, radius)
    labels[free[grown.cpu()]] = len(objects)
    return _describe_objects(scene, objects, labels, votes, config)


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
