"""Reading coloured points from PLY files of many makes, and refusing broken ones in words."""

from __future__ import annotations

import resource
from pathlib import Path

import numpy as np
import pytest
from plyfile import PlyData, PlyElement

from scorp_ns.errors import CaptureError
from scorp_ns.formats.point_ply import MID_GREY, SH_C0, read_points

XYZ = np.array([[0.0, 1.0, -2.0], [3.5, -4.25, 5.0], [1e-3, 2e3, 0.0]], dtype=np.float32)
RGB = np.array([[0, 128, 255], [10, 20, 30], [200, 100, 50]], dtype=np.uint8)


def write_ply(path: Path, columns: dict[str, np.ndarray], text: bool = False, byte_order: str = "<") -> Path:
    """Write one property per column, in the columns' own types."""
    rows = np.empty(len(next(iter(columns.values()))), dtype=[(name, column.dtype) for name, column in columns.items()])
    for name, column in columns.items():
        rows[name] = column
    PlyData([PlyElement.describe(rows, "vertex")], text=text, byte_order=byte_order).write(str(path))
    return path


def position_columns(xyz: np.ndarray = XYZ) -> dict[str, np.ndarray]:
    return dict(zip("xyz", xyz.T, strict=True))


def color_columns(rgb: np.ndarray, names: tuple[str, ...] = ("red", "green", "blue")) -> dict[str, np.ndarray]:
    return dict(zip(names, rgb.T, strict=True))


@pytest.mark.parametrize(("text", "byte_order"), [(True, "="), (False, "<"), (False, ">")])
def test_every_encoding_gives_the_same_points(tmp_path: Path, text: bool, byte_order: str) -> None:
    path = write_ply(tmp_path / "a.ply", position_columns() | color_columns(RGB), text, byte_order)
    points = read_points(path)
    np.testing.assert_array_equal(points.xyz, XYZ)
    np.testing.assert_array_equal(points.rgb, RGB)
    assert points.xyz.dtype == np.float32 and points.rgb.dtype == np.uint8 and points.num_dropped == 0


@pytest.mark.parametrize(
    "written",
    [
        RGB.astype(np.float32) / 255,
        RGB.astype(np.float64),
        RGB.astype(np.int32),
        RGB.astype(np.uint16) * 257,
    ],
    ids=["float to 1", "float to 255", "int", "16 bit"],
)
def test_customary_colour_ranges_are_recognised(tmp_path: Path, written: np.ndarray) -> None:
    path = write_ply(tmp_path / "a.ply", position_columns() | color_columns(written))
    np.testing.assert_array_equal(read_points(path).rgb, RGB)


def test_colours_of_other_exporters_are_found(tmp_path: Path) -> None:
    names = ("diffuse_red", "diffuse_green", "diffuse_blue")
    path = write_ply(tmp_path / "a.ply", position_columns() | color_columns(RGB, names))
    np.testing.assert_array_equal(read_points(path).rgb, RGB)


def test_splat_file_gives_its_base_colours(tmp_path: Path) -> None:
    features = ((RGB / 255 - 0.5) / SH_C0).astype(np.float32)
    path = write_ply(tmp_path / "a.ply", position_columns() | color_columns(features, ("f_dc_0", "f_dc_1", "f_dc_2")))
    np.testing.assert_array_equal(read_points(path).rgb, RGB)


def test_points_without_colours_are_mid_grey(tmp_path: Path) -> None:
    points = read_points(write_ply(tmp_path / "a.ply", position_columns()))
    assert (points.rgb == MID_GREY).all()


def test_colours_that_are_no_numbers_become_mid_grey(tmp_path: Path) -> None:
    written = RGB.astype(np.float32) / 255
    written[1, 2] = np.nan
    points = read_points(write_ply(tmp_path / "a.ply", position_columns() | color_columns(written)))
    assert points.rgb.tolist() == [[0, 128, 255], [10, 20, MID_GREY], [200, 100, 50]]


def test_double_positions_and_further_elements_are_read(tmp_path: Path) -> None:
    vertices = np.array([tuple(row) for row in XYZ.astype(float)], dtype=[("x", "f8"), ("y", "f8"), ("z", "f8")])
    faces = np.array([([0, 1, 2],)], dtype=[("vertex_indices", "i4", (3,))])
    path = tmp_path / "mesh.ply"
    PlyData([PlyElement.describe(vertices, "vertex"), PlyElement.describe(faces, "face")]).write(str(path))
    np.testing.assert_array_equal(read_points(path).xyz, XYZ)


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_points_that_are_not_finite_are_dropped_and_counted(tmp_path: Path, bad: float) -> None:
    xyz = XYZ.astype(np.float64)
    xyz[1, 0] = bad
    points = read_points(write_ply(tmp_path / "a.ply", position_columns(xyz) | color_columns(RGB)))
    np.testing.assert_array_equal(points.xyz, XYZ[[0, 2]])
    np.testing.assert_array_equal(points.rgb, RGB[[0, 2]])
    assert points.num_dropped == 1


def header(num_points: str, kind: str = "binary_little_endian") -> str:
    properties = "".join(f"property float {name}\n" for name in "xyz")
    return f"ply\nformat {kind} 1.0\nelement vertex {num_points}\n{properties}end_header\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "PATH is not a PLY file."),
        (b"\x89PNG\r\n\x1a\n", "PATH is not a PLY file."),
        (b"ply\n" + b"comment\n" * 200_000, "PATH is not a PLY file."),
        (b"ply\nnonsense\nend_header\n", "PATH cannot be read"),
        (header("-3").encode(), "PATH cannot be read"),
        (header("4").encode() + XYZ.tobytes(), "promises at least 48 bytes of data, and the file holds 37."),
        (header("4", "ascii").encode() + b"0 0 0\n", "promises at least 24 bytes of data, and the file holds 7."),
        (header("2", "ascii").encode() + b"0 0 0\n1 1 one\n", "PATH cannot be read: element 'vertex': row 1"),
        (header("0").encode(), "holds no points."),
        (b"ply\nformat ascii 1.0\nelement face 0\nproperty list uchar int i\nend_header\n", "holds no points."),
        (header("3").replace("float z", "float w").encode() + XYZ.tobytes(), "have no z."),
        (header("1", "ascii").replace("float z", "list uchar float z").encode() + b"0 0 1 0\n", "have no z."),
        (header("1").encode() + np.full(3, np.nan, "f4").tobytes(), "None of the 1 seed points"),
    ],
    ids=lambda value: None if isinstance(value, bytes) else value[:30],
)
def test_broken_file_says_what_is_wrong(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "broken.ply"
    path.write_bytes(content)
    with pytest.raises(CaptureError) as caught:
        read_points(path)
    assert message in str(caught.value).replace(str(path), "PATH")


def test_missing_file_and_folder_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match=r"absent\.ply do not exist"):
        read_points(tmp_path / "absent.ply")
    with pytest.raises(CaptureError, match="Is a directory"):
        read_points(tmp_path)


@pytest.mark.parametrize("kind", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_lying_header_costs_no_memory(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "liar.ply"
    path.write_bytes(header("1000000000000", kind).encode() + b"0 0 0\n" * 1000)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CaptureError, match="promises at least"):
        read_points(path)
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown_kib < 64 * 1024
