"""Files of assets, good and bad, made in tests."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import torch
import trimesh

from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.surfaces.mesh import ColoredMesh

TETRAHEDRON = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
TETRAHEDRON_FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.uint16)


def ball(subdivisions: int = 3, radius: float = 1.0, center: tuple[float, float, float] = (0, 0, 0)) -> ColoredMesh:
    """A sphere with the colours of its directions."""
    made = trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius)
    vertices = made.vertices / radius
    return ColoredMesh(
        (made.vertices + center).astype(np.float32),
        made.faces.astype(np.int64),
        (vertices / 2 + 0.5).clip(0, 1).astype(np.float32),
    )


def joined(*meshes: ColoredMesh) -> ColoredMesh:
    """Several meshes as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes)])
    return ColoredMesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=False)]),
        np.concatenate([mesh.colors for mesh in meshes]),
    )


def gltf(arrays: dict[str, np.ndarray], **changes: Any) -> tuple[dict[str, Any], bytes]:
    """A description with one triangle mesh of these attributes, where 'indices' is the order, and its buffer."""
    views, accessors, binary = [], [], b""
    numbers = {np.dtype(np.uint8): 5121, np.dtype(np.uint16): 5123, np.dtype(np.uint32): 5125}
    for values in arrays.values():
        values = np.ascontiguousarray(values)
        views.append({"buffer": 0, "byteOffset": len(binary), "byteLength": values.nbytes})
        width = 1 if values.ndim == 1 else values.shape[1]
        kind = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4"}[width]
        entry = {"bufferView": len(accessors), "count": len(values), "type": kind}
        accessors.append(entry | {"componentType": numbers.get(values.dtype, 5126)})
        binary += values.tobytes() + bytes(-values.nbytes % 4)
    places = {name: index for index, name in enumerate(arrays)}
    primitive: dict[str, Any] = {"attributes": {name: at for name, at in places.items() if name != "indices"}}
    if "indices" in places:
        primitive["indices"] = places["indices"]
    description = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [primitive]}],
        "accessors": accessors,
        "bufferViews": views,
        "buffers": [{"byteLength": len(binary)}],
    }
    return description | changes, binary


def tetrahedron_gltf(**changes: Any) -> tuple[dict[str, Any], bytes]:
    return gltf({"POSITION": TETRAHEDRON, "indices": TETRAHEDRON_FACES.ravel()}, **changes)


def write_glb(path: Path, description: Any, binary: bytes = b"") -> Path:
    """A .glb of a description, or of its text, and a buffer."""
    text = description if isinstance(description, bytes) else json.dumps(description).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text
    if binary:
        chunks += struct.pack("<II", len(binary), 0x004E4942) + binary
    path.write_bytes(struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks)
    return path


def write_ply(path: Path, properties: dict[str, np.ndarray], faces: str = "", header: str = "", rows: str = "") -> Path:
    """A text PLY of vertices with these properties, and more of a header and of rows."""
    names = "".join(f"property float {name}\n" for name in properties)
    table = np.stack(list(properties.values()), axis=1)
    text = "".join(" ".join(f"{value:.9g}" for value in row) + "\n" for row in table)
    path.write_text(
        f"ply\nformat ascii 1.0\n{header}element vertex {len(table)}\n{names}{faces}end_header\n{text}{rows}"
    )
    return path


def splat_properties(number: int, num_rest: int = 0) -> dict[str, np.ndarray]:
    """The properties of so many small opaque Gaussians."""
    random = np.random.default_rng(0)
    values = dict(zip("xyz", random.normal(size=(3, number)), strict=True))
    values |= {f"f_dc_{index}": random.normal(size=number) for index in range(3)}
    values |= {f"f_rest_{index}": np.full(number, float(index)) for index in range(num_rest)}
    values |= {"opacity": np.full(number, 3.0)} | {f"scale_{index}": np.full(number, -2.0) for index in range(3)}
    return values | {f"rot_{index}": np.full(number, float(index == 0)) for index in range(4)}


def surfels(mesh: ColoredMesh, number: int) -> Gaussians:
    """Opaque discs all over a surface, in its colours."""
    samples = mesh.sample(number)
    radius = float(np.sqrt(mesh.face_areas.sum() / number))
    # The half-way quaternion from z to the normal.
    x, y, z = samples.normals.T
    quats = np.stack([1 + z, -y, x, np.zeros(number)], axis=1)
    return Gaussians(
        means=torch.from_numpy(samples.points.astype(np.float32)),
        quats=torch.from_numpy(quats.astype(np.float32)),
        scales=torch.tensor([[radius, radius, 0.05 * radius]]).repeat(number, 1),
        opacities=torch.full((number,), 0.95),
        harmonics=torch.from_numpy(((samples.colors - 0.5) / 0.28209479177387814).astype(np.float32))[:, None],
    )
