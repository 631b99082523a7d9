"""The built-in matcher: SIFT features (Lowe 2004) of OpenCV with mutual nearest neighbours and the ratio test."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from jaxtyping import Float32, Float64, UInt8

from scorp_ns.cameras import PIXEL_CENTER
from scorp_ns.match.matcher import Matches

REMEMBERED = 64
"""Pictures whose features are cached, since each picture is matched with many."""


@dataclass
class SiftConfig:
    """The settings of SIFT features and their matching."""

    num_features: int = 600
    """Most features of a picture."""
    least_contrast: float = 0.01
    """Contrast threshold of features: a higher one leaves out those of plain surfaces."""
    ratio: float = 0.85
    """Lowe's ratio: matches are taken up to this share of the distance to the next best one; 1 takes all."""

    def __post_init__(self) -> None:
        if self.num_features < 1:
            raise ValueError(f"matcher.sift.num_features is {self.num_features}; it must be 1 or more.")
        if self.least_contrast < 0:
            raise ValueError(f"matcher.sift.least_contrast is {self.least_contrast}; it must be 0 or more.")
        if not 0 < self.ratio <= 1:
            raise ValueError(f"matcher.sift.ratio is {self.ratio}; it must be more than 0 and at most 1.")

    def build(self) -> SiftMatcher:
        """The matcher."""
        return SiftMatcher(self)


@dataclass(frozen=True)
class Features:
    """Keypoints of a picture with their RootSIFT descriptors."""

    places: Float64[np.ndarray, "n 2"]
    """Column and row; the middle of the first pixel is (0.5, 0.5)."""
    descriptors: Float32[np.ndarray, "n 128"]
    """Of length 1."""


class SiftMatcher:
    """Matches features that are mutual nearest neighbours and pass the ratio test."""

    knows_turns = True

    def __init__(self, config: SiftConfig) -> None:
        self.config = config
        self._detector = cv2.SIFT.create(nfeatures=config.num_features, contrastThreshold=config.least_contrast)
        self._features = lru_cache(REMEMBERED)(self._find_features)

    def match(self, first: UInt8[np.ndarray, "h w 3"], second: UInt8[np.ndarray, "k l 3"]) -> Matches:
        """The matches between two pictures, better ones with higher scores."""
        one, other = (self._features(picture.shape, picture.tobytes()) for picture in (first, second))
        if len(one.places) < 2 or len(other.places) < 2:
            return Matches.none()
        alike = one.descriptors @ other.descriptors.T
        nearest, back = alike.argmax(axis=1), alike.argmax(axis=0)
        rows = np.arange(len(alike))
        best_two = np.partition(alike, -2, axis=1)[:, -2:]
        next_best, best = np.sqrt(np.maximum(2 - 2 * best_two, 1e-12)).T
        ratios = (best / next_best).astype(np.float64)
        kept = (back[nearest] == rows) & (ratios <= self.config.ratio)
        return Matches(one.places[kept], other.places[nearest[kept]], 1 - ratios[kept])

    def _find_features(self, shape: tuple[int, ...], pixels: bytes) -> Features:
        """The features of the picture with these pixels."""
        picture = np.frombuffer(pixels, np.uint8).reshape(shape)
        everywhere = np.full(picture.shape[:2], 255, np.uint8)
        keypoints, descriptors = self._detector.detectAndCompute(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), everywhere)
        if not keypoints:
            return Features(np.empty((0, 2)), np.empty((0, 128), np.float32))
        # RootSIFT: square roots compare histograms better (Arandjelović and Zisserman 2012).
        shares = np.sqrt(descriptors / np.maximum(descriptors.sum(axis=1, keepdims=True), 1e-9))
        places = np.array([one.pt for one in keypoints], np.float64) + PIXEL_CENTER
        return Features(places, shares.astype(np.float32))
