"""The similarity that takes points nearest to where others are."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float64

from scorp_ns.gaussians.similarity import Similarity


def nearest_similarity(source: Float64[np.ndarray, "n 3"], target: Float64[np.ndarray, "n 3"]) -> Similarity:
    """The similarity with the least sum of squared distances between where it takes points and their targets.

    It is Umeyama's closed form (1991, IEEE TPAMI 13 (4), equations 40 to 42).
    """
    middle, target_middle = source.mean(axis=0), target.mean(axis=0)
    centered = source - middle
    U, values, Vt = np.linalg.svd((target - target_middle).T @ centered)
    signs = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt))])
    scale = float((values * signs).sum() / (centered**2).sum())
    rotation = U * signs @ Vt
    return Similarity(torch.from_numpy(rotation), torch.from_numpy(target_middle - scale * rotation @ middle), scale)
