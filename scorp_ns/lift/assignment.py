"""Whose each Gaussian is: its own votes where they are clear, its neighbours' where they are not."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int64
from scipy import sparse
from torch import Tensor

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.lift.neighbours import Neighbours, find_neighbours
from scorp_ns.lift.votes import Votes

NUM_NEIGHBOURS = 10
"""So many of the nearest Gaussians have a say in a contested one."""

SEEN = 0.02
"""Gaussians that gather fewer pixels than this, or are fainter, have no say and belong to no object."""

CONTESTED = 0.02
"""Gaussians with at least this share of votes for objects might belong to one."""

FULL_WEIGHT = 1.0
"""With so many pixels of votes or more, a Gaussian's own votes count in full."""

LIKENESS = 30.0
"""The fall of a neighbour's bilateral weight with the squared difference of colours in 0..1."""

NUM_ROUNDS = 60
"""Rounds of averaging: so many neighbours further clear votes reach. Where there are none, votes change little."""

NEGLIGIBLE = 1e-3
"""Smoothed shares below this are dropped after every round, so that many labels cost little more than few."""


def assign_labels(votes: Votes, gaussians: Gaussians, min_share: float, min_opacity: float) -> Int64[Tensor, " n"]:
    """The object each Gaussian belongs to by at least `min_share` of its smoothed votes; 0 where to none."""
    if votes.num_objects == 0:
        return torch.zeros(len(gaussians), dtype=torch.int64)
    best, labels = smoothed_shares(votes, gaussians)[:, 1:].max(dim=1)
    belongs = (best >= min_share) & (gaussians.opacities.cpu() > min_opacity) & (votes.totals > SEEN)
    return torch.where(belongs, labels + 1, 0)


def smoothed_shares(votes: Votes, gaussians: Gaussians) -> Float[Tensor, "n labels"]:
    """The shares of votes where contested Gaussians lean towards near neighbours of their colour.

    This is the random walker of image segmentation (Grady 2006) on a graph of Gaussians: approached by averaging, the
    minimum of sum_i c_i |x_i - v_i|^2 + 1/2 sum_ij w_ij |x_i - x_j|^2, with votes v, clearness c and likeness w.
    """
    colors = gaussians.base_colors.cpu().double()
    is_solid = (gaussians.opacities.cpu() > SEEN) & (votes.totals > SEEN) & colors.isfinite().all(dim=1)
    is_asked = is_solid & (votes.shares[:, 1:].sum(dim=1) > CONTESTED)
    points = gaussians.means.cpu().double().numpy()
    near = find_neighbours(points, is_asked.numpy(), is_solid.numpy(), NUM_NEIGHBOURS)
    if near.indices.size == 0:
        return votes.shares
    ties = _ties(near, colors.numpy(), gaussians.opacities.cpu().double().numpy())
    clearness = _clearness(votes, torch.from_numpy(near.of))
    pull = np.asarray(ties.sum(axis=1))[:, 0] + clearness
    from_neighbours = _placed_rows(ties.multiply(1 / pull[:, None]), near.of)
    shares = sparse.csr_matrix(votes.shares.double().numpy())
    own_say = np.ones(len(points))
    own_say[near.of] = clearness / pull
    own = sparse.csr_matrix(shares.multiply(own_say[:, None]))
    smoothed = shares
    for _ in range(NUM_ROUNDS):
        smoothed = from_neighbours @ smoothed + own
        smoothed.data[smoothed.data < NEGLIGIBLE] = 0
        smoothed.eliminate_zeros()
    return torch.from_numpy(smoothed.toarray()).float()


def _placed_rows(rows: sparse.spmatrix, places: Int64[np.ndarray, " m"]) -> sparse.csr_matrix:
    """The square matrix with the rows at these places, and nothing elsewhere."""
    side = rows.shape[1]
    places_of_rows = sparse.csr_matrix((np.ones(len(places)), (places, np.arange(len(places)))), (side, len(places)))
    return sparse.csr_matrix(places_of_rows @ rows)


def _clearness(votes: Votes, chosen: Int64[Tensor, " m"]) -> Float[np.ndarray, " m"]:
    """The certainty of each Gaussian's own votes: high if it gathers many and they agree."""
    best, runner_up = votes.shares[chosen].topk(2, dim=1).values.double().numpy().T
    return np.minimum(1.0, votes.totals[chosen].double().numpy() / FULL_WEIGHT) * (best - runner_up) ** 2 + 1e-4


def _ties(near: Neighbours, colors: Float[np.ndarray, "n 3"], opacities: Float[np.ndarray, " n"]) -> sparse.csr_matrix:
    """The say of every neighbour: large where it is near, of the same colour, and both are solid."""
    differences = ((colors[near.of][:, None] - colors[near.indices]) ** 2).sum(axis=2)
    reach = 2 * np.median(near.distances)
    say = np.exp(-LIKENESS * differences) * np.exp(-((near.distances / max(reach, 1e-12)) ** 2))
    say *= np.minimum(opacities[near.of][:, None], opacities[near.indices])
    rows = np.repeat(np.arange(len(near.of)), near.indices.shape[1])
    return sparse.csr_matrix((say.ravel(), (rows, near.indices.ravel())), shape=(len(near.of), len(colors)))
