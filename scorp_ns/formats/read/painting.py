"""Mesh parts joined into one surface, with textures and tints baked into vertex colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64, Int64

from scorp_ns.formats.read.limits import KEPT_TRIANGLES, TEXTURED_EDGE
from scorp_ns.formats.read.parts import WHITE, MeshPart, Texture, to_linear, to_srgb
from scorp_ns.surfaces.remeshing import refine

NEUTRAL_GREY = 0.5
"""sRGB of surfaces without colours in their file."""

KEPT_CONTRAST = 6 / 255
"""Largest difference between a texture and the interpolated corner colours before a triangle is split."""

COARSEST_EDGE = 8
"""Triangles are split down to so many times the shortest edge in any case, lest small details be missed."""

INWARDS = 0.25
"""Corner colours are sampled this share of the way to the triangle's middle: the texture beside a triangle is often the
black between charts."""

LATTICE = np.array([(i, j, 4 - i - j) for i in range(5) for j in range(5 - i)]) / 4
"""Barycentric coordinates at which a triangle's texture is sampled."""


def paint(part: MeshPart, diagonal: float, most_faces: int = KEPT_TRIANGLES) -> MeshPart:
    """The part with vertex colours in place of its texture, refined where the texture needs it."""
    if part.texture is None or part.uv is None:
        return MeshPart(part.vertices, part.faces, _tinted(part, None))
    texture, shortest = part.texture, TEXTURED_EDGE * diagonal
    attributes = part.uv if part.colors is None else np.concatenate([part.uv, part.colors], axis=1)

    def needs_split(
        vertices: Float64[np.ndarray, "v 3"], attributes: Float64[np.ndarray, "v k"], faces: Int64[np.ndarray, "f 3"]
    ) -> Bool[np.ndarray, "f 3"]:
        corners = vertices[faces]
        lengths = np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2)
        is_wanted = lengths.max(axis=1) > COARSEST_EDGE * shortest
        unsure = np.flatnonzero(~is_wanted & (lengths.max(axis=1) > shortest))
        is_wanted[unsure] = _contrast(texture, attributes[faces[unsure], :2]) > KEPT_CONTRAST
        return is_wanted[:, None] & (lengths > shortest)

    budget = max(most_faces, len(part.faces))
    vertices, attributes, faces = refine(part.vertices, attributes, part.faces, needs_split, budget)
    colors = None if part.colors is None else attributes[:, 2:].astype(np.float32)
    finer = MeshPart(vertices, faces, colors, attributes[:, :2], texture, part.tint)
    return MeshPart(vertices, faces, _tinted(finer, _corner_colors(texture, finer.uv, faces)))


def sample_texture(texture: Texture, uv: Float[np.ndarray, "*n 2"]) -> Float32[np.ndarray, "*n 3"]:
    """The colours of a texture that repeats, in [0, 1]; linear between the middles of its pixels."""
    height, width = texture.shape[:2]
    places = (uv % 1.0) * (width, height) - 0.5
    low = np.floor(places).astype(np.int64)
    share = (places - low).astype(np.float32)
    columns = [(low[..., 0] + step) % width for step in (0, 1)]
    rows = [(low[..., 1] + step) % height for step in (0, 1)]
    x, y = share[..., :1], share[..., 1:]
    upper = texture[rows[0], columns[0]] * (1 - x) + texture[rows[0], columns[1]] * x
    lower = texture[rows[1], columns[0]] * (1 - x) + texture[rows[1], columns[1]] * x
    return (upper * (1 - y) + lower * y) / np.float32(255)


def join(parts: Sequence[MeshPart]) -> MeshPart:
    """All parts as one; they must be painted."""
    starts = np.cumsum([0, *(len(part.vertices) for part in parts)])
    return MeshPart(
        np.concatenate([part.vertices for part in parts]),
        np.concatenate([part.faces + start for part, start in zip(parts, starts, strict=False)]),
        np.concatenate([part.colors for part in parts if part.colors is not None]),
    )


def _tinted(part: MeshPart, texture: Float32[np.ndarray, "v 3"] | None) -> Float32[np.ndarray, "v 3"]:
    """Vertex colours: texture, colours and tint multiplied in linear light."""
    layers = [layer for layer in (texture, part.colors) if layer is not None]
    if not part.is_painted:
        return np.full(part.vertices.shape, NEUTRAL_GREY, np.float32)
    if len(layers) == 1 and part.tint == WHITE:
        return layers[0].astype(np.float32)
    light = np.broadcast_to(np.array(part.tint), part.vertices.shape)
    for layer in layers:
        light = light * to_linear(layer.astype(np.float64))
    return to_srgb(light).clip(0, 1).astype(np.float32)


def _contrast(texture: Texture, uv: Float64[np.ndarray, "n 3 2"]) -> Float32[np.ndarray, " n"]:
    """The largest difference between the texture in triangles and its linear interpolation from the corners."""
    lattice = LATTICE.astype(np.float32)
    inner = (1 - INWARDS / 2) * lattice + INWARDS / 6
    found = sample_texture(texture, np.einsum("lk,nkd->nld", inner, uv))
    corners = found[:, [int(np.argmax(LATTICE[:, corner])) for corner in range(3)]]
    return np.abs(found - np.einsum("lk,nkd->nld", lattice, corners)).max(axis=(1, 2), initial=0)


def _corner_colors(
    texture: Texture, uv: Float64[np.ndarray, "v 2"] | None, faces: Int64[np.ndarray, "f 3"]
) -> Float32[np.ndarray, "v 3"]:
    """The mean of the texture around each vertex, in its own triangles."""
    assert uv is not None
    corners = uv[faces]
    found = sample_texture(texture, (1 - INWARDS) * corners + INWARDS * corners.mean(axis=1, keepdims=True))
    counts = np.maximum(1, np.bincount(faces.ravel(), minlength=len(uv)))
    channels = [np.bincount(faces.ravel(), found[..., axis].ravel(), minlength=len(uv)) / counts for axis in range(3)]
    return np.stack(channels, axis=1).astype(np.float32)
