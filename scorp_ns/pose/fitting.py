"""Poses fitted to what was observed, many at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.observation import Observation
from scorp_ns.pose.proxy_shape import ProxyShape

CHUNKS = 16
"""Parts that poses are fitted in; threads take one after the other."""


@dataclass(frozen=True)
class Fitted:
    """Poses and what they cost."""

    poses: Float64[np.ndarray, "n 19"]
    """Linear part, row by row, translation, scale, how much deeper depths are than the surface, and stretch."""
    costs: Float64[np.ndarray, " n"]


def touch(
    shape: ProxyShape, observation: Observation, rotations: Float64[np.ndarray, "n 3 3"], config: SearchConfig
) -> Float64[np.ndarray, "n 19"]:
    """Poses near these rotations at which the proxy's hull touches the planes that the object touches."""
    from scorp_ns.pose.tangent_kernels import fit_tangents
    from scorp_ns.render.cpu.jit import run_chunks

    number = len(rotations)
    turned, scales, translations, costs = rotations.copy(), np.ones(number), np.zeros((number, 3)), np.zeros(number)
    run_chunks(
        fit_tangents, CHUNKS, turned, shape.corners, observation.planes, observation.offsets,
        config.smallest_scale, config.largest_scale, scales, translations, costs,
    )  # fmt: skip
    linear = scales[:, None] * turned.reshape(-1, 9)
    return np.concatenate([linear, translations, scales[:, None], np.zeros((number, 6))], axis=1)


def fit(
    shape: ProxyShape,
    observation: Observation,
    poses: Float64[np.ndarray, "n 19"],
    config: SearchConfig,
    num_rounds: int,
    softness: tuple[float, float],
    is_stretched: bool = False,
) -> Fitted:
    """The poses after so many rounds, while what counts as an outlier shrinks from the first softness to the last."""
    from scorp_ns.pose.fit_kernels import RIGID, STRETCHED, WEIGHTS, fit_poses
    from scorp_ns.render.cpu.jit import run_chunks

    moved, parts, rays, distances = poses.copy(), np.zeros((len(poses), 4)), observation.rays, shape.distances
    run_chunks(
        fit_poses, CHUNKS, moved, distances.values, distances.grid.origin, distances.grid.spacing,
        shape.channels, shape.grid.origin, shape.grid.spacing,
        observation.points, observation.towards, observation.colors, rays.origins, rays.directions, rays.ends,
        *softness, num_rounds, STRETCHED if is_stretched else RIGID,
        config.smallest_scale, config.largest_scale, parts,
    )  # fmt: skip
    return Fitted(moved, parts @ np.array(WEIGHTS))
