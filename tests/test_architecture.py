"""The rules of the house: imports go one way, and what is heavy or foreign stays in its room."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

PACKAGE = Path(__file__).parents[1] / "scorp_ns"
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = [
    {"errors", "cameras", "messages", "schedule"},
    {"json_files", "optional_packages", "old_paths"},
    {"gaussians"},
    {"surfaces"},
    {"fields"},
    {"formats", "render"},
    {"products"},
    {"masks", "lift", "generate", "match", "pose", "appearance", "compose", "export", "evaluate", "report"},
    {"plugins", "stages"},
    {"model_config"},
    {"host", "data"},
    {"scene"},
    {"run"},
    {"viewer"},
    {"model"},
    {"trainer"},
    {"config"},
    {"bench", "finished"},
    {"cli", "api"},
]
"""Rooms from the ground up: a room may import from those below it, never from one beside or above it."""

HOST_ROOMS = set().union(*LAYERS[LAYERS.index({"model_config"}) :])
"""The rooms that may know nerfstudio."""

HOST_ENCODINGS = "fields/hash_pyramid.py"
"""The file below them that may: its hash grids are nerfstudio's."""

ROOMS_WITHIN = {path.name for path in PACKAGE.iterdir() if path.is_dir()} - {"stages"}
"""Folders, whose files may import each other."""


def test_contributors_are_told_of_every_room():
    rooms = {room for layer in LAYERS for room in layer}
    assert {room_of(path) for path in FILES} - {"__init__"} == rooms
    table = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert not [room for room in sorted(rooms) if f"`{room}/`" not in table and f"`{room}.py`" not in table]


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported_modules(path: Path, only_at_import: bool = False) -> set[str]:
    tree = ast.parse(path.read_text())
    modules: set[str] = set()
    for node in _nodes(tree, only_at_import):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return modules


def _nodes(tree: ast.AST, only_at_import: bool) -> list[ast.AST]:
    """All nodes, or those that run on import: not inside functions, nor for type checkers only."""
    if not only_at_import:
        return [node for node in ast.walk(tree) if not _is_type_checking(node)]
    found, waiting = [], [tree]
    while waiting:
        node = waiting.pop()
        found.append(node)
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not _is_type_checking(node):
            waiting += ast.iter_child_nodes(node)
    return found


def _is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def test_every_room_has_its_place_in_the_layers():
    placed = set().union(*LAYERS) | {"__init__"}
    assert {room_of(path) for path in FILES} <= placed


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path):
    level = {room: index for index, rooms in enumerate(LAYERS) for room in rooms}
    room = room_of(path)
    if room == "__init__":
        return
    for module in imported_modules(path, only_at_import=True):
        parts = module.split(".")
        if parts[0] != "scorp_ns" or len(parts) < 2 or parts[1] not in level:
            continue
        same_folder = parts[1] == room and room in ROOMS_WITHIN
        assert same_folder or level[parts[1]] < level[room], f"{room} must not import {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nerfstudio_appears_only_at_the_top(path: Path):
    knows_host = any(module.split(".")[0] == "nerfstudio" for module in imported_modules(path))
    assert not knows_host or room_of(path) in HOST_ROOMS or path.relative_to(PACKAGE).as_posix() == HOST_ENCODINGS


def test_one_file_imports_the_cuda_rasterizer():
    importers = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        if any(module.split(".")[0] == "gsplat" and "rasterization" in module for module in imported_modules(path))
    }
    assert importers == {"render/gsplat_backend.py"}


def test_the_device_is_named_only_where_it_is_chosen():
    named = {room_of(path) for path in FILES if '"cuda"' in path.read_text()}
    assert named <= {"render", "config"}


def test_importing_loads_no_more_than_is_used():
    run_alone(
        """
        import sys
        import scorp_ns.api, scorp_ns.render, scorp_ns.render.photometric
        assert not {"numba", "gsplat", "pytorch_msssim"} & set(sys.modules), "loaded with the renderer or the loss"
        assert not {"nerfstudio", "open3d", "diffusers"} & set(sys.modules), "loaded with what plug-ins import"
        import scorp_ns.config
        assert not {"numba", "open3d", "diffusers", "transformers"} & set(sys.modules), "loaded with the plugin"
        """
    )


def test_broken_packages_of_ours_do_not_break_other_methods():
    run_alone(
        """
        import sys
        sys.modules |= dict.fromkeys(["numba", "plyfile", "open3d", "imageio_ffmpeg"])
        from nerfstudio.plugins.registry import discover_methods
        methods, _ = discover_methods()
        assert {"scorp", "scorp-quick"} <= set(methods)
        """
    )


def run_alone(program: str) -> None:
    """Run a program that has to find nothing imported; each costs seconds, so there are few."""
    result = subprocess.run([sys.executable, "-c", dedent(program)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
