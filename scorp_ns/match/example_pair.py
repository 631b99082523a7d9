"""Two pictures to try matchers on, with ground truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float64, UInt8

from scorp_ns.cameras import PIXEL_CENTER
from scorp_ns.match.matcher import Matches

WIDTH, HEIGHT = 256, 224
"""Size of the first picture; the second has width and height swapped."""

NUM_SPOTS = 220
"""Discs of all sizes and colours that are painted over one another."""

TURN_DEG, ZOOM = 12.0, 0.9
"""Rotation and scale of the second picture against the first."""


@dataclass(frozen=True)
class ExamplePair:
    """Two pictures of the same plane."""

    first: UInt8[np.ndarray, "h w 3"]
    second: UInt8[np.ndarray, "k l 3"]
    to_second: Float64[np.ndarray, "2 3"]
    """Ground truth: the affine map from places of the first picture to those of the second."""

    def misses(self, matches: Matches) -> Float64[np.ndarray, " n"]:
        """The errors of matches against ground truth, in pixels of the second picture."""
        true = matches.first @ self.to_second[:, :2].T + self.to_second[:, 2]
        return np.linalg.norm(matches.second - true, axis=1)


def example_pair() -> ExamplePair:
    """A deterministic pair, made in milliseconds."""
    random = np.random.default_rng(0)
    first = np.full((HEIGHT, WIDTH, 3), 128, np.uint8)
    for _ in range(NUM_SPOTS):
        center = (int(random.integers(WIDTH)), int(random.integers(HEIGHT)))
        color = [int(value) for value in random.integers(0, 256, 3)]
        cv2.circle(first, center, int(random.integers(3, 22)), color, thickness=-1, lineType=cv2.LINE_AA)
    angle = math.radians(TURN_DEG)
    linear = ZOOM * np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    middle, aim = np.array([WIDTH / 2, HEIGHT / 2]), np.array([HEIGHT / 2, WIDTH / 2])
    to_second = np.concatenate([linear, (aim - linear @ middle)[:, None]], axis=1)
    between_middles = to_second.copy()
    between_middles[:, 2] += linear @ [PIXEL_CENTER, PIXEL_CENTER] - PIXEL_CENTER
    second = cv2.warpAffine(first, between_middles, (HEIGHT, WIDTH), flags=cv2.INTER_AREA, borderValue=(128, 128, 128))
    return ExamplePair(first, second.astype(np.uint8), to_second)
