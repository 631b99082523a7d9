"""Gaussians in PLY files of any trainer: other degrees, and with optional properties missing."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float32
from torch import Tensor

from scorp_ns.errors import GenerationError
from scorp_ns.formats.point_ply import PlyRole, number_names, numbers, read_vertices
from scorp_ns.formats.read.limits import MOST_GAUSSIANS, MOST_UNUSABLE
from scorp_ns.formats.read.source import EXPORT_AGAIN, AssetSource
from scorp_ns.formats.splat_ply import BASE_COLORS, OPACITY, POSITIONS, REST_COUNTS, ROTATION, SCALES
from scorp_ns.gaussians.splats import Gaussians

Columns = Callable[..., Float32[Tensor, "n k"]]
"""Gives the named properties side by side."""

FLATNESS = 1e-2
"""The third scale of Gaussians that come as discs, in their smaller one."""


def read_ply_splats(source: AssetSource) -> Gaussians:
    """The drawable Gaussians, with harmonics up to degree 3."""
    role = ply_role(source)
    vertices = read_vertices(source.path, role)
    if len(vertices) > MOST_GAUSSIANS:
        raise source.fault(
            f"has {len(vertices)} Gaussians", f"Up to {MOST_GAUSSIANS} are read.", "Prune it before, or cut it out."
        )

    def columns(*names: str) -> Float32[Tensor, "n k"]:
        return torch.from_numpy(numbers(vertices, names, source.path, role))

    scales = _scales(number_names(vertices), columns)
    gaussians = Gaussians(
        means=columns(*POSITIONS),
        quats=_quats(number_names(vertices), columns, scales, source),
        scales=scales.double().exp().float(),
        opacities=columns(*OPACITY)[:, 0].double().sigmoid().float(),
        harmonics=_harmonics(number_names(vertices), columns, source),
    )
    return _usable(gaussians, source)


def ply_role(source: AssetSource) -> PlyRole:
    """The texts with which the PLY reader names this asset."""
    return PlyRole(
        noun=f"asset of '{source.name}',",
        needed="A .glb, .gltf, .obj or .ply file is needed.",
        each_needs="Gaussians need x, y, z, f_dc_0 to f_dc_2, opacity, scale_0 to scale_2 and rot_0 to rot_3.",
        if_missing="Correct the path, or put the file there.",
        if_unusable=EXPORT_AGAIN,
        error=GenerationError,
    )


def _scales(names: set[str], columns: Columns) -> Float32[Tensor, "n 3"]:
    """Logarithms of scales; discs, which have two, get a third."""
    if SCALES[2] in names:
        return columns(*SCALES)
    two = columns(*SCALES[:2])
    return torch.cat([two, two.amin(1, keepdim=True) + float(np.log(FLATNESS))], dim=1)


def _quats(names: set[str], columns: Columns, scales: Tensor, source: AssetSource) -> Float32[Tensor, "n 4"]:
    """Rotations; none are needed for spheres."""
    if names.isdisjoint(ROTATION) and bool((scales == scales[:, :1]).all()):
        source.notes.append("Its Gaussians are spheres without rotations.")
        return torch.tensor([1.0, 0, 0, 0]).repeat(len(scales), 1)
    return columns(*ROTATION)


def _harmonics(names: set[str], columns: Columns, source: AssetSource) -> Float32[Tensor, "n k 3"]:
    """Colour coefficients up to the degree that is complete, at most 3."""
    base = columns(*BASE_COLORS)[:, None]
    count = sum(re.fullmatch(r"f_rest_\d+", name) is not None for name in names)
    if count == 0:
        return base
    stored = count // 3
    kept = max(known // 3 for known in REST_COUNTS if known // 3 <= stored)
    if 3 * kept != count:
        source.notes.append(f"Of its {count} coefficients f_rest_, {3 * kept} were used.")
    if kept == 0 or count % 3:
        return base
    rest = columns(*(f"f_rest_{channel * stored + index}" for channel in range(3) for index in range(kept)))
    return torch.cat([base, rest.reshape(len(rest), 3, kept).transpose(1, 2)], dim=1)


def _usable(gaussians: Gaussians, source: AssetSource) -> Gaussians:
    """The Gaussians with finite numbers and valid rotations; an error if that leaves too few."""
    values = (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities[:, None], gaussians.harmonics)
    is_finite = torch.stack([value.flatten(1).isfinite().all(1) for value in values]).all(0)
    is_usable = is_finite & gaussians.quats.any(1) & (gaussians.scales > 0).any(1)
    num_lost = int((~is_usable).sum())
    if num_lost > MOST_UNUSABLE * len(gaussians):
        raise source.fault(
            f"has {num_lost} of {len(gaussians)} Gaussians whose numbers are not finite",
            "Gaussians with finite numbers are needed.",
        )
    if num_lost:
        source.notes.append(f"{num_lost} of {len(gaussians)} Gaussians have numbers that are not finite.")
    return gaussians[is_usable]
