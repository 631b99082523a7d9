"""The rules of the house: imports go one way, and what is heavy or foreign stays in its room."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from textwrap import dedent

PACKAGE = Path(__file__).parents[1] / "scorp_ns"
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = [
    {"errors", "cameras", "messages", "schedule", "old_paths"},
    {"json_files", "optional_packages"},
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
    {"model"},
    {"run"},
    {"viewer"},
    {"pipeline"},
    {"trainer"},
    {"config"},
    {"bench", "finished"},
    {"cli", "api"},
]
"""Rooms from the ground up: a room imports from those below it, and from none beside or above it."""

HOST_ROOMS = set().union(*LAYERS[LAYERS.index({"model_config"}) :])
"""The rooms that may know nerfstudio."""

HOST_ENCODINGS = "fields/hash_pyramid.py"
"""The file below them that may: its hash grids are nerfstudio's."""

MOST_AT_THE_TOP = 15

MODULE_IN_TEXT = re.compile(r"^scorp_ns(\.\w+)+(:\w+)?$")
"""A text that is the path of a module of ours stands for its import."""


def room_of(name: str) -> str:
    return name.split(".")[0]


def module_of(path: Path) -> str:
    """The module's name below the package; a folder's own for its __init__."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


def named_modules(path: Path) -> Iterator[str]:
    """All modules that a file names: when it is loaded, in functions, for type checkers, and in texts."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and MODULE_IN_TEXT.match(node.value):
            yield node.value.split(":")[0]


def imports_of(path: Path) -> set[str]:
    """The modules of ours that a file names, its own folders apart."""
    own = module_of(path)
    named = {name.removeprefix("scorp_ns.") for name in named_modules(path) if name.startswith("scorp_ns.")}
    return {name for name in named & MODULES.keys() if name != own and not own.startswith(f"{name}.")}


def test_every_room_has_its_place_and_contributors_are_told_of_it():
    rooms = {room for layer in LAYERS for room in layer}
    assert {room_of(name) for name in MODULES if name} == rooms
    table = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert not [room for room in sorted(rooms) if f"`{room}/`" not in table and f"`{room}.py`" not in table]
    assert len([path for path in FILES if path.parent == PACKAGE]) <= MOST_AT_THE_TOP


def test_no_import_climbs():
    level = {room: index for index, rooms in enumerate(LAYERS) for room in rooms}
    climbing = [
        f"{own} imports {name}"
        for own, path in MODULES.items()
        if own
        for name in imports_of(path)
        if room_of(own) == room_of(name) == "stages"
        or (room_of(name) != room_of(own) and level[room_of(name)] >= level[room_of(own)])
    ]
    assert climbing == []


def test_no_imports_go_in_circles():
    graph = {own: imports_of(path) for own, path in MODULES.items()}
    TopologicalSorter(graph).prepare()  # It raises a CycleError that names the circle.


def test_what_is_foreign_stays_in_its_room():
    named = {path.relative_to(PACKAGE).as_posix(): set(named_modules(path)) for path in FILES}
    host = {file for file, modules in named.items() if any(name.split(".")[0] == "nerfstudio" for name in modules)}
    assert {file for file in host if room_of(file.replace("/", ".")) not in HOST_ROOMS} <= {HOST_ENCODINGS}
    of_gsplat = {file for file, modules in named.items() if any(n.startswith("gsplat.r") for n in modules)}
    assert of_gsplat == {"render/gsplat_backend.py"}
    cuda = {room_of(module_of(path)) for path in FILES if '"cuda"' in path.read_text()}
    assert cuda <= {"render", "config"}


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
