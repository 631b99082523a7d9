"""The ground continued where an object stood, and behind it, where no photograph could look."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float32
from scipy import ndimage
from scipy.sparse import csr_matrix, identity
from scipy.sparse.csgraph import laplacian
from scipy.sparse.linalg import splu
from torch import Tensor

from scorp_ns.compose.floaters import are_floaters, size_of
from scorp_ns.compose.ground_grid import GroundSquare
from scorp_ns.errors import CompositionError
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import Support

REACH = 2.5
"""From the object's middle to that square's sides, in its size: the ground behind it may be hidden so far."""

HIGHEST, LOWEST = 0.06, -0.2
"""Gaussians between these heights, in the object's size, are ground: what seems opaque is made of layers."""

OPAQUE = 0.7
"""Cells that show so much ground tell its colour, and need no more."""

FEWEST_CELLS, LEAST_SHARE = 50, 0.5
"""With fewer cells that show ground, also as a share of those to be filled, its look is unknown."""

STAINED = 3
"""Cells around a hole that do not tell its colour: what covered it has stained them."""

SUNK = 0.02
"""Below half-transparent ground new Gaussians lie so much deeper, in the object's size, so that what was seen shows."""

TRACE = 1e-6
"""Weight of the mean colour in the equations."""

RIM = 0.06
"""The ground around an object's outline, in its size, that it darkens."""


@dataclass(frozen=True)
class ClosedGround:
    """The changes of a scene's other Gaussians when an object goes."""

    kept: Bool[Tensor, " n"]
    """The mask of those that stay: neither the object's floaters nor what was dark below it."""
    patch: Gaussians
    """New ones that close the ground."""


@torch.no_grad()
def close_ground(others: Gaussians, removed: Gaussians, support: Support) -> ClosedGround:
    """Close the plane an object stood on, below it and in the shadow in which no photograph saw the ground.

    `others` is the scene without this object and without other objects. What hangs where the object was is haze of it,
    and what lies below its outline was never seen, or in its shade; both go. Cells of the plane that then show no
    ground are filled if they hang together with the object's footprint and lie within the convex hull of the ground
    around. Height and colour solve Laplace's equation there, so that they go on from what lies around. A
    CompositionError says why the plane cannot be continued.
    """
    size = size_of(removed)
    heights = support.heights(others.means)
    kept = ~are_floaters(others, removed, support)
    square = GroundSquare.around(support, REACH * size)
    outline = square.outline(removed.means)
    below = np.asarray(ndimage.binary_dilation(outline, iterations=square.cells_of(RIM * size)), bool)
    is_ground = (heights < HIGHEST * size) & (heights > LOWEST * size)
    kept &= ~(square.is_in(below, others.means) & (heights < HIGHEST * size))
    values, opacity = square.seen_from_above(others[kept & is_ground], support)
    is_known = opacity >= OPAQUE
    is_filled = _hole(~is_known, below, is_known) if is_known.any() else below
    if is_known.sum() < max(FEWEST_CELLS, LEAST_SHARE * is_filled.sum()):
        raise CompositionError(
            "Hardly anything is seen of the plane that the object stands on.",
            "The plane is continued from what is seen around the object.",
            "Fill the hole in an editor for Gaussians, such as SuperSplat.",
        )
    is_unsure = np.asarray(ndimage.binary_dilation(is_filled, iterations=STAINED), bool)
    new_values = _harmonic(values, is_known & ~is_unsure, is_unsure)[is_filled[is_unsure]]
    new_values[:, 0] -= SUNK * size * opacity[is_filled]
    return ClosedGround(kept, square.flat_gaussians(is_filled, new_values, others))


def _hole(
    is_empty: Bool[np.ndarray, "n n"], below: Bool[np.ndarray, "n n"], is_known: Bool[np.ndarray, "n n"]
) -> Bool[np.ndarray, "n n"]:
    """The empty cells that hang together with those below the object, in the convex hull of these and the known."""
    from skimage import measure
    from skimage.morphology import convex_hull_image

    labels = np.asarray(measure.label(is_empty & convex_hull_image(is_known | below), connectivity=1))
    touched = np.unique(labels[below])
    return np.isin(labels, touched[touched > 0])


def _harmonic(
    values: Float32[np.ndarray, "n n k"], is_known: Bool[np.ndarray, "n n"], is_wanted: Bool[np.ndarray, "n n"]
) -> Float32[np.ndarray, "m k"]:
    """Values of the wanted cells, each the mean of its neighbours', that go on from those known beside them."""
    matrix, number = _neighbour_laplacian(is_known | is_wanted), np.arange(is_known.size).reshape(is_known.shape)
    wanted, known = number[is_wanted], number[is_known]
    flat = values.reshape(number.size, -1).astype(np.float64)
    mean = flat[known].mean(axis=0)
    # A trace of the mean keeps those cells determined that hang together with no known one.
    inner = matrix[wanted][:, wanted] + TRACE * identity(len(wanted))
    right = -matrix[wanted][:, known] @ (flat[known] - mean)
    return (mean + splu(inner.tocsc()).solve(right)).astype(np.float32)


def _neighbour_laplacian(takes_part: Bool[np.ndarray, "n n"]) -> csr_matrix:
    """For each cell the number of its neighbours that take part with it, less those neighbours."""
    number = np.arange(takes_part.size).reshape(takes_part.shape)
    beside, below = takes_part[:, :-1] & takes_part[:, 1:], takes_part[:-1] & takes_part[1:]
    first = np.concatenate([number[:, :-1][beside], number[:-1][below]])
    second = np.concatenate([number[:, 1:][beside], number[1:][below]])
    links = csr_matrix((np.ones(len(first)), (first, second)), shape=(number.size, number.size))
    return csr_matrix(laplacian(links + links.T))
