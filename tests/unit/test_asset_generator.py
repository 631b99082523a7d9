"""The generator 'asset' finds an object's file by its name, in its folder and nowhere else."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asset_making import tetrahedron_gltf, write_glb

from scorp_ns.errors import CancelledError, GenerationError, ScorpError
from scorp_ns.generate.assets import AssetConfig, find_asset
from scorp_ns.generate.example_request import example_request
from scorp_ns.generate.generator import Generator, GeneratorConfig, Work
from scorp_ns.products import ProxyAsset

REQUEST = example_request()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "assets").mkdir()
    return tmp_path / "assets"


def put(path: Path) -> Path:
    path.parent.mkdir(exist_ok=True)
    return write_glb(path, *tetrahedron_gltf())


def generate(folder: Path, name: str = "mug", work: Work | None = None) -> ProxyAsset:
    generator: Generator = AssetConfig(folder).build()
    request = replace(REQUEST, name=name)
    assert generator.fingerprint(request) is None
    return generator.generate(request, work or Work())


@pytest.mark.parametrize(
    "file", ["Blue cup.glb", "blue_cup.GLB", "BLUE-CUP.glb", "blue cup/model.glb", "Blue_Cup/x.glb"]
)
def test_names_are_found_however_they_are_spelt(file: str, folder: Path) -> None:
    path = put(folder / file)
    put(folder / "cup.glb")
    (folder / "blue_cup.txt").touch()
    assert find_asset(folder, "blue cup") == path


def test_the_reply_holds_the_shape_and_where_it_comes_from(folder: Path) -> None:
    put(folder / "mug.glb")
    assert isinstance(AssetConfig(folder), GeneratorConfig)
    asset = generate(folder)
    assert asset.made_by == "asset mug.glb" and asset.T_capture_asset is None
    assert "grey" in str(asset.evidence["notes"])


def test_a_pose_beside_the_asset_is_kept(folder: Path) -> None:
    put(folder / "mug.glb")
    matrix = np.diag([2.0, 2, 2, 1])
    matrix[:3, 3] = 1, 2, 3
    (folder / "mug.pose.json").write_text(json.dumps({"asset_to_capture": matrix.tolist()}))
    pose = generate(folder).T_capture_asset
    assert pose is not None and pose.matrix.numpy() == pytest.approx(matrix)


@pytest.mark.parametrize(
    "pose",
    [
        3,
        {},
        [[1, 0], [0, 1]],
        np.diag([1.0, 2, 1, 1]).tolist(),
        np.diag([-1.0, 1, 1, 1]).tolist(),
        np.diag([1.0, 1, 1, 1.5]).tolist(),
        np.zeros((4, 4)).tolist(),
        [["a"] * 4] * 4,
    ],
)
def test_a_pose_that_is_none_is_an_error(pose: Any, folder: Path) -> None:
    put(folder / "mug.glb")
    (folder / "mug.pose.json").write_text(json.dumps(pose))
    with pytest.raises(GenerationError, match=r"'mug' in .* (is not 4 lists|stretches)"):
        generate(folder)


@pytest.mark.parametrize(
    "name", ["../secret", "/secret", "..", ".", "../assets/mug", "mug/../../secret", "sub/mug", " ", "mug\0"]
)
def test_names_never_lead_out_of_the_folder(name: str, folder: Path) -> None:
    put(folder.parent / "secret.glb")
    put(folder / "mug.glb")
    with pytest.raises(GenerationError, match="has no file for"):
        generate(folder, name)


def test_what_is_there_is_said_where_the_file_is_missing_or_there_are_two(folder: Path) -> None:
    with pytest.raises(GenerationError, match="it has none at all"):
        generate(folder)
    put(folder / "cup.glb")
    with pytest.raises(GenerationError, match=r"no file for 'mug'; it has 'cup\.glb'"):
        generate(folder)
    put(folder / "mug" / "a.glb")
    put(folder / "mug" / "b.glb")
    with pytest.raises(GenerationError, match=r"2 files for 'mug': 'mug/a\.glb', 'mug/b\.glb'"):
        generate(folder)


def test_a_folder_is_needed(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "gone"):
        with pytest.raises(ScorpError, match="needs a folder"):
            AssetConfig(folder).build()


def test_cancelled_work_stops(folder: Path) -> None:
    put(folder / "mug.glb")
    work = Work()
    work.cancelled.set()
    with pytest.raises(CancelledError):
        generate(folder, work=work)
