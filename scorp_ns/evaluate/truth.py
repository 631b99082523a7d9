"""Ground truth: poses and symmetries of proxies, as `<name>.truth.json` and objects.json hold them."""

from __future__ import annotations

import json
import math
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float64
from torch import Tensor

from scorp_ns.errors import ScorpError
from scorp_ns.evaluate.symmetries import MOST_ORDER, Symmetry, SymmetryGroup
from scorp_ns.gaussians.similarity import MATRIX_TOLERANCE, Similarity
from scorp_ns.messages import json_kind

DECLARATION = (
    "Symmetries are a list of {'axis': [x, y, z], 'order': n}, with a direction in the capture frame and the number "
    f"of equal turns in a whole one, 1 to {MOST_ORDER}, or 'inf' for a body of revolution."
)

IN_WORDS = re.compile(r"\bC(?P<order>\d+|inf|∞) about the (?P<axis>up|x|y|z) axis")
"""A symmetry in words, as in 'C2 about the up axis, two mirror planes'. Mirror planes are no turns and do not count."""

AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0), "up": (0.0, 0.0, 1.0)}


@dataclass(frozen=True)
class TruePose:
    """The true pose of a proxy."""

    T_capture_proxy: Similarity
    symmetries: SymmetryGroup


def truth_file(proxy: Path) -> Path:
    """The file of a proxy's true pose: beside it, if there is one."""
    return proxy.with_suffix(".truth.json")


def read_true_pose(path: Path) -> TruePose:
    """The pose in a truth file: `proxy_to_world`, and `symmetries`, or `symmetry` in words, where they are told."""
    truth = _read_object(path)
    pose = _similarity(path, truth.get("proxy_to_world"))
    if "symmetries" in truth:
        return TruePose(pose, read_symmetries(path, truth["symmetries"]))
    return TruePose(pose, read_symmetries(path, _told_in_words(truth.get("symmetry"))))


def read_symmetries(path: Path, declared: Any) -> SymmetryGroup:
    """The symmetries that a file declares; none for null."""
    if declared is None:
        return SymmetryGroup()
    if not isinstance(declared, list):
        raise _wrong(path, f"has 'symmetries' that are {json_kind(declared)}", DECLARATION)
    symmetries = tuple(_symmetry(path, one) for one in declared)
    try:
        return SymmetryGroup(symmetries)
    except OverflowError:
        needed = f"Together, all symmetries of finite order make at most {MOST_ORDER} different turns."
        raise _wrong(path, "has symmetries whose axes do not fit together", needed) from None


def _symmetry(path: Path, declared: Any) -> Symmetry:
    entry = declared if isinstance(declared, dict) else {}
    axis, order = entry.get("axis"), entry.get("order")
    is_order = order == "inf" or (type(order) is int and 1 <= order <= MOST_ORDER)
    if is_order and isinstance(axis, list) and len(axis) == 3 and all(map(_is_number, axis)):
        x, y, z = map(float, axis)
        if 0 < math.hypot(x, y, z) < math.inf:
            return Symmetry((x, y, z), None if order == "inf" else order)
    raise _wrong(path, f"declares the symmetry {declared!r}", DECLARATION)


def _told_in_words(words: Any) -> list[dict[str, Any]]:
    """The declarations in a sentence; captures stand with z up."""
    told = IN_WORDS.finditer(words) if isinstance(words, str) else ()
    return [
        {"axis": list(AXES[one["axis"]]), "order": int(one["order"]) if one["order"].isdecimal() else "inf"}
        for one in told
    ]


def _similarity(path: Path, rows: Any) -> Similarity:
    needed = "It holds 'proxy_to_world', the 4x4 matrix of a rotation, one scale above 0 and a translation."
    is_matrix = isinstance(rows, list) and len(rows) == 4
    is_matrix = is_matrix and all(isinstance(row, list) and len(row) == 4 for row in rows)
    if not is_matrix or not all(_is_number(value) for row in rows for value in row):
        found = "has no 'proxy_to_world'" if rows is None else "has a 'proxy_to_world' that is no 4x4 matrix of numbers"
        raise _wrong(path, found, needed)
    matrix = torch.tensor(rows, dtype=torch.float64)
    if not _is_similarity(matrix):
        raise _wrong(path, "has a 'proxy_to_world' that stretches, shears, mirrors or flattens the proxy", needed)
    return Similarity.from_matrix(matrix)


def _is_similarity(matrix: Float64[Tensor, "4 4"]) -> bool:
    linear, last = matrix[:3, :3], matrix[3]
    determinant = float(torch.linalg.det(linear))
    if determinant <= 0 or not torch.equal(last, last.new_tensor([0.0, 0.0, 0.0, 1.0])):
        return False
    square = linear.T @ linear / determinant ** (2 / 3)
    return bool(((square - torch.eye(3).to(square)).abs() < MATRIX_TOLERANCE).all())


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


def _read_object(path: Path) -> dict[str, Any]:
    needed = "A truth file is a JSON object with 'proxy_to_world'."
    try:
        truth = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _wrong(path, f"cannot be read: {error.strerror}", needed) from None
    except (ValueError, RecursionError) as error:
        raise _wrong(path, f"is not JSON: {error}", needed) from None
    if not isinstance(truth, dict):
        raise _wrong(path, f"holds {json_kind(truth)}", needed)
    return truth


def _wrong(path: Path, found: str, needed: str) -> ScorpError:
    return ScorpError(f"{path} {found}.", needed, "Correct the file, or take it away to leave out errors of pose.")
