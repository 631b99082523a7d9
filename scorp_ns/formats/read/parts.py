"""Mesh parts of an asset: triangles with colours, with a texture, or with both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Float64, Int64, UInt8

WHITE = (1.0, 1.0, 1.0)

Texture = UInt8[np.ndarray, "h w 3"]
"""A picture in sRGB; its first row is at v = 0."""


@dataclass(frozen=True)
class MeshPart:
    """Triangles of one material. Its colour is texture times tint times colours, multiplied as light."""

    vertices: Float64[np.ndarray, "v 3"]
    """In the asset's frame."""
    faces: Int64[np.ndarray, "f 3"]
    colors: Float32[np.ndarray, "v 3"] | None = None
    """sRGB in [0, 1]; None where the file gives none."""
    uv: Float64[np.ndarray, "v 2"] | None = None
    """Texture coordinates of the vertices; the texture repeats."""
    texture: Texture | None = None
    tint: tuple[float, float, float] = WHITE
    """The material's colour, linear."""
    is_painted: bool = True
    """True if the file gives this part any colour."""

    def __post_init__(self) -> None:
        assert self.texture is None or self.uv is not None
        for values in (self.colors, self.uv):
            assert values is None or len(values) == len(self.vertices)


def to_linear(colors: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """Linear light from sRGB (IEC 61966-2-1)."""
    return np.where(colors <= 0.04045, colors / 12.92, ((np.maximum(colors, 0.04045) + 0.055) / 1.055) ** 2.4)


def to_srgb(light: Float[np.ndarray, "*n 3"]) -> Float[np.ndarray, "*n 3"]:
    """sRGB from linear light (IEC 61966-2-1)."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)
