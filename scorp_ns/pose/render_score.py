"""The score of a posed proxy, rendered exactly, against the photographs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Float64

from scorp_ns.pose.observation import Pixels
from scorp_ns.pose.proxy_shape import ProxyShape
from scorp_ns.products import BACKGROUND, OCCLUDER, VISIBLE
from scorp_ns.surfaces.queries import Hits

SPILL_PRICE, DEPTH_PRICE, COLOR_PRICE = 1.5, 0.5, 0.5
"""The costs of covering free space, of wrong depths, and of wrong colours, all over;
to leave the masks uncovered costs 1."""

WRONG_DEPTH = 0.08
"""A depth that is off by this, in diagonals of the lifted object, is as wrong as any."""

MOST_DEEPER = 0.04
"""Depths may all be so much deeper or nearer than the surface: a trained scene's are."""

BEHIND = 0.03
"""The proxy is hidden where the scene is nearer by more than this."""

NUM_BESIDE = 8
"""Rays around that of a pixel of the mask, which may meet the surface in its place."""

WORST_SIGHTS = 0.2
"""This share of the photographs, those that agree least, does not count: their masks may be wrong."""


@dataclass(frozen=True)
class Agreement:
    """The agreement of a render with the photographs, over those that count."""

    explained: float
    """The share of the masks that the proxy covers."""
    spill: float
    """The free space that the proxy covers, as a share of the masks."""
    depth: float
    """The error of depths, 0 to 1."""
    color: float
    """The error of colours after one gain and bias for each channel, 0 to 1."""

    @property
    def cost(self) -> float:
        """0 where everything agrees."""
        return self.shape_cost + COLOR_PRICE * self.color

    @property
    def shape_cost(self) -> float:
        """The same without colours."""
        return 1 - self.explained + SPILL_PRICE * self.spill + DEPTH_PRICE * self.depth


def compare(shape: ProxyShape, pose: Float64[np.ndarray, " 19"], pixels: Pixels) -> Agreement:
    """The agreement of the proxy at a pose of the fit with the photographs."""
    return compare_hits(_cast(shape, pose, pixels.origins, pixels.directions), pixels)


def compare_leniently(shape: ProxyShape, pose: Float64[np.ndarray, " 19"], pixels: Pixels) -> Agreement:
    """The same, as if the rims of masks were where they suit the proxy, as far as rims may be off.

    Of thin parts half of the mask may be rim.
    """
    hits = _cast(shape, pose, pixels.origins, pixels.directions)
    found = [part.copy() for part in (hits.distances, hits.normals, hits.colors)]
    axes = np.eye(3)[np.abs(pixels.directions).argmin(axis=1)]
    across = _unit(np.cross(pixels.directions, axes))
    upwards = _unit(np.cross(pixels.directions, across))
    for angle in np.arange(NUM_BESIDE) * 2 * np.pi / NUM_BESIDE:
        missed = np.nonzero((pixels.roles == VISIBLE) & ~np.isfinite(found[0]))[0]
        aside = np.cos(angle) * across[missed] + np.sin(angle) * upwards[missed]
        origins = pixels.origins[missed] + pixels.rims[missed, None] * aside
        beside = _cast(shape, pose, origins, pixels.directions[missed])
        for part, instead in zip(found, (beside.distances, beside.normals, beside.colors), strict=True):
            part[missed] = instead
    is_open = (pixels.roles == BACKGROUND) & pixels.is_beside
    return compare_hits(Hits(*found), replace(pixels, roles=np.where(is_open, np.uint8(OCCLUDER), pixels.roles)))


def _cast(
    shape: ProxyShape,
    pose: Float64[np.ndarray, " 19"],
    origins: Float[np.ndarray, "n 3"],
    directions: Float[np.ndarray, "n 3"],
) -> Hits:
    """The hits of rays around the object on the proxy at its pose."""
    inverse = np.linalg.inv(pose[:9].reshape(3, 3)).T
    starts, ways = (origins - pose[9:12]) @ inverse, directions @ inverse
    return shape.queries.cast(starts.astype(np.float32), ways.astype(np.float32))


def _unit(vectors: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def compare_hits(hits: Hits, pixels: Pixels) -> Agreement:
    """The agreement of what the pixels' rays meet with what the photographs show there."""
    is_hit, is_mask = np.isfinite(hits.distances), pixels.roles == VISIBLE
    is_free = (pixels.roles == BACKGROUND) & is_hit & (hits.distances < pixels.depths + BEHIND)
    both = is_mask & is_hit & np.isfinite(pixels.depths)
    deeper = pixels.depths[both] - hits.distances[both]
    offset = float(np.clip(np.median(deeper), -MOST_DEEPER, MOST_DEEPER)) if both.any() else 0.0
    depth_costs, color_costs = np.ones(len(is_mask)), np.ones(len(is_mask))
    depth_costs[both] = np.minimum(np.abs(deeper - offset) / WRONG_DEPTH, 1)
    color_costs[both] = _color_costs(hits.colors[both], pixels.colors[both], 1 - depth_costs[both])
    number = int(pixels.sights.max()) + 1
    masks = np.maximum(np.bincount(pixels.sights, is_mask, number), 1)
    parts = [is_mask & is_hit, is_free, np.where(is_mask, depth_costs, 0), np.where(is_mask, color_costs, 0)]
    shares = np.stack([np.bincount(pixels.sights, part, number) / masks for part in parts], axis=1)
    shares[:, 1] = np.minimum(shares[:, 1], 1)
    costs = [Agreement(*row).cost for row in shares]
    kept = np.argsort(costs, kind="stable")[: max(1, int(np.ceil(number * (1 - WORST_SIGHTS))))]
    return Agreement(*(float(value) for value in shares[kept].mean(axis=0)))


def _color_costs(
    proxy: Float[np.ndarray, "n 3"], seen: Float[np.ndarray, "n 3"], weights: Float[np.ndarray, " n"]
) -> Float[np.ndarray, " n"]:
    """Robust differences of colours after one gain and bias for each channel."""
    from scorp_ns.pose.fit_kernels import COLOR_SOFTNESS, LEAST_GAIN, MOST_GAIN

    whole = weights.sum() + 1e-9
    mean_p, mean_s = weights @ proxy / whole, weights @ seen / whole
    variance = weights @ (proxy - mean_p) ** 2 / whole + 4e-4
    gain = (weights @ ((proxy - mean_p) * (seen - mean_s)) / whole + 4e-4) / variance
    rest = (np.clip(gain, LEAST_GAIN, MOST_GAIN) * (proxy - mean_p) + mean_s - seen) ** 2
    return (rest / (rest + COLOR_SOFTNESS**2)).mean(axis=1)
