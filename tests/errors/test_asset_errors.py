"""Every fault of an asset's file is told word for word as in asset_messages.json, as an error of its object.

After a deliberate change of wording, `SCORP_WRITE_MESSAGES=1 pytest tests/errors` writes the file anew, to be read.
"""

from __future__ import annotations

import struct
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asset_making import (
    TETRAHEDRON,
    TETRAHEDRON_FACES,
    gltf,
    splat_properties,
    tetrahedron_gltf,
    write_glb,
    write_ply,
)
from message_snapshots import check_message, check_names

from scorp_ns.errors import GenerationError
from scorp_ns.formats.read import source
from scorp_ns.formats.read.reading import read_asset

MESSAGES = Path(__file__).parent / "asset_messages.json"

MOST_MEMORY = 64 << 20
"""What any of these may cost in bytes: all of them are small files, whatever they promise."""

Fault = Callable[[Path], Path]

FAULTS: dict[str, Fault] = {}
"""Ways to make a bad asset in a folder; they return its path."""


def fault(apply: Fault) -> Fault:
    FAULTS[apply.__name__] = apply
    return apply


def bytes_fault(name: str, file: str, content: bytes) -> None:
    def apply(folder: Path) -> Path:
        (folder / file).write_bytes(content)
        return folder / file

    FAULTS[name] = apply


def gltf_fault(name: str, change: Callable[[dict[str, Any]], Any]) -> None:
    """Register a tetrahedron whose description is changed in this way."""

    def apply(folder: Path) -> Path:
        description, binary = tetrahedron_gltf()
        change(description)
        return write_glb(folder / "mug.glb", description, binary)

    FAULTS[name] = apply


def textured(name: str, image: dict[str, Any]) -> None:
    def apply(folder: Path) -> Path:
        uv = np.zeros((4, 2), np.float32)
        description, binary = gltf({"POSITION": TETRAHEDRON, "TEXCOORD_0": uv, "indices": TETRAHEDRON_FACES.ravel()})
        description |= {"images": [image], "textures": [{"source": 0}]}
        description["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
        description["meshes"][0]["primitives"][0]["material"] = 0
        return write_glb(folder / "mug.glb", description, binary)

    FAULTS[name] = apply


PLY = b"ply\nformat binary_little_endian 1.0\nelement vertex %d\nproperty float x\nproperty float y\nproperty float z\n"
FACES = b"element face %d\nproperty list uchar int vertex_indices\nend_header\n"

bytes_fault("file_is_empty", "mug.glb", b"")
bytes_fault("file_is_blank", "mug.obj", b" \n" * 50)
bytes_fault("file_is_a_page", "mug.glb", b"<!DOCTYPE html><html>404</html>")
bytes_fault("file_is_noise", "mug.glb", bytes(range(7, 250)))
bytes_fault("file_is_a_picture", "mug.obj", b"\x89PNG\r\n\x1a\n" + bytes(30))
bytes_fault("obj_is_binary", "mug.obj", b"v 0 0 0\n" + bytes(40))
bytes_fault("glb_is_cut_short", "mug.glb", b"glTF\x02\0\0\0")
bytes_fault("glb_is_of_version_1", "mug.glb", struct.pack("<4sIIII", b"glTF", 1, 20, 0, 0))
bytes_fault("glb_promises_more", "mug.glb", struct.pack("<4sIIII", b"glTF", 2, 2**32 - 1, 2**32 - 20, 0x4E4F534A))
bytes_fault("glb_has_no_description", "mug.glb", struct.pack("<4sIIII", b"glTF", 2, 20, 0, 0x004E4942))
bytes_fault("gltf_is_no_json", "mug.gltf", b"{'asset': 1}")
bytes_fault("gltf_is_nested_endlessly", "mug.gltf", b'{"a":' + b"[" * 200_000)
bytes_fault("ply_promises_more", "mug.ply", PLY % 10**9 + FACES % 10**9)
bytes_fault("ply_promises_rows_of_nothing", "mug.ply", PLY % 0 + b"element x 999999999999\n" + FACES % 1)
bytes_fault("ply_has_no_header", "mug.ply", b"ply\nformat ascii 1.0\n")
bytes_fault("ply_has_points_only", "mug.ply", PLY % 2 + b"end_header\n" + bytes(24))
bytes_fault("ply_has_an_endless_list", "mug.ply",
            PLY.replace(b"%d", b"1") + b"element face 1\nproperty list uint int vertex_indices\nend_header\n"
            + bytes(12) + b"\xff\xff\xff\xff" + bytes(40))  # fmt: skip
bytes_fault("ply_refers_beyond", "mug.ply", PLY % 1 + FACES % 1 + bytes(12) + struct.pack("<Biii", 3, 0, 1, 9))
bytes_fault("ply_refers_before", "mug.ply", PLY % 1 + FACES % 1 + bytes(12) + struct.pack("<Biii", 3, 0, 0, -1))
bytes_fault("ply_is_compressed_gaussians", "mug.ply",
            b"ply\nformat ascii 1.0\nelement vertex 1\nproperty uint packed_position\nend_header\n7\n")  # fmt: skip
bytes_fault("ply_texture_leads_out", "mug.ply", PLY.replace(b"1.0\n", b"1.0\ncomment TextureFile ../../key.png\n") % 3
            + FACES % 1 + np.eye(3, dtype="<f4").tobytes() + struct.pack("<Biii", 3, 0, 1, 2))  # fmt: skip
bytes_fault("obj_has_no_faces", "mug.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n")
bytes_fault("obj_refers_beyond", "mug.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 4\n")
bytes_fault("obj_refers_before", "mug.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf -1 -2 -7\n")
bytes_fault("obj_refers_to_vertex_0", "mug.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 0 1 2\n")
bytes_fault("obj_has_words_for_numbers", "mug.obj", b"v 0 0 0\nv one 0 0\nv 0 1 0\nf 1 2 3\n")
bytes_fault("obj_has_short_lines", "mug.obj", b"v 0 0 0\nv 1 0\nv 0 1 0\nf 1 2 3\n")
bytes_fault("obj_has_words_for_faces", "mug.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf a b c\n")
bytes_fault("obj_has_mixed_corners", "mug.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1/1 2 3\n")
bytes_fault("obj_materials_lead_out", "mug.obj", b"mtllib ../../../etc/passwd\nv 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
bytes_fault("obj_is_a_line", "mug.obj", b"v 0 0 0\nv 1 0 0\nv 2 0 0\nf 1 2 3\n")
bytes_fault("obj_is_a_point", "mug.obj", b"v 1e-20 0 0\nv 0 1e-20 0\nv 0 0 1e-20\nf 1 2 3\n")
bytes_fault("obj_is_beyond_all_stars", "mug.obj", b"v 1e300 0 0\nv 0 1e300 0\nv 0 0 1e300\nf 1 2 3\n")
bytes_fault("obj_has_no_numbers", "mug.obj", b"v nan 0 0\nv 0 inf 0\nv 0 0 1\nf 1 2 3\n")

gltf_fault("gltf_accessor_is_absurd", lambda it: it["accessors"][0].update(count=10**15))
gltf_fault("gltf_accessor_leaves_its_view", lambda it: it["accessors"][0].update(count=5))
gltf_fault("gltf_accessor_starts_outside", lambda it: it["accessors"][0].update(byteOffset=2**40))
gltf_fault("gltf_accessor_counts_backwards", lambda it: it["accessors"][0].update(count=-1))
gltf_fault("gltf_accessor_is_of_unknown_type", lambda it: it["accessors"][0].update(componentType=7))
gltf_fault("gltf_accessor_type_is_a_list", lambda it: it["accessors"][0].update(type=["VEC3"]))
gltf_fault("gltf_accessor_is_narrow", lambda it: it["accessors"][0].update(type="VEC2"))
gltf_fault(
    "gltf_accessor_without_bytes_is_absurd",
    lambda it: it["accessors"].__setitem__(0, {"count": 10**9, "type": "VEC3", "componentType": 5126}),
)
gltf_fault("gltf_view_leaves_its_buffer", lambda it: it["bufferViews"][0].update(byteLength=10**9))
gltf_fault("gltf_view_is_none", lambda it: it["accessors"][0].update(bufferView=99))
gltf_fault("gltf_view_overlaps_its_elements", lambda it: it["bufferViews"][0].update(byteStride=1))
gltf_fault("gltf_buffers_are_a_number", lambda it: it.update(buffers=3))
gltf_fault("gltf_buffer_is_remote", lambda it: it["buffers"][0].update(uri="http://localhost/key.bin"))
gltf_fault("gltf_buffer_leads_out", lambda it: it["buffers"][0].update(uri="../../../etc/passwd"))
gltf_fault("gltf_buffer_leads_out_in_disguise", lambda it: it["buffers"][0].update(uri="%2e%2e/key.bin"))
gltf_fault("gltf_buffer_is_absolute", lambda it: it["buffers"][0].update(uri="/etc/passwd"))
gltf_fault("gltf_buffer_is_on_a_drive", lambda it: it["buffers"][0].update(uri="C:\\key.bin"))
gltf_fault("gltf_buffer_is_a_file_address", lambda it: it["buffers"][0].update(uri="file:///etc/passwd"))
gltf_fault("gltf_buffer_is_missing", lambda it: it["buffers"][0].update(uri="mug.bin"))
gltf_fault("gltf_buffer_is_no_base64", lambda it: it["buffers"][0].update(uri="data:;base64,???"))
gltf_fault("gltf_nodes_go_round", lambda it: it.update(nodes=[{"children": [1]}, {"children": [0]}]))
gltf_fault("gltf_nodes_multiply", lambda it: it.update(
    nodes=[*({"children": [index + 1] * 10} for index in range(20)), {"mesh": 0}]))  # fmt: skip
gltf_fault("gltf_node_is_shown_too_often", lambda it: it.update(
    nodes=[{"children": list(range(1, 30_001))}, *({} for _ in range(30_000))]))  # fmt: skip
gltf_fault("gltf_matrix_is_short", lambda it: it["nodes"][0].update(matrix=[1, 0, 0]))
gltf_fault("gltf_matrix_is_no_number", lambda it: it["nodes"][0].update(matrix=[float("nan")] * 16))
gltf_fault("gltf_rotation_is_none", lambda it: it["nodes"][0].update(rotation=[0, 0, 0, 0]))
gltf_fault("gltf_scale_is_none", lambda it: it["nodes"][0].update(scale=[0, 0, 0]))
gltf_fault("gltf_scale_is_absurd", lambda it: it["nodes"][0].update(scale=[1e300, 1e300, 1e300]))
gltf_fault("gltf_mesh_is_none", lambda it: it["nodes"][0].update(mesh="0"))
gltf_fault("gltf_has_no_meshes", lambda it: it.update(nodes=[{}]))
gltf_fault("gltf_has_points_only", lambda it: it["meshes"][0]["primitives"][0].update(mode=0))
gltf_fault("gltf_primitive_is_a_number", lambda it: it["meshes"][0].update(primitives=[3]))
gltf_fault("gltf_indices_are_real_numbers", lambda it: it["meshes"][0]["primitives"][0].update(indices=0))
gltf_fault("gltf_refers_beyond", lambda it: it["accessors"][0].update(count=3))
gltf_fault("gltf_has_a_bad_sparse_accessor", lambda it: it["accessors"][0].update(sparse={"count": 1}))
gltf_fault("gltf_is_compressed", lambda it: it.update(extensionsRequired=["KHR_draco_mesh_compression"]))

textured("texture_is_missing", {"uri": "gone.png"})
textured("texture_leads_out", {"uri": "..%2F..%2Fkey.png"})
textured("texture_is_no_picture", {"uri": "data:image/png;base64,AAAA"})
textured("texture_has_no_place", {})


@fault
def folder_is_named_like_an_asset(folder: Path) -> Path:
    (folder / "mug.glb").mkdir()
    return folder / "mug.glb"


@fault
def file_is_missing(folder: Path) -> Path:
    return folder / "mug.glb"


@fault
def file_is_a_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "mug.glb", "w") as file:
        file.writestr("mug.glb", bytes(1000))
    return folder / "mug.glb"


@fault
def gltf_is_a_bomb(folder: Path) -> Path:
    return write_glb(folder / "mug.glb", b'{"nodes":[' + b"[]," * 3_000_000 + b"[]]}")


@fault
def gltf_shows_one_mesh_too_often(folder: Path) -> Path:
    description, binary = gltf({"POSITION": TETRAHEDRON, "indices": np.tile(TETRAHEDRON_FACES.ravel(), 10_000)})
    description["nodes"] = [{"children": list(range(1, 301))}, *({"mesh": 0} for _ in range(300))]
    return write_glb(folder / "mug.glb", description, binary)


@fault
def texture_is_a_bomb(folder: Path) -> Path:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    picture = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )
    (folder / "bomb.png").write_bytes(picture)
    textured("_", {"uri": "bomb.png"})
    return FAULTS.pop("_")(folder)


@fault
def texture_is_a_link_out(folder: Path) -> Path:
    (folder.parent / "key.png").write_bytes(b"secret")
    (folder / "skin.png").symlink_to(folder.parent / "key.png")
    textured("_", {"uri": "skin.png"})
    return FAULTS.pop("_")(folder)


@fault
def most_corners_are_not_finite(folder: Path) -> Path:
    vertices = TETRAHEDRON.copy()
    vertices[0] = np.nan
    return write_glb(folder / "mug.glb", *gltf({"POSITION": vertices, "indices": TETRAHEDRON_FACES.ravel()}))


def splat_fault(name: str, *left_out: str, **changed: float) -> None:
    def apply(folder: Path) -> Path:
        properties = {key: values for key, values in splat_properties(5).items() if key not in left_out}
        properties |= {key: np.full(5, value) for key, value in changed.items()}
        return write_ply(folder / "mug.ply", properties)

    FAULTS[name] = apply


splat_fault("gaussians_have_no_opacity", "opacity")
splat_fault("gaussians_have_no_scales", "scale_0", "scale_1", "scale_2")
splat_fault("gaussians_have_no_colour", "f_dc_1")
splat_fault("gaussians_have_no_place", "y")
splat_fault("gaussians_have_half_a_rotation", "rot_1", "rot_2")
splat_fault("gaussians_are_not_finite", x=float("nan"))
splat_fault("gaussians_have_no_rotation", rot_0=0.0)


def said_about(name: str, folder: Path) -> str:
    """The error about an asset that is bad in this way."""
    folder.mkdir()
    path = FAULTS[name](folder)
    with pytest.raises(GenerationError) as caught:
        read_asset(path, "mug")
    error = caught.value
    assert all(part.endswith(".") for part in (error.found, error.needed, error.do))
    assert "'mug'" in error.found and str(path) in error.found
    return str(error).replace(str(folder), "<assets>")


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_wrong_with_an_asset_is_said(name: str, tmp_path: Path) -> None:
    said = said_about(name, tmp_path / "assets")
    check_message(MESSAGES, name, said, FAULTS)


def test_there_is_a_message_for_every_fault_and_no_other() -> None:
    check_names(MESSAGES, FAULTS)


@pytest.mark.parametrize(
    "name",
    [
        name
        for name in FAULTS
        if any(word in name for word in ("absurd", "bomb", "promises", "endless", "multiply", "often"))
    ],
)
def test_promises_cost_no_memory(name: str, tmp_path: Path) -> None:
    tmp_path.joinpath("assets").mkdir()
    path = FAULTS[name](tmp_path / "assets")
    tracemalloc.start()
    try:
        with pytest.raises(GenerationError):
            read_asset(path, "mug")
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY + 4 * path.stat().st_size
    finally:
        tracemalloc.stop()


def test_files_beyond_the_limits_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_glb(tmp_path / "mug.glb", *tetrahedron_gltf())
    for limit in ("MOST_FILE_BYTES", "MOST_TOTAL_BYTES"):
        with monkeypatch.context() as patch:
            patch.setattr(source, limit, 100)
            with pytest.raises(GenerationError, match="needs a file of"):
                read_asset(path, "mug")


def test_a_face_of_too_many_corners_costs_no_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MOST_TRIANGLES", 1_000_000)
    path = tmp_path / "mug.obj"
    path.write_bytes(b"v 0 0 0\nv 1 0 0\nv 0 1 0\nf" + b" 1 2 3" * 400_000)
    tracemalloc.start()
    try:
        with pytest.raises(GenerationError, match="has more than 1000000 triangles"):
            read_asset(path, "mug")
        assert tracemalloc.get_traced_memory()[1] < 12 * path.stat().st_size
    finally:
        tracemalloc.stop()
