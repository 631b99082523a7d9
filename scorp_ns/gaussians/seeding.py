"""The Gaussians a scene starts from: one per seed point, or per random point where there are no seed points."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Shaped
from scipy.spatial import KDTree
from torch import Tensor

from scorp_ns.errors import CaptureError

SH_C0 = 0.28209479177387814
"""The constant spherical harmonic, 1 / (2 sqrt(pi))."""

NUM_NEIGHBOURS = 3
"""A Gaussian starts as large as the mean distance to this many neighbours."""

START_OPACITY = 0.1
"""Low enough that Gaussians behind one another all receive gradients."""

LONE_RADIUS = 0.1
"""Start size, in scene units (cameras lie within 1), of points that have no neighbour elsewhere."""

LARGEST_RADIUS_QUANTILE = 0.99
"""Radii beyond this quantile are cut to it: a stray far point would else cover the whole scene."""

SMALLEST_RADIUS_SHARE = 1e-3
"""Smallest radius as a share of the median: near-duplicates would else be too small to be seen by any pixel."""

CONVERGENCE_LIMIT = 3e-3
"""Least spread of the viewing directions (about 3 degrees, as squared sine) that makes a focus point trustworthy."""

LEAST_SHARE_IN_FRONT = 0.75
"""Of so many cameras the focus point must lie in front; a few may look elsewhere."""

FOCUS_NEAR, FOCUS_FAR = 0.5, 6.0
"""With a focus point, depths from and to its distance times these are possible."""

BASELINE_DEPTH_FACTOR = 20.0
"""Without a focus point, depths from the cameras' spread divided by this to the spread times this are possible."""


def seed_gaussians(
    points: Float[Tensor, "n 3"],
    colors: Shaped[Tensor, "m 3"] | None,
    sh_degree: int,
    generator: torch.Generator | None = None,
) -> dict[str, Tensor]:
    """Splatfacto's parameters for one Gaussian per point; colours in 0..255, mid grey where there are none (m = 0).

    Scales are logarithms, opacities logits, quaternions wxyz and not of unit length once trained. Colours are the
    constant spherical harmonic, or logits when `sh_degree` is 0.
    """
    _check_points(points)
    num_points = len(points)
    if colors is None or len(colors) == 0:
        colors = points.new_full((num_points, 3), 127.5)
    log_radii = torch.from_numpy(np.log(neighbour_radii(points.detach().cpu().numpy()))).to(points)
    return {
        "means": points.clone(),
        "scales": log_radii[:, None].repeat(1, 3),
        "quats": random_quaternions(num_points, generator).to(points),
        "features_dc": base_features(colors.to(points) / 255, sh_degree),
        "features_rest": points.new_zeros(num_points, (sh_degree + 1) ** 2 - 1, 3),
        "opacities": torch.logit(points.new_full((num_points, 1), START_OPACITY)),
    }


def _check_points(points: Float[Tensor, "n 3"]) -> None:
    """Returns if there is at least one point and all are finite."""
    if len(points) == 0:
        raise CaptureError(
            "There are no seed points.",
            "At least one is needed.",
            "Leave the seed points out to start from random points.",
        )
    num_bad = int((~torch.isfinite(points).all(dim=1)).sum())
    if num_bad:
        raise CaptureError(
            f"{num_bad} of {len(points)} seed points are not finite.",
            "Seed points need finite coordinates.",
            "Remove them from the point cloud.",
        )


def neighbour_radii(points: Float32[np.ndarray, "n 3"]) -> Float[np.ndarray, " n"]:
    """The mean distance of every point to its nearest neighbours elsewhere, kept within sane bounds.

    Copies of a point count once, so merged clouds start as large as their originals.
    """
    places, place_of_point = np.unique(points, axis=0, return_inverse=True)
    num_neighbours = min(NUM_NEIGHBOURS, len(places) - 1)
    if num_neighbours == 0:
        return np.full(len(points), LONE_RADIUS)
    # The first neighbour of every place is itself.
    distances, _ = KDTree(places).query(places, k=num_neighbours + 1)
    radii = distances[:, 1:].mean(axis=1)
    smallest = SMALLEST_RADIUS_SHARE * np.median(radii)
    # The lower neighbour of the quantile, so that one stray among a handful of points is cut too.
    largest = np.quantile(radii, LARGEST_RADIUS_QUANTILE, method="lower")
    return radii.clip(max(smallest, np.finfo(np.float32).tiny), max(smallest, largest))[place_of_point.reshape(-1)]


def base_features(rgb: Float[Tensor, "n 3"], sh_degree: int) -> Float[Tensor, "n 3"]:
    """Coefficients of a colour: the constant spherical harmonic, or a logit for `sh_degree` 0."""
    if sh_degree > 0:
        return (rgb - 0.5) / SH_C0
    # Half a grey level from black and white: a logit beyond that is out of the optimizer's reach.
    return torch.logit(rgb, eps=0.5 / 255)


def random_quaternions(num: int, generator: torch.Generator | None = None) -> Float[Tensor, "num 4"]:
    """Unit quaternions, uniform over all rotations (Shoemake, "Uniform random rotations", 1992)."""
    u, v, w = torch.rand((3, num), generator=generator)
    v, w = 2 * math.pi * v, 2 * math.pi * w
    outer, inner = torch.sqrt(1 - u), torch.sqrt(u)
    return torch.stack([outer * torch.sin(v), outer * torch.cos(v), inner * torch.sin(w), inner * torch.cos(w)], dim=-1)


def random_points(
    camera_to_worlds: Float[Tensor, "cameras 3 4"],
    number: int,
    generator: torch.Generator | None = None,
    tan_half_fov: float = 0.5,
) -> Float[Tensor, "number 3"]:
    """Points that the cameras (OpenGL axes, looking along -z) can see, densest where they look together.

    Each point lies in the view of a random camera, so none is wasted where no image could move it, as most of a
    fixed cube would be; views overlap most at what was captured. How deep in the view depends on what is known.
    """
    cameras = camera_to_worlds.detach().cpu().double()
    chosen = torch.randint(len(cameras), (number,), generator=generator)
    unit = torch.rand((number, 3), generator=generator, dtype=torch.float64)
    depth = _random_depths(cameras, chosen, unit[:, 0])
    across = (2 * unit[:, 1:] - 1) * tan_half_fov * depth[:, None]
    in_camera = torch.cat([across, -depth[:, None]], dim=1)
    rotations, origins = cameras[chosen, :, :3], cameras[chosen, :, 3]
    in_world = (rotations @ in_camera[:, :, None]).squeeze(-1) + origins
    return in_world.to(camera_to_worlds)


def _random_depths(
    cameras: Float[Tensor, "cameras 3 4"], chosen: Int[Tensor, " n"], unit: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """Depths in the chosen cameras' views from uniform numbers.

    Walks around something have a focus, and so a scale: densities grow with depth there, as few points before a
    camera are scenery and many are obstacles to the others. Forward-facing, aerial and inside-out captures have
    none: there depths are log-uniform around the cameras' spread, the prior of who knows only orders of magnitude.
    """
    focus_depths = _focus_depths(cameras)
    if focus_depths is not None:
        near, far = FOCUS_NEAR * focus_depths[chosen], FOCUS_FAR * focus_depths[chosen]
        return (near**2 + unit * (far**2 - near**2)).sqrt()
    spread = _spread(cameras[:, :, 3])
    baseline = torch.where(spread > 0, spread, torch.ones_like(spread))
    return baseline * BASELINE_DEPTH_FACTOR ** (2 * unit - 1)


def _spread(origins: Float[Tensor, "cameras 3"]) -> Float[Tensor, ""]:
    """The largest distance of a camera from their centre."""
    return (origins - origins.mean(dim=0)).norm(dim=1).max()


def _focus_depths(cameras: Float[Tensor, "cameras 3 4"]) -> Float[Tensor, " cameras"] | None:
    """Every camera's depth of the point nearest to all optical axes; None where the axes do not meet in front.

    The point minimises the sum of squared distances to the axes: sum (I - d d^T) (p - o) = 0.
    """
    origins, directions = cameras[:, :, 3], -cameras[:, :, 2]
    across = torch.eye(3, dtype=cameras.dtype) - directions[:, :, None] * directions[:, None, :]
    if torch.linalg.eigvalsh(across.mean(dim=0))[0] < CONVERGENCE_LIMIT:
        return None
    focus = torch.linalg.solve(across.sum(dim=0), (across @ origins[:, :, None]).sum(dim=0)).squeeze(-1)
    depths = ((focus - origins) * directions).sum(dim=1)
    is_in_front = depths > 0
    if is_in_front.double().mean() < LEAST_SHARE_IN_FRONT:
        return None
    typical = depths[is_in_front].median()
    if typical < _spread(origins) / BASELINE_DEPTH_FACTOR:
        # The axes meet among the cameras themselves, as when someone turns on the spot.
        return None
    # A camera that looks away from the focus, or stands in it, has the typical depth.
    return torch.where(depths > 0.1 * typical, depths, typical)
