"""Depths of what an object mirrors do not say that it is not there; those of the object itself stay as they are."""

from __future__ import annotations

import numpy as np
import torch

from scorp_ns.compose.evidence import gather_evidence
from scorp_ns.compose.reflections import without_foreign_depths
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import BACKGROUND, VISIBLE, ObjectCrop

SIZE, DISTANCE, MIRRORED = 24, 2.0, 3.0
"""Pixels along a side of the picture, how far the object is, and how far what it mirrors seems to be."""


def plate(opacity: float) -> Gaussians:
    """A plate across the left half of the picture."""
    axes = torch.meshgrid(torch.linspace(-1, 0, 20), torch.linspace(-1, 1, 40), indexing="ij")
    means = torch.stack([axes[0].ravel(), axes[1].ravel(), torch.full((800,), DISTANCE)], dim=1)
    return Gaussians(
        means=means,
        quats=torch.tensor([[1.0, 0, 0, 0]]).repeat(800, 1),
        scales=torch.full((800, 3), 0.05),
        opacities=torch.full((800,), opacity),
        harmonics=torch.zeros(800, 1, 3),
    )


def sight() -> ObjectCrop:
    """The left half is the object's by its mask; depths are of what lies behind all over."""
    roles = np.full((SIZE, SIZE), BACKGROUND, np.uint8)
    roles[:, : SIZE // 2] = VISIBLE
    K = torch.tensor([[SIZE, 0.0, SIZE / 2], [0.0, SIZE, SIZE / 2], [0.0, 0.0, 1.0]])
    depth = np.full((SIZE, SIZE), MIRRORED, np.float32)
    return ObjectCrop("a.png", np.zeros((SIZE, SIZE, 3), np.uint8), roles, depth, torch.eye(4), K)


def denials(opacity: float) -> float:
    """How many photographs deny a point in the middle of the plate."""
    (seen,) = without_foreign_depths(plate(opacity), [sight()], [sight().camera])
    point, towards = torch.tensor([[-0.5, 0.0, DISTANCE]]), torch.tensor([[0.0, 0.0, -1.0]])
    return gather_evidence(point, towards, [seen], 0.1).contradicted.item()


def test_a_mirror_is_not_denied_by_the_depths_of_what_it_mirrors():
    assert denials(opacity=0.01) == 0


def test_what_the_object_covers_itself_keeps_its_depth():
    assert denials(opacity=0.95) == 1


def test_beside_the_mask_depths_stay():
    (seen,) = without_foreign_depths(plate(0.01), [sight()], [sight().camera])
    assert np.isinf(seen.depth[:, : SIZE // 2]).all() and (seen.depth[:, SIZE // 2 :] == MIRRORED).all()
