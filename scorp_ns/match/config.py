"""The settings of poses from matches."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MatchingConfig:
    """Counts of pictures and matches, and the RANSAC settings."""

    num_sights: int = 15
    """Photographs that are matched, every n-th of those that show the object."""
    num_renders: int = 14
    """Directions that the proxy is shown from, evenly over the sphere."""
    matches_per_sight: int = 16
    """The surest matches of each photograph with each render that count."""
    num_samples: int = 2000
    """Triples of matches that RANSAC tries."""
    inlier_share: float = 0.1
    """A match agrees with a pose if it is off by at most this share of the mean side of the object's box."""
    least_inliers: int = 6
    """Fewest inlier matches of a pose."""
    num_poses: int = 4
    """Most poses that the search for a place is given to start from."""
    seed: int = 0
    """The seed of RANSAC's samples."""

    def __post_init__(self) -> None:
        counts = (self.num_sights, self.num_renders, self.matches_per_sight, self.num_samples, self.num_poses)
        if min(counts) < 1:
            raise ValueError("num_sights, num_renders, matches_per_sight, num_samples and num_poses must be 1 or more.")
        if self.inlier_share <= 0:
            raise ValueError(f"matcher.matching.inlier_share is {self.inlier_share}; it must be more than 0.")
        if self.least_inliers < 3:
            raise ValueError(f"matcher.matching.least_inliers is {self.least_inliers}; three points make a pose.")
