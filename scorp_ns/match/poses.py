"""Pose candidates of a proxy from feature matches between photographs and renders: 3D-3D RANSAC (Umeyama 1991)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.match.config import MatchingConfig
from scorp_ns.match.consensus import Bounds, Pairs, ransac_similarities
from scorp_ns.match.matcher import Matcher
from scorp_ns.match.pictures import PointPicture, photograph_picture, render_pictures
from scorp_ns.products import VISIBLE, ObjectCrop, ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries

SMALLEST_SCALE, LARGEST_SCALE = 0.3, 3.0
"""Range of the proxy's diagonal, in diagonals of the lifted object's box, which may be incomplete or have floaters."""

LEAST_WEIGHT = 0.05
"""Least weight of a match."""

TURNING_PHOTOGRAPHS = 3
"""Photographs that decide the rotation of each render, for matchers that do not know turns."""

TURNS = (0, 1, 2, 3)
"""In quarters."""


def ignore_step(share: float) -> None:
    """Does nothing with progress."""


def matched_poses(
    request: ProxyRequest,
    mesh: ColoredMesh,
    matcher: Matcher,
    config: MatchingConfig,
    step: Callable[[float], None] = ignore_step,
) -> tuple[Similarity, ...]:
    """Poses T_capture_proxy that many matches agree on, best first; none where there are too few.

    `mesh` is closed, its box is centred at the origin and has the diagonal 1. `step` takes the share that is done, and
    may raise to stop the work.
    """
    photographs = [photograph_picture(window) for window in _every_nth(request.windows, config.num_sights)]
    shown = [picture for picture in photographs if picture is not None]
    if not shown:
        return ()
    renders = render_pictures(SurfaceQueries(mesh), config.num_renders)
    if not matcher.knows_turns:
        renders = [_best_turned(render, shown, matcher) for render in renders]
    pairs = []
    for index, picture in enumerate(shown):
        step(index / len(shown))
        for group, render in enumerate(renders):
            pairs.append(_pairs(picture, render, matcher, config.matches_per_sight, group))
    diagonal = request.frame.diagonal
    bounds = Bounds(
        threshold=config.inlier_share * float(request.frame.extent.mean()),
        smallest_scale=SMALLEST_SCALE * diagonal,
        largest_scale=LARGEST_SCALE * diagonal,
        least_inliers=config.least_inliers,
    )
    random = np.random.default_rng(config.seed)
    return ransac_similarities(_together(pairs), bounds, config.num_samples, config.num_poses, random)


def _every_nth(windows: Sequence[ObjectCrop], number: int) -> list[ObjectCrop]:
    """Evenly spaced windows among those that show much of the object."""
    areas = np.array([(window.trimap == VISIBLE).sum() for window in windows])
    large = [window for window, area in zip(windows, areas, strict=True) if area >= np.median(areas) / 2 and area > 0]
    chosen = np.unique(np.linspace(0, len(large) - 1, min(number, len(large))).round().astype(int))
    return [large[index] for index in chosen]


def _best_turned(render: PointPicture, shown: Sequence[PointPicture], matcher: Matcher) -> PointPicture:
    """The render at the one of four turns with the best matches."""
    some = shown[:: max(1, len(shown) // TURNING_PHOTOGRAPHS)][:TURNING_PHOTOGRAPHS]
    turned = [render.turned(quarters) for quarters in TURNS]
    found = [sum(matcher.match(picture.image, one.image).scores.sum() for picture in some) for one in turned]
    return turned[int(np.argmax(found))]


def _pairs(picture: PointPicture, render: PointPicture, matcher: Matcher, most: int, group: int) -> Pairs:
    """The surest matches between a photograph and a render, as pairs of 3D points."""
    matches = matcher.match(picture.image, render.image)
    source, target = render.places(matches.second), picture.places(matches.first)
    is_known = np.isfinite(source).all(axis=1) & np.isfinite(target).all(axis=1) & np.isfinite(matches.scores)
    order = np.argsort(-np.where(is_known, matches.scores, -np.inf), kind="stable")
    kept = order[: min(most, int(is_known.sum()))]
    weights = np.maximum(matches.scores[kept], LEAST_WEIGHT)
    return Pairs(source[kept], target[kept], weights, np.full(len(kept), group))


def _together(pairs: Sequence[Pairs]) -> Pairs:
    columns = zip(*((one.source, one.target, one.weights, one.groups) for one in pairs), strict=True)
    return Pairs(*(np.concatenate(column) for column in columns))
