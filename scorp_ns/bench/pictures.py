"""Side-by-side pictures of a few views, for people to judge by eye."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from scorp_ns.evaluate.missing_views import MissingSplit
from scorp_ns.evaluate.object_scores import OwnedScene, render_on
from scorp_ns.products import CapturedView

PER_SET = 3
"""Views shown of each set."""

ERROR_GAIN = 2.0
"""Differences are shown this much stronger."""

ERRORS = {"before": "error", "after": "error_after"}
"""The name of the pictures of differences."""


def write_pictures(
    scenes: Mapping[str, OwnedScene],
    views: Mapping[str, CapturedView],
    split: MissingSplit,
    labels: Sequence[int],
    folder: Path,
    report_folder: Path,
) -> list[dict[str, str]]:
    """Write truth, render and error of some views, objects alone on white; what was written, for the report."""
    folder.mkdir(parents=True, exist_ok=True)
    between = tuple(view for view in split.withheld if view not in split.back)
    sets = {"back": split.back, "withheld": between, "in_arc": split.in_arc, "training": split.train}
    entries = []
    for name, members in sets.items():
        usable = [view for view in members if view in views and views[view].labels is not None]
        for view in _evenly(usable, PER_SET):
            entries.append(
                {"view": view, "set": name, **_write_view(scenes, views[view], labels, folder, report_folder)}
            )
    return entries


def _evenly(names: Sequence[str], number: int) -> list[str]:
    places = np.linspace(0, len(names) - 1, min(number, len(names))).round().astype(int)
    return [names[int(place)] for place in places]


def _write_view(
    scenes: Mapping[str, OwnedScene], view: CapturedView, labels: Sequence[int], folder: Path, report_folder: Path
) -> dict[str, str]:
    """The files of one view, named from the report's folder."""
    assert view.labels is not None
    mask = torch.isin(view.labels.cpu(), torch.tensor(labels, dtype=torch.int16))
    truth = torch.where(mask[..., None], view.photograph.cpu().float() / 255, 1.0)
    pictures = {"truth": truth}
    for stage, scene in scenes.items():
        rendered = render_on(scene.of(labels), view, 1.0)[0].cpu()
        pictures[stage] = rendered
        pictures[ERRORS[stage]] = 1 - (ERROR_GAIN * (rendered - truth).abs()).clamp(0, 1)
    stem = Path(view.name).with_suffix("").as_posix().replace("/", "_")
    files = {}
    for kind, picture in pictures.items():
        path = folder / f"{stem}_{kind}.png"
        Image.fromarray(_bytes(picture)).save(path)
        files[kind] = path.relative_to(report_folder).as_posix()
    return files


def _bytes(picture: Float[Tensor, "h w 3"]) -> UInt8[np.ndarray, "h w 3"]:
    return (picture * 255).round().to(torch.uint8).numpy()
