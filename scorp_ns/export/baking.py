"""Texture baking: surfaces cut into charts, and their colours written into a texture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int64, UInt8
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.fields.surface_gaussians import CHUNK, slope
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.textured_mesh import TexturedMesh

PADDING = 4
"""Texels between charts, so that no colour of one bleeds into another where viewers shrink the texture."""

SMALLEST_TEXTURE, LARGEST_TEXTURE = 64, 8192
"""Allowed sides of a texture, in texels."""

ColorAt = Callable[[Float[Tensor, "n 3"]], Float[Tensor, "n 3"]]
"""Colours (sRGB in [0, 1]) of points on and close to a surface."""


def bake(name: str, surface: ColoredMesh, field: ProxyField, color_at: ColorAt, texture_size: int) -> TexturedMesh:
    """The surface of a field with a square texture and with vertex colours, all from `color_at`."""
    corners, faces, uvs = _charts(surface, texture_size)
    texels, is_covered = _texel_points(surface.vertices[corners], faces, uvs, texture_size)
    texture = np.zeros((texture_size, texture_size, 3), np.uint8)
    texture[is_covered] = _bytes(_colors(field, color_at, torch.from_numpy(texels)))
    vertex_colors = color_at(torch.from_numpy(surface.vertices)).numpy().clip(0, 1)
    return TexturedMesh(
        name=name,
        surface=replace(surface, colors=vertex_colors),
        corners=corners,
        faces=faces,
        uvs=uvs,
        normals=vertex_normals(surface),
        texture=_padded(texture, is_covered),
    )


def _colors(field: ProxyField, color_at: ColorAt, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
    """The colours at the field's surface points nearest to points of its flat triangles."""
    parts = []
    for part in points.split(CHUNK):
        start = part.to(field.low)
        distances, normals = slope(field, start)
        parts.append(color_at(start - distances[:, None] * normals))
    return torch.cat(parts) if parts else points


def vertex_normals(surface: ColoredMesh) -> Float32[np.ndarray, "v 3"]:
    """Unit vertex normals, the area-weighted mean of the triangles around; z where they cancel."""
    total = np.zeros(surface.vertices.shape)
    weighted = surface.face_normals * surface.face_areas[:, None]
    for corner in range(3):
        np.add.at(total, surface.faces[:, corner], weighted)
    lengths = np.linalg.norm(total, axis=1, keepdims=True)
    upwards = np.broadcast_to(np.array([0.0, 0.0, 1.0]), total.shape)
    return np.where(lengths > 0, total / np.where(lengths > 0, lengths, 1), upwards).astype(np.float32)


def _charts(
    surface: ColoredMesh, texture_size: int
) -> tuple[Int64[np.ndarray, " w"], Int64[np.ndarray, "f 3"], Float32[np.ndarray, "w 2"]]:
    """The cut surface: the vertex of each corner, the triangles, and the corners' texture coordinates."""
    import xatlas

    # Charts are weighed by lengths that have to be neither tiny nor huge.
    low, _ = surface.bounds
    vertices = (surface.vertices - low) / surface.diagonal
    atlas = xatlas.Atlas()
    atlas.add_mesh(vertices.astype(np.float32), surface.faces.astype(np.uint32))
    packing = xatlas.PackOptions()
    packing.resolution, packing.padding, packing.bilinear = texture_size, PADDING, True
    atlas.generate(xatlas.ChartOptions(), packing)
    corners, faces, uvs = atlas[0]
    return corners.astype(np.int64), faces.astype(np.int64), np.clip(uvs, 0, 1).astype(np.float32)


def _texel_points(
    points: Float32[np.ndarray, "w 3"],
    faces: Int64[np.ndarray, "f 3"],
    uvs: Float32[np.ndarray, "w 2"],
    texture_size: int,
) -> tuple[Float32[np.ndarray, "t 3"], Bool[np.ndarray, "s s"]]:
    """The surface point at the centre of each covered texel, row by row, and the mask of covered texels."""
    hits = _look_onto_charts(faces, uvs, texture_size)
    faces_hit = hits["primitive_ids"].numpy().ravel()
    is_covered = np.isfinite(hits["t_hit"].numpy())
    shares = hits["primitive_uvs"].numpy().reshape(-1, 2)[is_covered.ravel()]
    weights = np.concatenate([1 - shares.sum(axis=1, keepdims=True), shares], axis=1)
    corners = faces[faces_hit[is_covered.ravel()].astype(np.int64)]
    return np.einsum("nk,nkd->nd", weights, points[corners]).astype(np.float32), is_covered


def _look_onto_charts(faces: Int64[np.ndarray, "f 3"], uvs: Float32[np.ndarray, "w 2"], texture_size: int) -> Any:
    """The hits on the charts of rays through the centre of each texel; the top row first."""
    import open3d

    flat = np.concatenate([uvs, np.zeros_like(uvs[:, :1])], axis=1)
    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(open3d.core.Tensor(flat), open3d.core.Tensor(faces.astype(np.uint32)))
    middles = ((np.arange(texture_size) + 0.5) / texture_size).astype(np.float32)
    rays = np.zeros((texture_size, texture_size, 6), np.float32)
    rays[..., 0], rays[..., 1], rays[..., 2] = middles[None, :], middles[::-1, None], 1
    rays[..., 5] = -1
    return scene.cast_rays(open3d.core.Tensor(rays))


def _bytes(colors: Float[Tensor, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
    return np.round(255 * colors.numpy().clip(0, 1)).astype(np.uint8)


def _padded(texture: UInt8[np.ndarray, "s s 3"], is_covered: Bool[np.ndarray, "s s"]) -> UInt8[np.ndarray, "s s 3"]:
    """The texture with every empty texel in the colour of the nearest covered one."""
    if is_covered.all() or not is_covered.any():
        return texture
    nearest = distance_transform_edt(~is_covered, return_distances=False, return_indices=True)
    assert nearest is not None
    return texture[nearest[0], nearest[1]]
