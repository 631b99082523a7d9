"""Starts around a pose that a person gave, which may be off by a hand's breadth but not by half a turn."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from scorp_ns.gaussians.similarity import Similarity

NUM_PLACES = 120
"""So many places are tried."""

TRIED_TURN_DEG, TRIED_SHIFT, TRIED_SWELLING = 25.0, 0.15, 1.3
"""Their turns, their shifts in diagonals of the proxy, and their factors of size."""

MOST_TURN_DEG, MOST_SHIFT, MOST_SWELLING = 45.0, 0.35, 1.6
"""Poses further away than this are elsewhere."""


def places_near(start: Similarity, seed: int) -> list[Similarity]:
    """The place itself, and others evenly around it."""
    random = np.random.default_rng(seed)
    places = [start]
    for turn, shift, swelling in random.uniform(-1, 1, (NUM_PLACES - 1, 7))[:, [[0, 1, 2], [3, 4, 5], [6, 6, 6]]]:
        rotation = Rotation.from_rotvec(math.radians(TRIED_TURN_DEG) * turn).as_matrix()
        places.append(
            Similarity(
                torch.from_numpy(rotation) @ start.rotation,
                start.translation + TRIED_SHIFT * start.scale * torch.from_numpy(shift),
                start.scale * TRIED_SWELLING ** float(swelling[0]),
            )
        )
    return places


def is_near(start: Similarity, found: Similarity) -> bool:
    """Whether a place is one that a person who gave the start may have meant."""
    turn = Rotation.from_matrix((found.rotation @ start.rotation.T).numpy()).magnitude()
    shift = float((found.translation - start.translation).norm()) / start.scale
    swelling = abs(math.log(found.scale / start.scale))
    return math.degrees(turn) <= MOST_TURN_DEG and shift <= MOST_SHIFT and swelling <= math.log(MOST_SWELLING)
