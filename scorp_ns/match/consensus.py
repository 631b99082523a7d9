"""Robust similarities from point pairs with many outliers: RANSAC with Umeyama's fit (Umeyama 1991)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float64, Int64

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.umeyama import FittedSimilarities, fit_similarities, fit_similarity

ROUNDS = 4
"""Refits of a similarity to its inliers."""

AT_ONCE = 200_000
"""Most residuals (pairs times similarities) at once, which bounds the memory."""


@dataclass(frozen=True)
class Pairs:
    """Putative 3D-3D matches: points of a proxy and of the capture."""

    source: Float64[np.ndarray, "n 3"]
    target: Float64[np.ndarray, "n 3"]
    weights: Float64[np.ndarray, " n"]
    """The confidence of each pair, above 0."""
    groups: Int64[np.ndarray, " n"]
    """Pairs of one group, those of one render, are right or wrong together more often than others."""

    def __len__(self) -> int:
        return len(self.weights)

    def __getitem__(self, kept: Bool[np.ndarray, " n"]) -> Pairs:
        """Some of them."""
        return Pairs(self.source[kept], self.target[kept], self.weights[kept], self.groups[kept])


@dataclass(frozen=True)
class Bounds:
    """The inlier threshold, and the range of valid similarities."""

    threshold: float
    """The inlier distance."""
    smallest_scale: float
    largest_scale: float
    least_inliers: int
    """Fewest inliers."""


def ransac_similarities(
    pairs: Pairs, bounds: Bounds, num_samples: int, most: int, random: np.random.Generator
) -> tuple[Similarity, ...]:
    """Similarities with the most inliers, best first; each next one is found among the outliers of those before."""
    found: list[Similarity] = []
    while len(found) < most and len(pairs) >= bounds.least_inliers:
        best = _best_consensus(pairs, bounds, num_samples, random)
        if best is None:
            break
        similarity, agrees = best
        found.append(similarity)
        pairs = pairs[~agrees]
    return tuple(found)


def _best_consensus(
    pairs: Pairs, bounds: Bounds, num_samples: int, random: np.random.Generator
) -> tuple[Similarity, Bool[np.ndarray, " n"]] | None:
    """The similarity with the greatest inlier weight, refitted to its inliers, and their mask; None with too few."""
    triples = _triples(pairs.groups, num_samples, random)
    tried = fit_similarities(pairs.source[triples], pairs.target[triples], np.ones(triples.shape))
    is_possible = (tried.scales >= bounds.smallest_scale) & (tried.scales <= bounds.largest_scale)
    support = np.where(is_possible, _support(pairs, tried, bounds.threshold), 0.0)
    if not support.any():
        return None
    similarity = tried[int(support.argmax())]
    agrees = _agrees(pairs, similarity, bounds.threshold)
    for _ in range(ROUNDS):
        if agrees.sum() < bounds.least_inliers or _is_thin(pairs.target[agrees], bounds.threshold):
            return None
        inliers = pairs[agrees]
        similarity = fit_similarity(inliers.source, inliers.target, inliers.weights)
        agrees = _agrees(pairs, similarity, bounds.threshold)
    is_good = bounds.smallest_scale <= similarity.scale <= bounds.largest_scale
    return (similarity, agrees) if is_good and agrees.sum() >= bounds.least_inliers else None


def _triples(groups: Int64[np.ndarray, " n"], number: int, random: np.random.Generator) -> Int64[np.ndarray, "m 3"]:
    """About `number` samples of three different pairs of one group; smaller groups give none."""
    order = np.argsort(groups, kind="stable")
    _, starts, sizes = np.unique(groups[order], return_index=True, return_counts=True)
    starts, sizes = starts[sizes >= 3], sizes[sizes >= 3]
    if not len(sizes):
        return np.empty((0, 3), np.int64)
    chosen = random.choice(len(sizes), number, p=sizes / sizes.sum())
    picks = np.floor(random.random((number, 3)) * sizes[chosen, None]).astype(np.int64)
    are_different = (np.diff(np.sort(picks, axis=1), axis=1) > 0).all(axis=1)
    return order[starts[chosen, None] + picks][are_different]


def _support(pairs: Pairs, tried: FittedSimilarities, threshold: float) -> Float64[np.ndarray, " m"]:
    """The inlier weight of each similarity."""
    support, step = np.zeros(len(tried.scales)), max(1, AT_ONCE // len(pairs))
    for first in range(0, len(support), step):
        some = slice(first, first + step)
        part = FittedSimilarities(tried.rotations[some], tried.translations[some], tried.scales[some])
        misses = ((part.apply(pairs.source) - pairs.target) ** 2).sum(axis=-1)
        support[some] = (misses < threshold**2) @ pairs.weights
    return support


def _agrees(pairs: Pairs, similarity: Similarity, threshold: float) -> Bool[np.ndarray, " n"]:
    """The inlier mask of a similarity."""
    placed = similarity.apply(torch.from_numpy(pairs.source)).numpy()
    return ((placed - pairs.target) ** 2).sum(axis=1) < threshold**2


def _is_thin(points: Float64[np.ndarray, "n 3"], threshold: float) -> bool:
    """True if points are so near to a line that the rotation about it is undetermined."""
    spreads = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) / np.sqrt(len(points))
    return bool(spreads[1] < threshold / 2)
