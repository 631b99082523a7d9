"""Images and what strategies want to know, from Gaussians and cameras in main memory: the CPU side of the seam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from scorp_ns.render.cpu.blend import BlendTiles
from scorp_ns.render.cpu.projection import Harmonics, Project, lenses
from scorp_ns.render.cpu.tiles import TILE, TileLists, list_tiles


@dataclass(frozen=True)
class RenderSettings:
    """The seam's plain arguments: all but Gaussians and cameras."""

    width: int
    height: int
    near_plane: float
    far_plane: float
    radius_clip: float
    eps2d: float
    sh_degree: int | None
    packed: bool
    render_mode: str
    absgrad: bool
    antialiased: bool


def rasterize(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    colors: Tensor,
    viewmats: Tensor,
    Ks: Tensor,
    backgrounds: Tensor | None,
    view: RenderSettings,
) -> tuple[Tensor, Tensor, dict[str, Any]]:
    """The seam's answer for checked arguments."""
    projected = project(means, quats, scales, opacities, viewmats, Ks, view)
    radii, means2d, depths, conics, opacities, splats = projected
    channels = _channels(means, colors, viewmats, radii, view)
    camera_ids = gaussian_ids = None
    cameras = torch.arange(radii.shape[0], dtype=torch.int32)[:, None].expand(radii.shape)
    if view.packed:
        camera_ids, gaussian_ids = torch.nonzero(radii, as_tuple=True)
        radii, means2d, depths, conics, opacities, channels, splats, cameras = (
            tensor[camera_ids, gaussian_ids]
            for tensor in (radii, means2d, depths, conics, opacities, channels, splats, cameras)
        )
    if view.render_mode != "RGB":
        channels, backgrounds = _with_depth(channels, depths, backgrounds)
    tiles = (viewmats.shape[0], -(-view.height // TILE), -(-view.width // TILE))
    lists = tile_lists(splats, radii, depths, opacities, channels, cameras, tiles)
    image, alpha = BlendTiles.apply(
        means2d, conics, opacities, channels, backgrounds, splats.reshape(-1, 8).numpy(), lists,
        (viewmats.shape[0], view.height, view.width), view.absgrad,
    )  # fmt: skip
    if view.render_mode in ("ED", "RGB+ED"):
        image = torch.cat([image[..., :-1], image[..., -1:] / alpha.clamp(min=1e-10)], dim=-1)
    info = {
        "camera_ids": camera_ids,
        "gaussian_ids": gaussian_ids,
        "radii": radii,
        "means2d": means2d,
        "depths": depths,
        "conics": conics,
        "opacities": opacities,
        "tile_width": tiles[2],
        "tile_height": tiles[1],
        "tiles_per_gauss": torch.from_numpy(lists.counts).reshape(radii.shape),
        "flatten_ids": torch.from_numpy(lists.rows),
        "isect_offsets": torch.from_numpy(lists.offsets[:-1]).reshape(tiles),
        "width": view.width,
        "height": view.height,
        "tile_size": TILE,
        "n_cameras": viewmats.shape[0],
    }
    return image, alpha, info


def project(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, viewmats: Tensor, Ks: Tensor, view: RenderSettings
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Radii, centres, depths, conics, opacities as they are drawn, and splats, all [cameras, gaussians, ...]."""
    limits = (view.near_plane, view.far_plane, view.radius_clip, view.eps2d, view.width, view.height)
    lens = lenses(Ks, view.width, view.height)
    projected = Project.apply(means, quats, scales, viewmats, lens, tuple(float(limit) for limit in limits))
    radii, means2d, depths, conics, compensations, splats = projected
    opacities = opacities.expand(radii.shape)
    if view.antialiased:
        opacities = opacities * compensations
    return radii, means2d, depths, conics, opacities, splats


def _channels(means: Tensor, colors: Tensor, viewmats: Tensor, radii: Tensor, view: RenderSettings) -> Tensor:
    """Channels blended besides depth, [cameras, gaussians, channels]; none if only depth is."""
    if view.render_mode in ("D", "ED"):
        return means.new_empty((*radii.shape, 0))
    if view.sh_degree is not None:
        centres = torch.inverse(viewmats.double())[:, :3, 3]
        return Harmonics.apply(means, centres, colors, view.sh_degree, radii)
    return colors.expand(radii.shape[0], -1, -1)


def _with_depth(channels: Tensor, depths: Tensor, backgrounds: Tensor | None) -> tuple[Tensor, Tensor | None]:
    """Channels and background with the depth appended; depth has no background."""
    drawn = torch.cat([channels, depths[..., None]], dim=-1)
    if backgrounds is None:
        return drawn, None
    behind = backgrounds[:, : channels.shape[-1]]
    return drawn, torch.cat([behind, behind.new_zeros((behind.shape[0], 1))], dim=-1)


def tile_lists(
    splats: Tensor,
    radii: Tensor,
    depths: Tensor,
    opacities: Tensor,
    channels: Tensor,
    cameras: Tensor,
    tiles: tuple[int, int, int],
) -> TileLists:
    """The tile lists of flattened rows; nothing here is differentiated."""
    rows = [
        tensor.detach().flatten(0, radii.ndim - 1).contiguous().numpy()
        for tensor in (splats, radii, depths, opacities, channels, cameras)
    ]
    return list_tiles(*rows, num_tiles=tiles)
