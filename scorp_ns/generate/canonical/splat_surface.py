"""A closed surface around Gaussians: TSDF fusion (Curless and Levoy 1996) of rendered depths, and marching cubes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float32, Float64
from torch import Tensor

from scorp_ns.cameras import ArrayCamera, Camera
from scorp_ns.errors import GenerationError
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.canonical.floaters import bulk_diagonal, is_of_the_body
from scorp_ns.messages import counted
from scorp_ns.render import render
from scorp_ns.surfaces.marching import Grid, extract_surface
from scorp_ns.surfaces.mesh import ColoredMesh

LEAST_OPACITY = 0.1
"""Gaussians of less opacity are haze."""

LARGEST_SCALE = 0.2
"""Gaussians with a longer axis, in diagonals of the bulk, are fog."""

REACH = 2.0
"""Standard deviations that a Gaussian reaches beyond its centre."""

NUM_VIEWS = 64
"""Depth pictures from all around."""

PIXELS = 256
"""The side of a picture."""

CAMERA_DISTANCE = 3.0
"""Distance of the cameras from the middle, in diagonals."""

SPACING = 1 / 128
"""Spacing of the grid, in diagonals."""

TRUNCATION = 3.0
"""Truncation distance of the TSDF, in cells."""

SHARPNESS = 3
"""Copies of each Gaussian that are drawn."""

FEWEST_EMPTY_VIEWS = 2
"""Pictures that have to look through an empty point: a single one may look through a gap."""

SOLID_ALPHA = 0.5
"""Least alpha, with the Gaussians drawn once, of pixels that show a surface."""

MIDDLE_GREY = 0.5


@dataclass(frozen=True)
class DepthPicture:
    """A rendered picture from one direction, with depth."""

    camera: ArrayCamera
    """In single precision."""
    depth: Float32[np.ndarray, "h w"]
    """Depth; infinite where nothing solid is shown."""
    colors: Float32[np.ndarray, "h w 3"]


def surface_of(gaussians: Gaussians, name: str, notes: list[str]) -> ColoredMesh:
    """The closed surface of the solid ones among the Gaussians; a GenerationError if there is none."""
    solid = _solid(gaussians, notes)
    if len(solid):
        low, high = _box(solid)
        center, diagonal = (low + high) / 2, float(np.linalg.norm(high - low))
        if diagonal > 0:
            views = _pictures(_unit(solid, center, diagonal))
            grid = Grid.around((low - center) / diagonal, (high - center) / diagonal, SPACING, 4)
            vertices, faces = extract_surface(_fused_tsdf(views, grid), grid)
            if len(faces):
                colors = _vertex_colors(views, vertices)
                return ColoredMesh((vertices * diagonal + center).astype(np.float32), faces, colors)
    raise GenerationError(
        f"The asset of '{name}' has {counted(len(gaussians), 'Gaussian')}, of which no surface can be made.",
        f"Gaussians of an opacity above {LEAST_OPACITY} that cover something are needed.",
        "Generate it again, or take another.",
    )


def _solid(gaussians: Gaussians, notes: list[str]) -> Gaussians:
    """The Gaussians without faint, huge and floating ones."""
    opaque = gaussians[gaussians.opacities >= LEAST_OPACITY]
    if not len(opaque):
        return opaque
    means, weights = opaque.means.double().numpy(), opaque.opacities.double().numpy()
    size = bulk_diagonal(means, weights)
    is_kept = opaque.scales.amax(1).numpy() <= LARGEST_SCALE * size if size > 0 else np.ones(len(opaque), bool)
    if not is_kept.any():
        return opaque[torch.from_numpy(is_kept)]
    is_kept[is_kept] = is_of_the_body(means[is_kept], weights[is_kept])
    left_out = len(gaussians) - int(is_kept.sum())
    if left_out:
        notes.append(f"{left_out} of {len(gaussians)} Gaussians were left out as haze, fog or apart from the rest.")
    return opaque[torch.from_numpy(is_kept)]


def _box(gaussians: Gaussians) -> tuple[Float64[np.ndarray, " 3"], Float64[np.ndarray, " 3"]]:
    """The corners of the box around the Gaussians' extents."""
    means, reach = gaussians.means.double(), REACH * gaussians.scales.double().amax(1, keepdim=True)
    return (means - reach).amin(0).numpy(), (means + reach).amax(0).numpy()


def _unit(gaussians: Gaussians, center: Float64[np.ndarray, " 3"], diagonal: float) -> Gaussians:
    """The Gaussians at the origin, about 1 across, each as opaque as SHARPNESS copies of it.

    The expected depth is a mean over all layers that shine through; so it is nearly that of the first surface.
    """
    return replace(
        gaussians,
        opacities=1 - (1 - gaussians.opacities) ** SHARPNESS,
        means=((gaussians.means.double() - torch.from_numpy(center)) / diagonal).float(),
        scales=(gaussians.scales.double() / diagonal).float(),
    )


def _pictures(gaussians: Gaussians) -> list[DepthPicture]:
    """Depth pictures of the Gaussians from all around."""
    return [_depth_picture(gaussians, viewmat) for viewmat in torch.from_numpy(_sphere_viewmats(NUM_VIEWS)).float()]


@torch.no_grad()
def _depth_picture(gaussians: Gaussians, viewmat: Float32[Tensor, "4 4"]) -> DepthPicture:
    """The picture with depth where it is solid, and colours divided by alpha.

    An object 1 across fills it at its nearest.
    """
    camera = Camera.square(viewmat, PIXELS * (CAMERA_DISTANCE - 0.5), PIXELS)
    drawn = render(gaussians, camera, "RGB+ED")
    is_solid = drawn.alpha > 1 - (1 - SOLID_ALPHA) ** SHARPNESS
    depth = torch.where(is_solid, drawn.depth, torch.inf)
    colors = drawn.colors / drawn.alpha.clamp(min=1e-3)[..., None]
    single = ArrayCamera(camera.viewmat.numpy(), camera.K.numpy(), PIXELS, PIXELS)
    return DepthPicture(single, depth.numpy(), colors.clamp(0, 1).numpy())


def _fused_tsdf(views: list[DepthPicture], grid: Grid) -> Float32[np.ndarray, "x y z"]:
    """The TSDF: mean truncated distances to the pictures' surfaces, negative inside and where no picture looks in.

    Space carving overrules the mean: a point that enough pictures look through is outside.
    """
    points, reach = grid.points, TRUNCATION * grid.spacing
    total, count = np.zeros(len(points), np.float32), np.zeros(len(points), np.float32)
    emptiness = np.zeros(len(points), np.int16)
    for view in views:
        rows, columns, depths, is_shown = _project(view, points)
        gaps = np.where(is_shown, view.depth[rows, columns] - depths, np.inf)
        emptiness += gaps > reach
        is_near = np.abs(gaps) <= reach
        total[is_near] += gaps[is_near]
        count[is_near] += 1
    # Every point starts as if one picture had shown it inside: a single one may be wrong at a silhouette.
    distances = (total - reach) / (count + 1)
    is_empty = emptiness >= np.maximum(FEWEST_EMPTY_VIEWS, count)
    distances[is_empty] = reach
    return distances.reshape(grid.shape).astype(np.float32)


def _vertex_colors(views: list[DepthPicture], vertices: Float32[np.ndarray, "v 3"]) -> Float32[np.ndarray, "v 3"]:
    """The mean colours of the vertices in the pictures that show them; the nearest vertex's where none does."""
    from scipy.spatial import KDTree

    total, count = np.zeros(vertices.shape, np.float64), np.zeros(len(vertices))
    for view in views:
        rows, columns, depths, is_shown = _project(view, vertices)
        is_seen = is_shown & (np.abs(view.depth[rows, columns] - depths) < 2 * SPACING)
        total[is_seen] += view.colors[rows[is_seen], columns[is_seen]]
        count += is_seen
    is_known = count > 0
    if not is_known.any():
        return np.full(vertices.shape, MIDDLE_GREY, np.float32)
    colors = total / np.maximum(count, 1)[:, None]
    _, nearest = KDTree(vertices[is_known]).query(vertices[~is_known])
    colors[~is_known] = colors[is_known][nearest]
    return colors.clip(0, 1).astype(np.float32)


def _project(
    view: DepthPicture, points: Float32[np.ndarray, "n 3"]
) -> tuple[np.ndarray, np.ndarray, Float32[np.ndarray, " n"], Bool[np.ndarray, " n"]]:
    """Rows, columns and depths of points in a picture, and a mask of those within it."""
    in_camera, K = view.camera.to_camera(points), view.camera.K
    pixels = in_camera[:, :2] / in_camera[:, 2:] * K[0, 0] + K[:2, 2]
    columns, rows = np.floor(pixels).astype(np.int64).clip(0, PIXELS - 1).T
    is_shown = ((pixels >= 0) & (pixels < PIXELS)).all(axis=1)
    return rows, columns, in_camera[:, 2], is_shown


def _sphere_viewmats(number: int) -> Float64[np.ndarray, "n 4 4"]:
    """Cameras on a Fibonacci sphere that look at the origin."""
    heights = 1 - (2 * np.arange(number) + 1) / number
    angles = np.pi * (3 - 5**0.5) * np.arange(number)
    radii = np.sqrt(1 - heights**2)
    forward = -1.0 * np.stack([radii * np.cos(angles), radii * np.sin(angles), heights], axis=1)
    aside = np.where(np.abs(forward[:, 2:]) < 0.9, np.array([[0.0, 0, 1]]), np.array([[1.0, 0, 0]]))
    right = np.cross(forward, aside)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    viewmats = np.tile(np.eye(4), (number, 1, 1))
    viewmats[:, :3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    viewmats[:, 2, 3] = CAMERA_DISTANCE
    return viewmats
