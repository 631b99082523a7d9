"""Gaussians as SPZ files, about a sixth of the size of PLY."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from scorp_ns.formats.splat_ply import read_splats, write_splats
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.optional_packages import optional_module

POSITION_BITS = 23
"""Bits of a position, a fixed-point number, beside its sign."""

MOST_FRACTIONAL_BITS = 20
"""Most fractional bits, so that enough integer bits are left for any scene."""


def write_spz(path: Path, gaussians: Gaussians) -> None:
    """Write the Gaussians with the format's own rounding, with as many fractional bits as the farthest one allows."""
    gsply = optional_module("gsply", "SPZ files")
    splats = path.with_suffix(".unpacked")
    try:
        write_splats(gaussians, splats)
        farthest = float(read_splats(splats).means.abs().max())
        bits = POSITION_BITS - 1 - math.ceil(math.log2(max(farthest, np.finfo(np.float32).tiny)))
        gsply.write_spz(path, gsply.plyread(splats), fractional_bits=max(0, min(bits, MOST_FRACTIONAL_BITS)))
    finally:
        splats.unlink(missing_ok=True)
