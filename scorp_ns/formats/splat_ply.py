"""Gaussians in the PLY files of 3D Gaussian Splatting, which nearly every viewer and trainer reads and writes."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32
from torch import Tensor

from scorp_ns.errors import OutputError, ScorpError
from scorp_ns.formats.point_ply import PlyRole, number_names, numbers, read_vertices
from scorp_ns.gaussians.splats import Gaussians

POSITIONS = ("x", "y", "z")
NORMALS = ("nx", "ny", "nz")
"""Always zero; viewers that find properties by their place rather than their name expect them."""
BASE_COLORS = ("f_dc_0", "f_dc_1", "f_dc_2")
OPACITY = ("opacity",)
SCALES = ("scale_0", "scale_1", "scale_2")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")

REST_COUNTS = (0, 9, 24, 45)
"""Numbers of coefficients beyond the constant one, in three channels, for degrees 0, 1, 2 and 3."""

OPACITY_MARGIN = 2.0**-25
"""Opacities are kept so far from 0 and 1, whose logits are infinite. No other float32 is nearer to 1, and reading
rounds it back to 1."""

SMALLEST_SCALE = float(torch.finfo(torch.float32).tiny)
"""Scales are kept so large, as the logarithm of 0 is infinite."""

SPLATS = PlyRole(
    noun="Gaussians",
    needed="A PLY file of Gaussians is needed.",
    each_needs="Each vertex needs x, y, z, f_dc_0 to f_dc_2, opacity, scale_0 to scale_2 and rot_0 to rot_3.",
    if_missing="Correct the path, or put the file there.",
    if_unusable=(
        "Export it again as a PLY of 3D Gaussian Splatting; "
        "`ns-export gaussian-splat` writes one with `--ply-color-mode sh_coeffs`."
    ),
    error=ScorpError,
)


def write_splats(gaussians: Gaussians, path: Path) -> None:
    """Write the drawable Gaussians atomically."""
    table = _table(gaussians[_is_drawable(gaussians)])
    names = property_names(gaussians.sh_degree)
    properties = "".join(f"property float {name}\n" for name in names)
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(table)}\n{properties}end_header\n"
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with unfinished.open("wb") as file:
            file.write(header.encode("ascii"))
            file.write(table.data)
        os.replace(unfinished, path)
    except OSError as error:
        raise OutputError(
            found=f"The Gaussians could not be written to {path} ({error.strerror or error}).",
            needed="A place in a folder that can be written and has room is needed.",
            do="Free some space, mend the folder's permissions or choose another place.",
        ) from error
    finally:
        with suppress(OSError):
            unfinished.unlink()


def read_splats(path: Path) -> Gaussians:
    """The drawable Gaussians of a file in its own frame; a ScorpError if it is broken."""
    vertices = read_vertices(path, SPLATS)
    groups = (POSITIONS, BASE_COLORS, _rest_names(vertices, path), OPACITY, SCALES, ROTATION)
    table = torch.from_numpy(numbers(vertices, [name for names in groups for name in names], path, SPLATS))
    means, base, rest, opacities, scales, quats = table.split([len(names) for names in groups], dim=1)
    channels = rest.reshape(len(rest), 3, rest.shape[1] // 3)
    gaussians = Gaussians(
        means=means,
        quats=quats,
        scales=scales.double().exp().float(),
        opacities=opacities[:, 0].double().sigmoid().float(),
        harmonics=torch.cat([base[:, None], channels.transpose(1, 2)], dim=1),
    )
    drawable = _is_drawable(gaussians)
    if not drawable.any():
        raise ScorpError(
            f"None of the {len(gaussians)} Gaussians in {path} has finite numbers and a rotation.",
            "At least one that can be drawn is needed.",
            SPLATS.if_unusable,
        )
    return gaussians[drawable]


def property_names(sh_degree: int) -> list[str]:
    """The properties of a file in the order of the original implementation."""
    rest = [f"f_rest_{index}" for index in range(REST_COUNTS[sh_degree])]
    return [*POSITIONS, *NORMALS, *BASE_COLORS, *rest, *OPACITY, *SCALES, *ROTATION]


def _table(gaussians: Gaussians) -> Float32[np.ndarray, "n m"]:
    """One row per Gaussian, in the order of `property_names` and the byte order of the file."""
    opacities = gaussians.opacities.double().clamp(OPACITY_MARGIN, 1 - OPACITY_MARGIN)
    parts: list[Float[Tensor, "n _"]] = [
        gaussians.means,
        torch.zeros_like(gaussians.means),
        gaussians.harmonics[:, 0],
        # All of red's coefficients come before those of green.
        gaussians.harmonics[:, 1:].transpose(1, 2).flatten(1),
        opacities.logit()[:, None],
        gaussians.scales.double().clamp(min=SMALLEST_SCALE).log(),
        gaussians.quats,
    ]
    table = torch.cat([part.detach().float().cpu() for part in parts], dim=1)
    return table.numpy().astype("<f4", copy=False)


def _is_drawable(gaussians: Gaussians) -> Bool[Tensor, " n"]:
    """A mask of the Gaussians with finite numbers and a quaternion that is not zero."""
    finite = [
        values.flatten(1).isfinite().all(1)
        for values in (gaussians.means, gaussians.quats, gaussians.scales, gaussians.harmonics)
    ]
    return torch.stack([*finite, gaussians.opacities.isfinite(), gaussians.quats.any(1)]).all(0)


def _rest_names(vertices: np.ndarray, path: Path) -> tuple[str, ...]:
    """The properties with the coefficients beyond the constant one, in their order."""
    count = sum(re.fullmatch(r"f_rest_\d+", name) is not None for name in number_names(vertices))
    if count not in REST_COUNTS:
        raise ScorpError(
            f"The Gaussians in {path} have {count} properties named f_rest_.",
            "Spherical harmonics of degree 0, 1, 2 or 3 have 0, 9, 24 or 45.",
            SPLATS.if_unusable,
        )
    return tuple(f"f_rest_{index}" for index in range(count))
