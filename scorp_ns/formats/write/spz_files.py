"""Gaussians as SPZ files, about a sixth of the size of PLY."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from scorp_ns.formats.splat_ply import read_splats, write_splats
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.optional_packages import optional_module

POSITION_BITS = 23
"""Positions are whole numbers of so many bits and a sign, some of which stand behind the point."""

MOST_FRACTIONAL_BITS = 20
"""More behind the point would leave too few before it for any scene."""


def write_spz(path: Path, gaussians: Gaussians) -> None:
    """Write the Gaussians with the format's own rounding, positions as finely as the farthest of them lets."""
    gsply = optional_module("gsply", "SPZ files")
    splats = path.with_suffix(".unpacked")
    try:
        write_splats(gaussians, splats)
        farthest = float(read_splats(splats).means.abs().max())
        bits = POSITION_BITS - 1 - math.ceil(math.log2(max(farthest, np.finfo(np.float32).tiny)))
        gsply.write_spz(path, gsply.plyread(splats), fractional_bits=max(0, min(bits, MOST_FRACTIONAL_BITS)))
    finally:
        splats.unlink(missing_ok=True)
