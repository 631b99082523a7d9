"""Textured meshes as GLB, OBJ and PLY files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from PIL import Image

from scorp_ns.surfaces.textured_mesh import TexturedMesh

Y_UP_FROM_Z_UP = np.array([[1.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
"""The rotation from z up to glTF's y up."""

UNLIT = "KHR_materials_unlit"
"""glTF's extension for unlit textures: they hold the light of the photographs already."""

MATT_WHITE = ("Ka 1 1 1", "Kd 1 1 1", "Ks 0 0 0", "illum 1")
"""An OBJ file's material beside its texture."""


def write_glb(path: Path, meshes: Sequence[TexturedMesh], is_z_up: bool) -> None:
    """Write one node per mesh, with its texture, which is to be shown unlit, inside the file.

    Coordinates stay in the meshes' own frame; with `is_z_up` a parent node turns them to glTF's y up.
    """
    import trimesh

    scene = trimesh.Scene(base_frame="world")
    for mesh in meshes:
        scene.add_geometry(
            _as_trimesh(mesh),
            node_name=mesh.name,
            geom_name=mesh.name,
            transform=Y_UP_FROM_Z_UP if is_z_up else np.eye(4),
        )
    data = scene.export(file_type="glb", include_normals=True, tree_postprocessor=_mark_unlit)
    assert isinstance(data, bytes)
    path.write_bytes(data)


def write_obj(path: Path, meshes: Sequence[TexturedMesh]) -> list[Path]:
    """Write the meshes as groups of one file, and beside it its materials and their textures; all files' paths."""
    materials = path.with_suffix(".mtl")
    lines, material_lines, written = [f"mtllib {materials.name}"], [], [path, materials]
    first = 1
    for number, (mesh, texture) in enumerate(zip(meshes, write_textures(path, meshes), strict=True)):
        written.append(texture)
        material = f"material_{number}"
        material_lines += [f"newmtl {material}", *MATT_WHITE, f"map_Kd {texture.name}"]
        lines += [f"o {_word(mesh.name)}", f"usemtl {material}", *_obj_lines(mesh, first)]
        first += len(mesh.corners)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    materials.write_text("\n".join(material_lines) + "\n", encoding="utf-8")
    return written


def write_ply(path: Path, meshes: Sequence[TexturedMesh]) -> None:
    """Write the closed surfaces as one mesh with colours at its vertices."""
    import trimesh

    parts = [
        trimesh.Trimesh(
            mesh.surface.vertices,
            mesh.surface.faces,
            vertex_colors=np.round(255 * mesh.surface.colors).astype(np.uint8),
            process=False,
        )
        for mesh in meshes
    ]
    with path.open("wb") as file:
        trimesh.util.concatenate(parts).export(file, file_type="ply")


def write_textures(path: Path, meshes: Sequence[TexturedMesh]) -> list[Path]:
    """Write the meshes' textures as PNG files beside the file that is to name them, under the same names for all."""
    endings = [""] if len(meshes) == 1 else [f"_{number}" for number in range(len(meshes))]
    files = [path.with_name(f"{path.stem}_texture{ending}.png") for ending in endings]
    for file, mesh in zip(files, meshes, strict=True):
        Image.fromarray(mesh.texture).save(file, format="PNG")
    return files


def _mark_unlit(tree: dict[str, Any]) -> None:
    """Mark all materials of a glTF file as unlit; programs without the extension find matt ones."""
    tree["extensionsUsed"] = sorted({*tree.get("extensionsUsed", ()), UNLIT})
    for material in tree["materials"]:
        material.setdefault("extensions", {})[UNLIT] = {}


def _as_trimesh(mesh: TexturedMesh) -> Any:
    import trimesh
    from trimesh.visual import TextureVisuals
    from trimesh.visual.material import PBRMaterial

    material = PBRMaterial(
        name=mesh.name,
        baseColorTexture=Image.fromarray(mesh.texture),
        baseColorFactor=[255, 255, 255, 255],
        metallicFactor=0.0,
        roughnessFactor=1.0,
    )
    visual = TextureVisuals(uv=mesh.uvs, material=material)
    return trimesh.Trimesh(
        mesh.corner_points, mesh.faces, vertex_normals=mesh.corner_normals, visual=visual, process=False
    )


def _obj_lines(mesh: TexturedMesh, first: int) -> list[str]:
    """The lines of a mesh's vertices, texture coordinates, normals and faces, numbered from `first`."""
    faces = mesh.faces + first
    return [
        *_rows("v", mesh.corner_points),
        *_rows("vt", mesh.uvs),
        *_rows("vn", mesh.corner_normals),
        *(f"f {a}/{a}/{a} {b}/{b}/{b} {c}/{c}/{c}" for a, b, c in faces.tolist()),
    ]


def _rows(kind: str, values: Float[np.ndarray, "n k"]) -> list[str]:
    return [f"{kind} " + " ".join(f"{value:.9g}" for value in row) for row in values.tolist()]


def _word(name: str) -> str:
    """A name without spaces, as OBJ files need it."""
    return "_".join(name.split()) or "object"
