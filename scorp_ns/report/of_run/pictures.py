"""The pictures of one object: outlines over photographs, before and after from both sides, the proxy turned around."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import CapturedView, ObjectView
from scorp_ns.report.kit.pages import embedded
from scorp_ns.report.of_run.facts import Outlined
from scorp_ns.report.of_run.outlines import cut_photograph, overlay
from scorp_ns.report.of_run.shots import Orbit, Shot, Window, orbit_around, project, shoot, window_around

SMALL, MANY = 200, 6
"""Pictures of at most so many pixels a side are shown small, and so are those of rows that have more than so many."""

NUM_VIEWS = 3
"""Photographs that an object is shown in."""

NUM_CROPS = 4
NUM_TURNS = 8
"""Pictures of a proxy on its way around."""

ENOUGH = 0.4
"""A photograph is good enough if it shows this share of what the best one shows."""

CLOSE, WIDE = 0.85, 0.45
"""Share of a picture that an object's diagonal fills alone, and in its surroundings."""

FAR = 3.0
"""From how many of its diagonals a proxy alone is looked at."""

FADED = 0.7
"""Share of white in the surroundings of crops."""


CROPS = ("The photographs that show it best", "Cut out for its generator; what is not of it is faded here.")
PHOTOGRAPHED = ("From where it was photographed", "Orange is the outline of its proxy, white that of its mask.")
UNPHOTOGRAPHED = ("From where no photograph was taken", "Round the object, at the height of the photographs.")
TURNED = ("Its proxy, turned around", "As it was generated, and corrected where photographs show otherwise.")
"""The chapters of an object's pictures, and what is to be known of them."""


@dataclass(frozen=True)
class Album:
    """Number and size of an object's pictures."""

    size: int
    """Pixels a side."""
    is_full: bool
    """Otherwise only outlines, and before and after from behind."""


MOST_FULL = 24
"""So many objects get all pictures."""

LARGEST, SMALLEST = 320, 128
AMPLE = 8
"""So many objects get pictures of the largest size; of more, they are smaller."""


def album_for(number: int) -> Album:
    """The album that keeps the page of so many objects small enough for a phone."""
    size = int(np.clip(LARGEST * math.sqrt(AMPLE / max(1, number)), SMALLEST, LARGEST))
    return Album(size, number <= MOST_FULL)


@dataclass(frozen=True)
class Scenes:
    """All of a run's Gaussians before its objects were composed, and as they are now."""

    before: Gaussians
    after: Gaussians
    views: Sequence[CapturedView]
    up: Float[Tensor, " 3"]
    antialiased: bool


@dataclass(frozen=True)
class Subject:
    """The Gaussians and crops of an object that its pictures show, in the world's frame."""

    label: int
    center: Float[Tensor, " 3"]
    diagonal: float
    own: Gaussians
    """The lifted Gaussians."""
    shown: Gaussians
    """The composed Gaussians; the lifted ones where nothing has come of its proxy."""
    proxy: Gaussians | None
    """Its proxy at its place, or at the best one that was found; None if there is none, or no such place."""
    is_believed: bool
    """True if the place of the proxy was accepted, and is not only the best one found."""
    proxy_alone: Gaussians | None
    """Its proxy, wherever that stands; None if there is none."""
    visible_shares: dict[str, float]
    """Per photograph, how much of the object it shows."""
    crops: Sequence[ObjectView]

    @property
    def is_composed(self) -> bool:
        """True if there is a before and an after."""
        return self.own is not self.shown


@dataclass(frozen=True)
class Picture:
    """One picture of a row."""

    name: str
    """Its class in the page's style: `photograph`, `outline`, `before`, `after`, `render`, `crop` or `turn`."""
    caption: str
    image: Image.Image

    @property
    def source(self) -> str:
        """The picture as the page embeds it."""
        return embedded(self.image, LARGEST)


@dataclass(frozen=True)
class Row:
    """Pictures that belong side by side."""

    chapter: str
    """The heading that rows share which follow each other."""
    note: str
    """An explanation of the chapter's pictures."""
    title: str
    pictures: tuple[Picture, ...]

    @property
    def is_small(self) -> bool:
        """True if the page shows them small: because they are, or because there are many."""
        return len(self.pictures) > MANY or max(one.image.width for one in self.pictures) <= SMALL


def picture_object(subject: Subject, scenes: Scenes, album: Album) -> tuple[list[Row], list[Outlined]]:
    """All rows of an object's pictures, and how well its proxy agrees with the photographs in them."""
    views = _telling_views(subject, scenes.views)
    rows, overlays = [*_crops(subject, album)] if album.is_full else [], []
    photographed = []
    for view in views:
        row, found = _photographed(subject, scenes, view, album)
        photographed += row
        overlays += found
    rows += photographed if album.is_full else _joined(photographed)
    orbit = orbit_around(subject.center, subject.diagonal, scenes.up, _showing(subject, scenes.views) or scenes.views)
    rows += _unphotographed(subject, scenes, orbit, album)
    if album.is_full and subject.proxy_alone is not None:
        rows.append(_turned(subject.proxy_alone, orbit, album))
    return rows, overlays


def _showing(subject: Subject, views: Sequence[CapturedView]) -> list[CapturedView]:
    """The photographs that show the object well, best first."""
    shares = subject.visible_shares
    best = max(shares.values(), default=0.0)
    good = [view for view in views if best > 0 and shares.get(view.name, 0.0) >= ENOUGH * best]
    return sorted(good, key=lambda view: -shares[view.name])


def _telling_views(subject: Subject, views: Sequence[CapturedView]) -> list[CapturedView]:
    """The photograph that shows most, then always the one whose direction differs most from those before."""
    good = _showing(subject, views)
    if not good:
        return []
    cameras = torch.stack([view.camera.exact().pose[:3, 3] for view in good])
    directions = torch.nn.functional.normalize(cameras - subject.center.double().cpu(), dim=1)
    chosen = [0]
    while len(chosen) < min(NUM_VIEWS, len(good)):
        nearness = (directions @ directions[chosen].T).amax(dim=1)
        nearness[chosen] = math.inf
        chosen.append(int(nearness.argmin()))
    return [good[index] for index in chosen]


def _crops(subject: Subject, album: Album) -> Iterator[Row]:
    pictures = []
    for view in subject.crops[:NUM_CROPS]:
        colors, alpha = view.rgba[..., :3].astype(np.float32), view.rgba[..., 3:] > 0
        faded = np.where(alpha, colors, (1 - FADED) * colors + FADED * 255).round().astype(np.uint8)
        image = Image.fromarray(faded).resize((album.size, album.size), Image.Resampling.LANCZOS)
        pictures.append(Picture("crop", Path(view.name).name, image))
    if pictures:
        yield Row(*CROPS, "", tuple(pictures))


def _photographed(
    subject: Subject, scenes: Scenes, view: CapturedView, album: Album
) -> tuple[list[Row], list[Outlined]]:
    """A photograph, outlines over it, and what the scene was and is there."""
    window = _window(subject, view)
    if window is None:
        return [], []
    pictures, overlays = [], []
    if album.is_full or subject.proxy is None:
        pictures.append(Picture("photograph", "photograph", cut_photograph(view, window, album.size)))
    if subject.proxy is not None:
        image, agreement = overlay(subject.proxy, subject.label, view, window, album.size)
        said = ["outlines", *([] if subject.is_believed else ["refused"])]
        said += [] if agreement.iou is None else [f"IoU {agreement.iou:.2f}"]
        pictures.append(Picture("outline", ", ".join(said), image))
        overlays.append(agreement)
    if album.is_full:
        pictures += _in_scene(subject, scenes, window.shot(view, album.size))
    return [Row(*PHOTOGRAPHED, view.name, tuple(pictures))], overlays


def _joined(rows: Sequence[Row]) -> list[Row]:
    """The rows as one, whose pictures say of which they are."""
    pictures = [
        replace(picture, caption=f"{Path(row.title).name}, {picture.caption}")
        for row in rows
        for picture in row.pictures
    ]
    return [replace(rows[0], title="", pictures=tuple(pictures))] if pictures else []


def _window(subject: Subject, view: CapturedView) -> Window | None:
    points = [project(subject.own.means[_solid(subject.own)], view)]
    if subject.proxy is not None:
        points.append(project(subject.proxy.means, view))
    return window_around(points, view)


def _solid(gaussians: Gaussians) -> Bool[Tensor, " n"]:
    return gaussians.opacities >= min(0.3, float(gaussians.opacities.max()))


def _unphotographed(subject: Subject, scenes: Scenes, orbit: Orbit, album: Album) -> Iterator[Row]:
    """From the middle of the widest gap between photographs, and from halfway to its ends."""
    middle, half = orbit.unseen()
    pictures = _alone(subject, orbit.shot(middle, album.size, CLOSE), scenes.antialiased)
    if album.is_full:
        pictures += _in_scene(subject, scenes, orbit.shot(middle, album.size, WIDE))
    yield Row(*UNPHOTOGRAPHED, f"{math.degrees(half):.0f} degrees around from the nearest photograph", tuple(pictures))
    if album.is_full:
        sides = [orbit.shot(middle + turn, album.size, CLOSE) for turn in (-half / 2, half / 2)]
        pictures = [picture for shot in sides for picture in _alone(subject, shot, scenes.antialiased)]
        title = f"{math.degrees(half / 2):.0f} degrees around from it, to either side"
        yield Row(*UNPHOTOGRAPHED, title, tuple(pictures))


def _alone(subject: Subject, shot: Shot, antialiased: bool) -> list[Picture]:
    where = "alone" if subject.is_composed else "alone, as it was lifted"
    return _staged(subject, where, subject.own, subject.shown, shot, antialiased)


def _in_scene(subject: Subject, scenes: Scenes, shot: Shot) -> list[Picture]:
    return _staged(subject, "in the scene", scenes.before, scenes.after, shot, scenes.antialiased)


def _staged(
    subject: Subject, where: str, before: Gaussians, after: Gaussians, shot: Shot, antialiased: bool
) -> list[Picture]:
    if not subject.is_composed:
        return [_picture("render", where, after, shot, antialiased)]
    stages = {"before": before, "after": after}
    return [_picture(kind, f"{kind}, {where}", shown, shot, antialiased) for kind, shown in stages.items()]


def _turned(proxy: Gaussians, orbit: Orbit, album: Album) -> Row:
    low, high = proxy.means.double().cpu().aminmax(dim=0)
    diagonal = float((high - low).norm())
    around = replace(orbit, center=(low + high) / 2, diagonal=diagonal, distance=FAR * diagonal)
    pictures = []
    for index in range(NUM_TURNS):
        shot = around.shot(index * math.tau / NUM_TURNS, round(0.75 * album.size), CLOSE)
        pictures.append(_picture("turn", f"{360 * index // NUM_TURNS}°", proxy, shot, False))
    return Row(*TURNED, "", tuple(pictures))


def _picture(kind: str, caption: str, gaussians: Gaussians, shot: Shot, antialiased: bool) -> Picture:
    image, _ = shoot(gaussians, shot, antialiased)
    return Picture(kind, caption, Image.fromarray((255 * image).round().astype(np.uint8)))
