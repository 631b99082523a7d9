"""Gaussians written to and read from the PLY files of 3D Gaussian Splatting."""

from __future__ import annotations

import inspect
import re
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import tolerances
import torch
from nerfstudio.scripts.exporter import ExportGaussianSplat
from plyfile import PlyData, PlyElement

from scorp_ns.errors import OutputError, ScorpError
from scorp_ns.formats.splat_ply import property_names, read_splats, write_splats
from scorp_ns.gaussians.splats import Gaussians

DEGREES = pytest.mark.parametrize("degree", [0, 1, 2, 3])


def some_gaussians(n: int = 20, degree: int = 3) -> Gaussians:
    generator = torch.Generator().manual_seed(degree)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    return Gaussians(
        normal(n, 3), 2 * normal(n, 4), (normal(n, 3) - 4).exp(), normal(n).sigmoid(), normal(n, (degree + 1) ** 2, 3)
    )


def rows_of(path: Path) -> np.ndarray:
    return PlyData.read(str(path))["vertex"].data


def write_rows(path: Path, rows: np.ndarray, text: bool = False, byte_order: str = "<") -> Path:
    PlyData([PlyElement.describe(rows, "vertex")], text=text, byte_order=byte_order).write(str(path))
    return path


def some_rows(tmp_path: Path, degree: int = 1) -> np.ndarray:
    """The content of a good file, to be broken."""
    write_splats(some_gaussians(degree=degree), tmp_path / "good.ply")
    return np.array(rows_of(tmp_path / "good.ply"))


def assert_same(found: Gaussians, expected: Gaussians) -> None:
    for name in ("means", "quats", "harmonics"):
        assert torch.equal(getattr(found, name), getattr(expected, name))
    for name in ("scales", "opacities"):
        torch.testing.assert_close(
            getattr(found, name), getattr(expected, name), rtol=tolerances.ROUNDED_ONCE, atol=tolerances.ROUNDED_ONCE
        )


@DEGREES
def test_what_is_written_is_read(tmp_path: Path, degree: int):
    write_splats(some_gaussians(degree=degree), tmp_path / "a.ply")
    found = read_splats(tmp_path / "a.ply")
    assert_same(found, some_gaussians(degree=degree))
    assert found.sh_degree == degree
    assert all(getattr(found, field.name).dtype == torch.float32 for field in fields(Gaussians))


@DEGREES
def test_properties_stand_in_the_order_that_viewers_expect(tmp_path: Path, degree: int):
    write_splats(some_gaussians(degree=degree), tmp_path / "a.ply")
    header = (tmp_path / "a.ply").read_bytes().split(b"end_header")[0].decode().splitlines()
    rest = [f"f_rest_{index}" for index in range(3 * ((degree + 1) ** 2 - 1))]
    after = ["opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3"]
    names = ["x", "y", "z", "nx", "ny", "nz", "f_dc_0", "f_dc_1", "f_dc_2", *rest, *after]
    assert header[:3] == ["ply", "format binary_little_endian 1.0", "element vertex 20"]
    assert header[3:] == [f"property float {name}" for name in names]


def test_stored_numbers_are_those_of_the_format_to_the_last_bit(tmp_path: Path):
    gaussians = some_gaussians()
    write_splats(gaussians, tmp_path / "a.ply")
    rows = rows_of(tmp_path / "a.ply")
    rest = gaussians.harmonics[:, 1:].numpy()
    for axis in range(3):
        assert np.array_equal(rows["xyz"[axis]], gaussians.means[:, axis])
        assert not rows[("nx", "ny", "nz")[axis]].any()
        assert np.array_equal(rows[f"f_dc_{axis}"], gaussians.harmonics[:, 0, axis])
        assert np.array_equal(rows[f"scale_{axis}"], gaussians.scales[:, axis].double().log().float())
        for k in range(15):
            assert np.array_equal(rows[f"f_rest_{15 * axis + k}"], rest[:, k, axis])
    assert np.array_equal(rows["opacity"], gaussians.opacities.double().logit().float())
    for part in range(4):
        assert np.array_equal(rows[f"rot_{part}"], gaussians.quats[:, part])


def test_names_and_their_order_are_those_of_nerfstudios_exporter():
    source = inspect.getsource(ExportGaussianSplat.main)
    loops = {"f_dc_{i}": 3, "f_rest_{i}": 45, "scale_{i}": 3, "rot_{i}": 4}
    names: list[str] = []
    for name in re.findall(r'map_to_tensors\[f?"([^"]+)"\] =', source):
        names += [name.format(i=i) for i in range(loops[name])] if name in loops else [name]
    assert [name for name in names if name not in ("red", "green", "blue")] == property_names(3)


@pytest.mark.parametrize(("text", "byte_order"), [(True, "="), (False, ">")])
def test_every_encoding_is_read(tmp_path: Path, text: bool, byte_order: str):
    rows = some_rows(tmp_path)
    assert_same(read_splats(write_rows(tmp_path / "a.ply", rows, text, byte_order)), some_gaussians(degree=1))


def test_order_type_and_further_properties_do_not_matter(tmp_path: Path):
    rows = some_rows(tmp_path)
    names = [*reversed(rows.dtype.names), "segment"]
    others = np.zeros(len(rows), dtype=[(name, "f8") for name in names])
    for name in rows.dtype.names:
        others[name] = rows[name]
    assert_same(read_splats(write_rows(tmp_path / "a.ply", others)), some_gaussians(degree=1))


def test_limits_of_opacity_and_scale_are_written_as_finite_numbers(tmp_path: Path):
    limits = torch.tensor([0.0, 1.0, 1 - 2.0**-24, 0.5])
    gaussians = replace(some_gaussians(4), opacities=limits, scales=limits[:, None].expand(4, 3))
    write_splats(gaussians, tmp_path / "a.ply")
    rows = rows_of(tmp_path / "a.ply")
    assert all(np.isfinite(rows[name]).all() for name in rows.dtype.names)
    found = read_splats(tmp_path / "a.ply")
    assert torch.equal(found.opacities[1:], limits[1:])
    assert_same(found, gaussians)


def test_logits_beyond_all_numbers_are_opacities_of_0_and_1(tmp_path: Path):
    rows = some_rows(tmp_path)
    rows["opacity"][:2] = -np.inf, np.inf
    assert read_splats(write_rows(tmp_path / "a.ply", rows)).opacities[:2].tolist() == [0, 1]


@pytest.mark.parametrize("name", ["x", "f_dc_1", "f_rest_8", "opacity", "scale_2", "rot_0"])
def test_gaussians_that_are_no_numbers_are_left_out(tmp_path: Path, name: str):
    rows = some_rows(tmp_path)
    rows[name][3] = np.nan
    kept = torch.arange(20) != 3
    assert_same(read_splats(write_rows(tmp_path / "a.ply", rows)), some_gaussians(degree=1)[kept])


@pytest.mark.parametrize("name", [field.name for field in fields(Gaussians)])
def test_gaussians_that_cannot_be_drawn_are_not_written(tmp_path: Path, name: str):
    gaussians = some_gaussians()
    getattr(gaussians, name)[5] = 0 if name == "quats" else np.inf
    write_splats(gaussians, tmp_path / "a.ply")
    assert_same(read_splats(tmp_path / "a.ply"), gaussians[torch.arange(20) != 5])


def test_gradients_and_doubles_are_written_as_plain_numbers(tmp_path: Path):
    doubles = {field.name: getattr(some_gaussians(), field.name).double() for field in fields(Gaussians)}
    write_splats(Gaussians(**{name: value.requires_grad_() for name, value in doubles.items()}), tmp_path / "a.ply")
    assert_same(read_splats(tmp_path / "a.ply"), some_gaussians())


def message_of(path: Path) -> str:
    with pytest.raises(ScorpError) as caught:
        read_splats(path)
    assert all(part.endswith(".") for part in (caught.value.found, caught.value.needed, caught.value.do))
    assert "seed" not in str(caught.value) and "ply_file_path" not in str(caught.value)
    return caught.value.found.replace(str(path), "PATH")


def without(rows: np.ndarray, *names: str) -> np.ndarray:
    kept = [name for name in rows.dtype.names or () if name not in names]
    return np.array(rows[kept].tolist(), dtype=[(name, "f4") for name in kept])


@pytest.mark.parametrize(
    ("missing", "found"),
    [
        (["opacity"], "The points in PATH have no opacity."),
        (["z", "rot_3"], "The points in PATH have no z and no rot_3."),
        (["f_dc_0", "f_dc_1", "f_dc_2", "opacity"], "The points in PATH have no f_dc_0 and no f_dc_1 and no f_dc_2."),
        (["f_rest_0"], "The Gaussians in PATH have 8 properties named f_rest_."),
    ],
)
def test_missing_properties_are_named(tmp_path: Path, missing: list[str], found: str):
    assert message_of(write_rows(tmp_path / "a.ply", without(some_rows(tmp_path), *missing))) == found


def test_broken_files_say_what_is_wrong(tmp_path: Path):
    rows = some_rows(tmp_path)
    rows["x"] = np.nan
    expected = "None of the 20 Gaussians in PATH has finite numbers and a rotation."
    assert message_of(write_rows(tmp_path / "nan.ply", rows)) == expected
    whole = (tmp_path / "good.ply").read_bytes()
    (tmp_path / "cut.ply").write_bytes(whole[:-100])
    assert re.fullmatch(r"The header of PATH promises at least .*", message_of(tmp_path / "cut.ply"))
    (tmp_path / "page.ply").write_text("<html>404</html>")
    assert message_of(tmp_path / "page.ply") == "PATH is not a PLY file."
    assert message_of(tmp_path / "absent.ply") == "The Gaussians PATH do not exist."
    assert message_of(tmp_path) == "The Gaussians PATH cannot be opened: Is a directory."


@contextmanager
def no_room_for_files_of(num_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_the_earlier_file_and_nothing_else(tmp_path: Path):
    path = tmp_path / "a.ply"
    write_splats(some_gaussians(degree=0), path)
    before = path.read_bytes()
    with no_room_for_files_of(4096), pytest.raises(OutputError) as caught:
        write_splats(some_gaussians(5_000), path)
    assert caught.value.found == f"The Gaussians could not be written to {path} (File too large)."
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written_are_named(tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder.ply").mkdir()
    for path, reason in [
        (tmp_path / "file" / "a.ply", "File exists|Not a directory"),
        (tmp_path / "folder.ply", "Is a directory"),
    ]:
        with pytest.raises(OutputError, match=reason):
            write_splats(some_gaussians(), path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.ply"]


def test_a_folder_for_the_file_is_made(tmp_path: Path):
    write_splats(some_gaussians(), tmp_path / "exports" / "scene" / "a.ply")
    assert len(read_splats(tmp_path / "exports" / "scene" / "a.ply")) == 20


def test_no_gaussians_make_a_file_without_rows(tmp_path: Path):
    write_splats(some_gaussians(0), tmp_path / "a.ply")
    assert len(rows_of(tmp_path / "a.ply")) == 0
    assert message_of(tmp_path / "a.ply") == "PATH holds no points."


def test_many_gaussians_take_a_moment(tmp_path: Path):
    gaussians = some_gaussians(200_000)
    start = time.process_time()
    write_splats(gaussians, tmp_path / "a.ply")
    found = read_splats(tmp_path / "a.ply")
    assert time.process_time() - start < 3
    assert_same(found, gaussians)
