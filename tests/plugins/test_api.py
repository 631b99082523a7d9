"""What plug-ins import is in one place."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from scorp_ns import api

EXAMPLE = Path(__file__).parents[2] / "examples" / "04_generator_package"


def test_the_public_surface_is_what_it_imports():
    assert set(api.__all__) == {name for name in vars(api) if not name.startswith("__")}


@pytest.mark.parametrize("path", sorted(EXAMPLE.rglob("*.py")), ids=lambda path: path.name)
def test_it_holds_all_that_the_example_of_a_package_imports(path: Path):
    for module, names in re.findall(r"^from (scorp_ns\S+) import (.+)$", path.read_text(), re.MULTILINE):
        for name in names.split(", "):
            assert getattr(api, name) is getattr(import_module(module), name)
