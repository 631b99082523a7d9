"""Image scores of a scene and its objects over views, by the definitions of the missing-viewpoint protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scorp_ns.evaluate.metrics import image_metrics, psnr
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import CapturedView
from scorp_ns.render import render
from scorp_ns.render.gaussians import SOLID

DEFINITIONS = {
    "alone": "The target objects rendered by themselves on white, against the photograph cut by their true mask on "
    "white; pixels where something that is no target hides them are left out. PSNR, SSIM and LPIPS are over the "
    "frame, miou is that of the rendered alpha (> 0.5) with the mask, all averaged over views.",
    "back": "alone, over the withheld views at least 130 degrees from the middle of the arc (or the furthest third).",
    "context": "The whole scene rendered, compared inside the union of true mask and rendered objects. It flatters "
    "broken objects, as the background shows through their holes.",
    "in_arc": "alone, over every fifth view inside the arc, held out of training.",
    "training": "alone, over the views that were trained on.",
    "full_psnr": "PSNR of the whole image.",
}
"""The meanings of a report's parts."""

PERFECT_DB = 100.0
"""The PSNR reported for images without any difference."""

WHITE = 1.0

FurtherScores = Callable[[Tensor, Tensor], Mapping[str, float]]
"""Scores of a render and the truth, both [h, w, 3]."""


@dataclass(frozen=True)
class OwnedScene:
    """Gaussians, each with the number of the object that owns it; 0 for none."""

    gaussians: Gaussians
    owners: Int[Tensor, " n"]

    def of(self, labels: Sequence[int]) -> Gaussians:
        """The Gaussians of these objects."""
        return self.gaussians[torch.isin(self.owners, torch.tensor(labels, device=self.owners.device))]


@dataclass(frozen=True)
class ViewScores:
    """One view's scores; parts that say nothing there are None."""

    name: str
    alone: Mapping[str, float] | None
    context: Mapping[str, float] | None
    full_psnr: float
    objects: Mapping[int, Mapping[str, float]]


@torch.no_grad()
def render_on(gaussians: Gaussians, view: CapturedView, background: float) -> tuple[Tensor, Tensor]:
    """Colour [h, w, 3] over an even background, and opacity [h, w]."""
    drawn = render(gaussians, view.camera, background=background)
    return drawn.colors.clamp(0, 1), drawn.alpha


def no_further_scores(rendered: Float[Tensor, "h w 3"], truth: Float[Tensor, "h w 3"]) -> dict[str, float]:
    """Nothing: what is measured where no learned metric is at hand."""
    return {}


def score_view(
    scene: OwnedScene,
    view: CapturedView,
    labels: Sequence[int],
    hidden: Mapping[int, Bool[Tensor, "h w"]],
    further: FurtherScores = no_further_scores,
) -> ViewScores:
    """The scores of one view; without a label map, or without targets, those of the whole image alone.

    `hidden` says per object where something else stands before it, `further` measures the targets alone.
    """
    device = scene.gaussians.means.device
    photograph = view.photograph.to(device).float() / 255
    whole, _ = render_on(scene.gaussians, view, 0.0)
    full_psnr = min(PERFECT_DB, float(psnr(whole, photograph)))
    if view.labels is None or not labels:
        return ViewScores(view.name, alone=None, context=None, full_psnr=full_psnr, objects={})
    ids, nothing = view.labels.to(device), torch.zeros(view.labels.shape, dtype=torch.bool)
    mask = torch.isin(ids, torch.tensor(labels, dtype=ids.dtype, device=device))
    covered = torch.stack([hidden.get(label, nothing).to(device) for label in labels]).any(dim=0)
    # Where one target hides another, the mask shows a target all the same.
    counts = ~(covered & ~mask) & (ids >= 0)
    rendered, alpha = render_on(scene.of(labels), view, WHITE)
    return ViewScores(
        name=view.name,
        alone=score_alone(rendered, alpha, photograph, mask, counts, further),
        context=_score_inside(whole, photograph, mask | (alpha > SOLID)),
        full_psnr=full_psnr,
        objects={
            label: scores
            for label in labels
            if (scores := _score_object(scene, view, label, photograph, ids, hidden.get(label, nothing))) is not None
        },
    )


def _score_object(
    scene: OwnedScene,
    view: CapturedView,
    label: int,
    photograph: Float[Tensor, "h w 3"],
    ids: Int[Tensor, "h w"],
    hidden: Bool[Tensor, "h w"],
) -> Mapping[str, float] | None:
    """One object's scores; other objects' pixels are left out where they hide it."""
    rendered, alpha = render_on(scene.of([label]), view, WHITE)
    mask = ids == label
    return score_alone(rendered, alpha, photograph, mask, ~(hidden.to(ids.device) & ~mask) & (ids >= 0))


def score_alone(
    rendered: Float[Tensor, "h w 3"],
    alpha: Float[Tensor, "h w"],
    photograph: Float[Tensor, "h w 3"],
    mask: Bool[Tensor, "h w"],
    counts: Bool[Tensor, "h w"],
    further: FurtherScores = no_further_scores,
) -> Mapping[str, float] | None:
    """Objects on white against the photograph's own cut on white; None where neither shows anything."""
    solid = (alpha > SOLID) & counts
    truth = mask & counts
    union = (solid | truth).sum()
    if union == 0:
        return None
    cut = torch.where(truth[..., None], photograph, WHITE)
    shown = torch.where(counts[..., None], rendered, WHITE)
    miou = float((solid & truth).sum() / union)
    return {**_scores(shown, cut, counts), "miou": miou, **further(shown, cut)}


def _score_inside(
    rendered: Float[Tensor, "h w 3"], photograph: Float[Tensor, "h w 3"], region: Bool[Tensor, "h w"]
) -> Mapping[str, float] | None:
    """Image metrics inside a region; outside, both are white."""
    if not bool(region.any()):
        return None
    inside = region[..., None]
    return _scores(torch.where(inside, rendered, WHITE), torch.where(inside, photograph, WHITE), region)


def _scores(
    image: Float[Tensor, "h w 3"], truth: Float[Tensor, "h w 3"], counts: Bool[Tensor, "h w"]
) -> dict[str, float]:
    """PSNR over the pixels that count; SSIM and, with weights, LPIPS over the frame, equal where nothing counts."""
    scores = image_metrics(image, truth)
    return {**scores, "psnr": min(PERFECT_DB, float(psnr(image, truth, counts[..., None])))}


def mean_scores(scores: Iterable[Mapping[str, float] | None]) -> dict[str, float]:
    """The average of each score over the views that have it."""
    known = [entry for entry in scores if entry is not None]
    names = dict.fromkeys(name for entry in known for name in entry)
    return {
        name: sum(entry[name] for entry in known if name in entry) / sum(name in entry for entry in known)
        for name in names
    }
