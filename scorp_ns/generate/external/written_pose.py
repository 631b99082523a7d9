"""Poses that people and programs write into JSON files."""

from __future__ import annotations

import math
from typing import Any

import torch

from scorp_ns.errors import GenerationError
from scorp_ns.gaussians.similarity import MATRIX_TOLERANCE, Similarity

POSE_KEY = "asset_to_capture"
"""The key of an asset's pose in a file."""


def read_written_pose(rows: Any, place: str, needed: str, do: str) -> Similarity:
    """The similarity from 4 rows of 4 numbers; a GenerationError, which names their place, if they are none."""
    numbers = [finite_numbers(row, 4) for row in rows] if isinstance(rows, list) and len(rows) == 4 else []
    if not numbers or any(row is None for row in numbers):
        raise GenerationError(f"{place} is not 4 lists of 4 finite numbers.", needed, do)
    matrix = torch.tensor(numbers, dtype=torch.float64)
    if not _is_similarity(matrix[:3, :3]) or float((matrix[3] - torch.eye(4)[3]).abs().max()) > MATRIX_TOLERANCE:
        raise GenerationError(
            f"{place} stretches, shears or mirrors space, or does not end in the row 0, 0, 0, 1.", needed, do
        )
    return Similarity.from_matrix(matrix[:3])


def finite_numbers(value: Any, count: int) -> list[float] | None:
    """A list of `count` finite numbers; None if the value is anything else."""
    if not isinstance(value, list) or len(value) != count:
        return None
    is_number = all(isinstance(entry, (int, float)) and not isinstance(entry, bool) for entry in value)
    try:
        numbers = [float(entry) for entry in value] if is_number else []
    except OverflowError:  # Whole numbers of JSON have no limit.
        return None
    return numbers if is_number and all(map(math.isfinite, numbers)) else None


def _is_similarity(linear: torch.Tensor) -> bool:
    """True if a linear map is a rotation times one scale."""
    scale = max(float(torch.linalg.det(linear)), 0.0) ** (1 / 3)
    if not 0 < scale < math.inf:
        return False
    products = linear.T @ linear / scale**2
    return bool(((products - torch.eye(3)).abs() < MATRIX_TOLERANCE).all())
