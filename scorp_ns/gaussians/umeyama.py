"""Umeyama alignment: the similarity of least squared error between points, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float64

from scorp_ns.gaussians.similarity import Similarity


@dataclass(frozen=True)
class FittedSimilarities:
    """Similarities, one per set of points: target = scale * rotation @ source + translation."""

    rotations: Float64[np.ndarray, "*b 3 3"]
    translations: Float64[np.ndarray, "*b 3"]
    scales: Float64[np.ndarray, "*b"]
    """0 where the source is a single point."""

    def apply(self, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "*b n 3"]:
        """The points in the target of each."""
        linear = self.scales[..., None, None] * self.rotations
        return points @ np.swapaxes(linear, -1, -2) + self.translations[..., None, :]

    def __getitem__(self, index: int) -> Similarity:
        """One of them."""
        rotation, translation = self.rotations[index], self.translations[index]
        return Similarity(
            torch.from_numpy(rotation.copy()), torch.from_numpy(translation.copy()), float(self.scales[index])
        )


def fit_similarities(
    source: Float64[np.ndarray, "b n 3"], target: Float64[np.ndarray, "b n 3"], weights: Float64[np.ndarray, "b n"]
) -> FittedSimilarities:
    """The similarities of least weighted squared error, never mirrored (Umeyama, TPAMI 1991)."""
    shares = weights / weights.sum(axis=1, keepdims=True)
    middle, aim = (np.einsum("bn,bnd->bd", shares, points) for points in (source, target))
    centered, aimed = source - middle[:, None], target - aim[:, None]
    U, values, Vt = np.linalg.svd(np.einsum("bn,bni,bnj->bij", shares, aimed, centered))
    signs = np.ones_like(values)
    signs[:, 2] = np.sign(np.linalg.det(U) * np.linalg.det(Vt))
    rotations = (U * signs[:, None]) @ Vt
    spread = np.einsum("bn,bnd->b", shares, centered**2)
    scales = np.divide((values * signs).sum(axis=1), spread, out=np.zeros_like(spread), where=spread > 0)
    translations = aim - scales[:, None] * np.einsum("bij,bj->bi", rotations, middle)
    return FittedSimilarities(rotations, translations, scales)


def fit_similarity(
    source: Float64[np.ndarray, "n 3"],
    target: Float64[np.ndarray, "n 3"],
    weights: Float64[np.ndarray, " n"] | None = None,
) -> Similarity:
    """The similarity of least squared error, never mirrored; the source must not be a single point."""
    counted = np.ones(len(source)) if weights is None else weights
    return fit_similarities(source[None], target[None], counted[None])[0]
