"""Modules and classes answer to the names that they had before, and the package itself uses today's alone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import scorp_ns
from scorp_ns import old_paths, products
from scorp_ns.gaussians import affine
from scorp_ns.old_paths import MOVED, PACKAGE, path_of_today, warn_of_old_name

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "scorp_ns").rglob("*.py"))

OLD_NAMES = [
    *sorted(MOVED),
    *("capture.reading", "delivery.finished_run", "generate.asset_files.reading", "generate.http.config"),
]
"""All entries of the table, and some modules that lay in folders that moved."""


@pytest.fixture
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was imported by an old name, and nobody was warned."""
    for name in [name for name in sys.modules if path_of_today(name)]:
        monkeypatch.delitem(sys.modules, name)
    warn_of_old_name.cache_clear()


@pytest.mark.usefixtures("forgotten")
@pytest.mark.parametrize("name", OLD_NAMES)
def test_a_module_is_found_by_its_old_path(name: str):
    today = path_of_today(f"{PACKAGE}{name}")
    assert today is not None
    module = import_module(today)
    spec = module.__spec__
    with pytest.warns(DeprecationWarning, match=f"{PACKAGE}{name} is called `{re.escape(today)}` now"):
        assert import_module(f"{PACKAGE}{name}") is module
    assert module.__spec__ is spec and module.__name__ == today


@pytest.mark.usefixtures("forgotten")
def test_a_folder_that_git_left_behind_hides_no_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "capture" / "__pycache__").mkdir(parents=True)
    monkeypatch.setattr(scorp_ns, "__path__", [str(tmp_path), *scorp_ns.__path__])
    assert import_module("scorp_ns.capture").__name__ == "scorp_ns.data.capture"


def test_no_module_has_the_path_of_one_that_moved():
    paths = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in FILES]
    assert not [path for path in paths if path_of_today(path)]


def test_the_package_names_no_old_path():
    names = {(path, name) for path in FILES for name in _names(ast.parse(path.read_text()))}
    entry_points = re.findall(r"scorp_ns[\w.]+", (ROOT / "pyproject.toml").read_text())
    names |= {(ROOT / "pyproject.toml", name) for name in entry_points}
    assert len(names) > 1000
    assert not [(str(path), name) for path, name in names if path_of_today(name)]


def _names(tree: ast.AST) -> set[str]:
    """All that is imported, and all texts that could be."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names.add(node.value)
    return names


@pytest.mark.usefixtures("forgotten")
def test_classes_answer_to_their_old_names():
    with pytest.warns(DeprecationWarning, match="ObjectCrop"):
        assert products.Sight is products.ObjectCrop
    with pytest.warns(DeprecationWarning, match="Affine"):
        assert import_module("scorp_ns.gaussians.placement").Placement is affine.Affine
    with pytest.raises(AttributeError, match="no attribute 'Sigth'"):
        _ = products.Sigth


@pytest.mark.usefixtures("forgotten")
def test_an_old_name_is_told_once(recwarn: pytest.WarningsRecorder):
    for _ in range(2):
        old_paths.warn_of_old_name("old", "new")
    assert [str(one.message) for one in recwarn.list] == ["old is called `new` now; the old name will go."]


def test_the_table_costs_next_to_nothing():
    program = "import sys, scorp_ns; assert not {'numpy', 'torch', 'nerfstudio'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
