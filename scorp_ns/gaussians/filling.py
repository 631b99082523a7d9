"""More seed points where the capture's own leave parts of an image empty, as on plain walls."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64, Int, Int64, Shaped
from scipy.spatial import KDTree
from torch import Tensor

CELLS_ACROSS = 16
"""Square cells along an image's longer side; each should hold a seed point."""

NUM_GUIDES = 3
"""An empty cell's point lies as deep as the deepest of so many seed points nearest to it in the image."""

MOST_VIEWS = 100
"""Views that are filled, evenly chosen; more of them see hardly more of the scene."""


def fill_views(
    points: Float[Tensor, "n 3"],
    colors: Shaped[Tensor, "c 3"],
    camera_to_worlds: Float[Tensor, "views 3 4"],
    Ks: Float[Tensor, "views 3 3"],
    image_sizes: Int[Tensor, "views 2"],
) -> tuple[Float[Tensor, "m 3"], Shaped[Tensor, "d 3"]]:
    """The seed points and colours (if there are any), followed by those of cells that were empty in every view before.

    A region without seed points is otherwise painted with whatever is at hand, mostly fog before the camera. A guess
    that lies too deep is harmless, as neighbouring views agree on it; one too near is fog again. Hence the deepest.
    Cameras have OpenGL axes; image sizes are widths and heights.
    """
    places, paints = points.detach().cpu().double().numpy(), colors.detach().cpu().double().numpy()
    views = [values.detach().cpu().numpy() for values in (camera_to_worlds.double(), Ks.double(), image_sizes)]
    for index in np.unique(np.linspace(0, len(Ks) - 1, min(len(Ks), MOST_VIEWS)).round().astype(int)):
        new_places, guides = _fill_view(places, *(values[index] for values in views))
        places = np.concatenate([places, new_places])
        paints = np.concatenate([paints, paints[guides]]) if len(paints) else paints
    return torch.from_numpy(places).to(points), torch.from_numpy(paints).to(colors)


def _fill_view(
    places: Float64[np.ndarray, "n 3"],
    T_world_camera: Float64[np.ndarray, "3 4"],
    K: Float64[np.ndarray, "3 3"],
    image_size: Int64[np.ndarray, " 2"],
) -> tuple[Float64[np.ndarray, "k 3"], Int64[np.ndarray, " k"]]:
    """Points for one view's empty cells, and for each the index of the seed point that gave its depth."""
    focal, principal = K[[0, 1], [0, 1]], K[:2, 2]
    in_camera = (places - T_world_camera[:, 3]) @ T_world_camera[:, :3]
    depths = -in_camera[:, 2]
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = in_camera[:, :2] * (1, -1) / depths[:, None] * focal + principal
        (seen,) = np.nonzero((depths > 0) & (pixels >= 0).all(axis=1) & (pixels < image_size).all(axis=1))
    if len(seen) < NUM_GUIDES:
        return np.empty((0, 3)), np.empty(0, dtype=np.int64)
    centers = _empty_cells(pixels[seen], image_size)
    _, nearest = KDTree(pixels[seen]).query(centers, k=NUM_GUIDES)
    candidates = seen[nearest]
    guides = np.take_along_axis(candidates, depths[candidates].argmax(axis=1)[:, None], axis=1)[:, 0]
    across = (centers - principal) / focal * (1, -1)
    rays = np.concatenate([across, np.full((len(across), 1), -1.0)], axis=1)
    return (rays * depths[guides][:, None]) @ T_world_camera[:, :3].T + T_world_camera[:, 3], guides


def _empty_cells(pixels: Float64[np.ndarray, "n 2"], image_size: Int64[np.ndarray, " 2"]) -> Float64[np.ndarray, "k 2"]:
    """The centres of the cells without any of the pixels."""
    cell_size = image_size.max() / CELLS_ACROSS
    is_empty = np.ones(np.ceil(image_size / cell_size).astype(int), dtype=bool)
    columns, rows = (pixels // cell_size).astype(int).T
    is_empty[columns, rows] = False
    return (np.argwhere(is_empty) + 0.5) * cell_size
