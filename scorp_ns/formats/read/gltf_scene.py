"""All triangles of a glTF file's scene, with the transforms of its nodes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64
from scipy.spatial.transform import Rotation

from scorp_ns.formats.read.gltf_accessors import read_accessor, read_numbers
from scorp_ns.formats.read.gltf_container import Gltf, open_gltf
from scorp_ns.formats.read.gltf_materials import (
    Materials,
    finite_numbers,
    texture_coordinates,
    vertex_colors,
)
from scorp_ns.formats.read.limits import MOST_NODES
from scorp_ns.formats.read.parts import MeshPart
from scorp_ns.formats.read.source import AssetSource
from scorp_ns.messages import counted, json_kind

TRIANGLES, STRIP, FAN = 4, 5, 6
"""Modes of primitives that have triangles."""

DRACO = "KHR_draco_mesh_compression"
UNREADABLE = (DRACO, "EXT_meshopt_compression")


def read_gltf(content: bytes, source: AssetSource) -> list[MeshPart]:
    """The parts of the file's scene, one for each instance of a primitive."""
    gltf = open_gltf(content, source)
    required = gltf.items("extensionsRequired")
    for extension in UNREADABLE:
        if extension in required:
            raise gltf.compressed(extension)
    materials, primitives = Materials(gltf), dict[Any, list[MeshPart]]()
    parts: list[MeshPart] = []
    for number, matrix in _shown_meshes(gltf):
        if number not in primitives:
            primitives[number] = _read_mesh(gltf, materials, number)
        for part in primitives[number]:
            source.count_geometry(len(part.vertices), len(part.faces))
            parts.append(_moved(part, matrix))
    return parts


def _shown_meshes(gltf: Gltf) -> Iterator[tuple[Any, Float64[np.ndarray, "4 4"]]]:
    """The mesh of every node of the scene that has one, with its world matrix."""
    waiting = [(index, np.eye(4)) for index in _roots(gltf)]
    seen: set[int] = set()
    while waiting:
        index, above = waiting.pop()
        node = gltf.item("nodes", index)
        if index in seen or len(seen) >= MOST_NODES:
            why = f"comes to its node {index} twice" if index in seen else f"has more than {MOST_NODES} nodes"
            raise gltf.fault(why)
        seen.add(index)
        matrix = above @ _node_matrix(gltf, node)
        if "mesh" in node:
            gltf.item("meshes", node["mesh"])
            yield node["mesh"], matrix
        waiting += [(child, matrix) for child in _list(gltf, node, "children")]


def _roots(gltf: Gltf) -> list[Any]:
    """The root nodes of the default scene; of all nodes where there is no scene."""
    if gltf.items("scenes"):
        return _list(gltf, gltf.item("scenes", gltf.description.get("scene", 0)), "nodes")
    numbers = range(len(gltf.items("nodes")))
    children = {str(child) for number in numbers for child in _list(gltf, gltf.item("nodes", number), "children")}
    return [number for number in numbers if str(number) not in children]


def _list(gltf: Gltf, entry: dict[str, Any], key: str) -> list[Any]:
    found = entry.get(key, [])
    if not isinstance(found, list):
        raise gltf.fault(f"has {json_kind(found)} as '{key}' instead of a list")
    return found


def _node_matrix(gltf: Gltf, node: dict[str, Any]) -> Float64[np.ndarray, "4 4"]:
    """The matrix from the node's frame to its parent's."""
    if "matrix" in node:
        return finite_numbers(gltf, node["matrix"], "a node's matrix", (16,)).reshape(4, 4).T
    matrix = np.eye(4)
    if node.keys().isdisjoint(("rotation", "scale", "translation")):
        return matrix
    turn = finite_numbers(gltf, node.get("rotation", [0, 0, 0, 1]), "a node's rotation", (4,))
    if not turn.any():
        raise gltf.fault("has a node's rotation of zeros")
    scale = finite_numbers(gltf, node.get("scale", [1, 1, 1]), "a node's scale", (3,))
    matrix[:3, :3] = Rotation.from_quat(turn).as_matrix() * scale
    matrix[:3, 3] = finite_numbers(gltf, node.get("translation", [0, 0, 0]), "a node's translation", (3,))
    return matrix


def _read_mesh(gltf: Gltf, materials: Materials, number: Any) -> list[MeshPart]:
    """The primitives of a mesh that have triangles, in the mesh's own frame."""
    primitives = _list(gltf, gltf.item("meshes", number), "primitives")
    found = [_read_primitive(gltf, materials, primitive) for primitive in primitives]
    parts = [part for part in found if part is not None]
    if len(parts) < len(found):
        gltf.source.notes.append(f"{counted(len(found) - len(parts), 'primitive')} without triangles left out.")
    return parts


def _read_primitive(gltf: Gltf, materials: Materials, primitive: Any) -> MeshPart | None:
    """The triangles of a primitive; None for points and lines, and for none at all."""
    attributes = primitive.get("attributes") if isinstance(primitive, dict) else None
    if not isinstance(attributes, dict) or not isinstance(primitive, dict):
        raise gltf.fault("has a primitive without attributes")
    mode = primitive.get("mode", TRIANGLES)
    if mode not in (TRIANGLES, STRIP, FAN) or "POSITION" not in attributes:
        if DRACO in (primitive.get("extensions") or {}):
            raise gltf.compressed(DRACO)
        return None
    vertices = read_numbers(gltf, attributes["POSITION"], 3)
    faces = _faces(gltf, primitive, mode, len(vertices))
    if not len(faces):
        return None
    gltf.source.count_geometry(len(vertices), len(faces))
    material = materials.of(primitive)
    colors = vertex_colors(gltf, attributes["COLOR_0"]) if "COLOR_0" in attributes else None
    uv = texture_coordinates(gltf, attributes, material)
    for values in (colors, uv):
        if values is not None and len(values) != len(vertices):
            raise gltf.fault(f"has {len(values)} colours or texture coordinates for {len(vertices)} vertices")
    texture = None if uv is None else material.texture
    return MeshPart(vertices, faces, colors, uv, texture, material.tint, colors is not None or material.says_color)


def _faces(gltf: Gltf, primitive: dict[str, Any], mode: int, num_vertices: int) -> Int64[np.ndarray, "f 3"]:
    """The triangles of a list, a strip or a fan."""
    if "indices" in primitive:
        stored = read_accessor(gltf, primitive["indices"])
        if stored.dtype.kind != "u" or stored.shape[1] != 1:
            raise gltf.fault("has indices that are not whole numbers")
        order = stored[:, 0].astype(np.int64)
    else:
        order = np.arange(num_vertices)
    if len(order) and order.max() >= num_vertices:
        raise gltf.fault(f"has a triangle with vertex {order.max()} of {num_vertices}")
    if mode == TRIANGLES:
        return order[: len(order) // 3 * 3].reshape(-1, 3)
    if len(order) < 3:
        return np.empty((0, 3), np.int64)
    if mode == FAN:
        return np.stack([np.full(len(order) - 2, order[0]), order[1:-1], order[2:]], axis=1)
    faces = np.stack([order[:-2], order[1:-1], order[2:]], axis=1)
    faces[1::2] = faces[1::2, ::-1]
    return faces


def _moved(part: MeshPart, matrix: Float64[np.ndarray, "4 4"]) -> MeshPart:
    """The part in the frame of the scene; mirrored ones still face outwards."""
    with np.errstate(over="ignore", invalid="ignore"):
        vertices = part.vertices @ matrix[:3, :3].T + matrix[:3, 3]
    faces = part.faces[:, ::-1] if np.linalg.det(matrix[:3, :3]) < 0 else part.faces
    return replace(part, vertices=vertices, faces=faces)
