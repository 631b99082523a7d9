"""Free-form deformation (Sederberg and Parry 1986): maps that stretch and smoothly bend space by a lattice of nodes.

They lead from what is seen back to the proxy as it was generated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float64, Int64

from scorp_ns.gaussians.affine import Affine
from scorp_ns.gaussians.similarity import Similarity

NODE_SPACING = 0.15
"""Between the nodes of a lattice, in diagonals of the proxy."""

MARGIN = 0.05
"""A lattice reaches so far beyond the proxy's box."""

JITTER = 1e-3
"""The independent motion of each node, as a share of the variance: it keeps matrices invertible."""

CORNERS = np.array([[i, j, k] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
"""Of a cell, the last axis fastest."""

UNDOING_ROUNDS = 30
"""Rounds in which a bend is undone; each leaves a fraction of the error."""


@dataclass(frozen=True)
class Lattice:
    """Nodes at equal distances around a proxy, whose displacements are those of a smooth random field."""

    origin: Float64[np.ndarray, " 3"]
    shape: tuple[int, int, int]
    reach: float
    """Correlation length: displacements at places further apart than this have little to do with each other."""

    @classmethod
    def around(cls, low: Float64[np.ndarray, " 3"], high: Float64[np.ndarray, " 3"], reach: float) -> Lattice:
        """The lattice over a box."""
        cells = np.maximum(1, np.ceil((high - low + 2 * MARGIN) / NODE_SPACING)).astype(int)
        x, y, z = (int(number) for number in cells + 1)
        return cls((low + high) / 2 - cells * NODE_SPACING / 2, (x, y, z), reach)

    @property
    def number(self) -> int:
        """The number of nodes."""
        return int(np.prod(self.shape))

    @cached_property
    def stiffness(self) -> Float64[np.ndarray, "m m"]:
        """The cost of displacements d along one axis is d @ stiffness @ d, 1 for each independent one of length 1.

        It is the inverse of a squared-exponential covariance of variance 1, so that displacements fade to zero away
        from what holds them.
        """
        axes = [self.origin[axis] + NODE_SPACING * np.arange(number) for axis, number in enumerate(self.shape)]
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        squares = ((nodes[:, None] - nodes[None]) ** 2).sum(axis=-1)
        covariance = np.exp(-squares / (2 * self.reach**2)) + JITTER * np.eye(len(nodes))
        return np.linalg.inv(covariance)

    def weights(
        self, points: Float64[np.ndarray, "n 3"]
    ) -> tuple[Int64[np.ndarray, "n 8"], Float64[np.ndarray, "n 8"]]:
        """The eight nodes around each point, and how much each of them counts there."""
        places = np.clip((points - self.origin) / NODE_SPACING, 0, np.array(self.shape) - 1.001)
        cells = places.astype(np.int64)
        shares = places - cells
        x, y, z = (np.stack([1 - share, share], axis=1) for share in shares.T)
        flat = x[:, :, None] * y[:, None]
        weights = (flat.reshape(-1, 4, 1) * z[:, None]).reshape(-1, 8)
        strides = np.array([self.shape[1] * self.shape[2], self.shape[2], 1])
        return (cells @ strides)[:, None] + CORNERS @ strides, weights


@dataclass(frozen=True)
class Warp:
    """x_proxy = y - bend(y), where y = stretch(x_seen)."""

    stretch: Affine
    lattice: Lattice | None = None
    displacements: Float64[np.ndarray, "m 3"] | None = None
    """Of the lattice's nodes."""

    @classmethod
    def identity(cls) -> Warp:
        """The warp that leaves everything where it is."""
        return cls(Affine.from_similarity(Similarity.identity()))

    def stretched(self, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
        """Points of what is seen, on the proxy before it was bent."""
        return self.stretch.apply(torch.from_numpy(points)).numpy()

    def pull(self, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
        """Points of what is seen, on the proxy as it was generated."""
        stretched = self.stretched(points)
        return stretched - self._bends(stretched)

    def push(self, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
        """Points of the proxy as it was generated, in their new places."""
        stretched = points.copy()
        for _ in range(UNDOING_ROUNDS if self.lattice is not None else 0):
            stretched = points + self._bends(stretched)
        return self.stretch.inverse().apply(torch.from_numpy(stretched)).numpy()

    def _bends(self, points: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3"]:
        if self.lattice is None or self.displacements is None:
            return np.zeros_like(points)
        nodes, weights = self.lattice.weights(points)
        return np.einsum("nk,nkd->nd", weights, self.displacements[nodes])

    @property
    def factors(self) -> Float64[np.ndarray, " 3"]:
        """By how much the proxy becomes longer along the three directions of its stretch, the most first."""
        return self.stretch.inverse().factors.numpy()

    @property
    def largest_bend(self) -> float:
        """The length of the largest displacement of a node, in diagonals of the proxy."""
        return 0.0 if self.displacements is None else float(np.linalg.norm(self.displacements, axis=1).max())
