"""Colours of glTF surfaces: materials, their textures, and the colours of vertices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64

from scorp_ns.formats.read.gltf_accessors import read_accessor, read_numbers
from scorp_ns.formats.read.gltf_container import Gltf
from scorp_ns.formats.read.images import decode_image
from scorp_ns.formats.read.parts import WHITE, Texture, to_srgb

TRANSFORM = "KHR_texture_transform"
SPECULAR = "KHR_materials_pbrSpecularGlossiness"
WEBP = "EXT_texture_webp"

STORES_SRGB = ("trimesh",)
"""Programs that write vertex colours as sRGB in whatever type, against the standard."""


@dataclass(frozen=True)
class Material:
    """The base colour of a primitive's material."""

    tint: tuple[float, float, float] = WHITE
    texture: Texture | None = None
    uv_set: int = 0
    uv_matrix: Float64[np.ndarray, "2 3"] | None = None
    says_color: bool = False


@dataclass
class Materials:
    """The materials of an asset; the last textures are kept, as neighbouring primitives share them."""

    gltf: Gltf
    _textures: dict[int, Texture] = field(default_factory=dict)

    MOST_KEPT = 8

    def of(self, primitive: dict[str, Any]) -> Material:
        """The material of a primitive; plain white without one."""
        if "material" not in primitive:
            return Material()
        entry = self.gltf.item("materials", primitive["material"])
        specular = _dict(_dict(entry.get("extensions")).get(SPECULAR))
        metallic = _dict(entry.get("pbrMetallicRoughness"))
        base, keys = (specular, ("diffuseFactor", "diffuseTexture")) if specular and not metallic else (
            metallic, ("baseColorFactor", "baseColorTexture")
        )  # fmt: skip
        tint, reference = self._tint(base.get(keys[0])), _dict(base.get(keys[1]))
        if not reference:
            return Material(tint, says_color=keys[0] in base)
        moved = _dict(_dict(reference.get("extensions")).get(TRANSFORM))
        uv_set = moved.get("texCoord", reference.get("texCoord", 0))
        return Material(tint, self._texture(reference.get("index")), uv_set, self._uv_matrix(moved), True)

    def _tint(self, factor: Any) -> tuple[float, float, float]:
        if factor is None:
            return WHITE
        red, green, blue = self._numbers(factor, "a colour", (3, 4))[:3].clip(0, 1).tolist()
        return red, green, blue

    def _texture(self, index: Any) -> Texture:
        entry = self.gltf.item("textures", index)
        webp = _dict(_dict(entry.get("extensions")).get(WEBP))
        number: Any = webp.get("source", entry.get("source"))
        image = self.gltf.item("images", number)
        if number not in self._textures:
            content = bytes(self.gltf.view(image["bufferView"])[0]) if "bufferView" in image else self.gltf.file(
                image.get("uri")
            )  # fmt: skip
            while len(self._textures) >= self.MOST_KEPT:
                self._textures.pop(next(iter(self._textures)))
            self._textures[number] = decode_image(content, self.gltf.source, f"number {number}")
        return self._textures[number]

    def _uv_matrix(self, moved: dict[str, Any]) -> Float64[np.ndarray, "2 3"] | None:
        """The map of texture coordinates of KHR_texture_transform."""
        if not moved:
            return None
        offset = self._numbers(moved.get("offset", [0, 0]), "a texture's offset", (2,))
        scale = self._numbers(moved.get("scale", [1, 1]), "a texture's scale", (2,))
        (angle,) = self._numbers([moved.get("rotation", 0)], "a texture's rotation", (1,))
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        return np.concatenate([turn * scale, offset[:, None]], axis=1)

    def _numbers(self, values: Any, what: str, lengths: tuple[int, ...]) -> Float64[np.ndarray, " n"]:
        return finite_numbers(self.gltf, values, what, lengths)


def finite_numbers(gltf: Gltf, values: Any, what: str, lengths: tuple[int, ...]) -> Float64[np.ndarray, " n"]:
    """A list of finite numbers of one of these lengths."""
    is_list = isinstance(values, list) and len(values) in lengths
    numbers = values if is_list and all(type(value) in (int, float) for value in values) else [np.nan]
    try:
        found = np.array(numbers, np.float64)
    except OverflowError:
        found = np.array([np.nan])
    if not np.isfinite(found).all():
        raise gltf.fault(f"has {what} that is not {' or '.join(map(str, lengths))} finite numbers")
    return found


def vertex_colors(gltf: Gltf, index: Any) -> Float32[np.ndarray, "n 3"]:
    """The colours of vertices as sRGB.

    By the standard they are linear light. Programs that follow it write 16 bits or floats, as 8 bits of linear light
    show banding; those that write 8 bits pass on sRGB from elsewhere.
    """
    stored = read_accessor(gltf, index)
    if stored.shape[1] not in (3, 4):
        raise gltf.fault(f"has {stored.shape[1]} numbers a vertex colour, instead of 3 or 4")
    # Some files forget to say that their whole numbers are shares.
    largest = 1.0 if stored.dtype.kind == "f" else float(np.iinfo(stored.dtype).max)
    colors = np.nan_to_num(stored[:, :3].astype(np.float64) / largest, nan=0.5).clip(0, 1)
    generator = str(_dict(gltf.description.get("asset")).get("generator", "")).lower()
    is_light = stored.dtype.itemsize > 1 and not any(program in generator for program in STORES_SRGB)
    if is_light:
        gltf.source.notes.append("Its vertex colours were taken as linear light, as the glTF standard says.")
    return (to_srgb(colors) if is_light else colors).astype(np.float32)


def texture_coordinates(
    gltf: Gltf, attributes: dict[str, Any], material: Material
) -> Float64[np.ndarray, "n 2"] | None:
    """Texture coordinates of the vertices; None without a texture, or if the file has none."""
    key = f"TEXCOORD_{material.uv_set}"
    if material.texture is None or key not in attributes:
        return None
    uv = np.nan_to_num(read_numbers(gltf, attributes[key], 2), posinf=0, neginf=0)
    return uv if material.uv_matrix is None else uv @ material.uv_matrix[:, :2].T + material.uv_matrix[:, 2]


def _dict(value: Any) -> dict[str, Any]:
    """The value if it is an object; an empty one otherwise."""
    return value if isinstance(value, dict) else {}
