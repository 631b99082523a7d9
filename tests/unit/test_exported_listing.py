"""People are told of every file of an export, in few lines."""

from __future__ import annotations

from typing import get_args

from composed_models import lifted_model

from scorp_ns.cli.export import VIEWERS, listing
from scorp_ns.finished.choices import Format
from scorp_ns.finished.delivered_object import check_names


def test_files_are_listed_folder_by_folder_with_their_sizes():
    sizes = {"manifest.json": 900, "objects/mug/mesh.obj": 1_240_000, "objects/mug/mesh.mtl": 90,
             "objects/mug/mesh_texture.png": 650_000, "scene/objects.glb": 2_000_000}  # fmt: skip
    assert list(listing(sizes)) == [
        "       1 kB  manifest.json",
        "  objects/mug/",
        "         1 kB  mesh.mtl",
        "       1.2 MB  mesh.obj",
        "       650 kB  mesh_texture.png",
        "  scene/",
        "       2.0 MB  objects.glb",
    ]


def test_numbered_files_are_one_line():
    sizes = {f"simulation/part_{number:02d}.obj": 10_000 for number in range(16)} | {"simulation/visual_0.obj": 5000}
    assert list(listing(sizes)) == [
        "  simulation/",
        "       160 kB  part_*.obj  (16 files)",
        "         5 kB  visual_0.obj",
    ]


def test_every_format_has_a_viewer():
    assert set(VIEWERS) == set(get_args(Format))


def test_a_name_given_twice_counts_once():
    model = lifted_model()
    names = model.scene_objects.names
    assert check_names(model, (*names[::-1], *names), "--objects") == names[::-1]
    assert check_names(model, (), "--objects") == names
