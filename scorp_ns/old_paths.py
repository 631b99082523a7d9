"""Modules by the paths that they had before: configurations of earlier runs and packages of others name them.

nerfstudio imports whatever a run's config.yml names before it asks any code of ours. Importing `scorp_ns`, which comes
before all its modules and before nerfstudio's list of methods, therefore puts a finder in front of Python's own that
hands on the module of today under its old name too, with one warning. Nothing inside the package uses old names.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

PACKAGE = "scorp_ns."

MOVED = {
    # A run's config.yml names these.
    "datamanager": "data.datamanager",
    "dataparser": "data.dataparser",
    "generate.command": "generate.external.command",
    "generate.http": "generate.external.http",
    "generator_choice": "plugins.generators",
    "matcher_choice": "plugins.matchers",
    "model_settings": "model_config",
    "optimizers": "host.optimizers",
    "pose.shape_config": "pose.config",
    # The documentation named these, or generators, matchers and scripts could want them.
    "appearance.tuned_color": "appearance.color_map",
    "capture": "data.capture",
    "cli.exported": "cli.export",
    "cli.extract": "cli.export",
    "cli.object_options": "cli.export",
    "delivery": "finished",
    "delivery.formats": "finished.choices",
    "delivery.result": "finished.choices",
    "documents": "report.kit",
    "evaluate.report_schema": "report.of_bench.facts",
    "export.textured_mesh": "surfaces.textured_mesh",
    "gaussians.placement": "gaussians.affine",
    "gaussians.ply": "formats.point_ply",
    "gaussians.splat_ply": "formats.splat_ply",
    "generate.asset_files": "formats.read",
    "generate.canonical.shape": "generate.canonical.working_mesh",
    "generate.symmetry.standing": "generate.symmetry.shrink_unseen",
    "masks.resize": "masks.pixels",
    "pose.algebra_kernels": "pose.fit_kernels",
    "report.schema": "report.of_run.facts",
}
"""Old paths and those of today, below the package; what lay in an old folder lies in the new one."""


def path_of_today(name: str) -> str | None:
    """The full path of the module that had this full path before; None for all others."""
    if not name.startswith(PACKAGE):
        return None
    folder, rest = name.removeprefix(PACKAGE), ""
    while folder:
        if folder in MOVED:
            return f"{PACKAGE}{MOVED[folder]}{rest}"
        folder, _, last = folder.rpartition(".")
        rest = f".{last}{rest}"
    return None


class OldPaths(MetaPathFinder, Loader):
    """Finds modules of today by their old paths."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The specification of a module that moved; None for all others, which Python finds by itself."""
        return ModuleSpec(fullname, self) if path_of_today(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the module of today in the place of the empty one that Python made."""
        today = path_of_today(module.__name__)
        assert today is not None
        warn_of_old_name(module.__name__, today)
        sys.modules[module.__name__] = import_module(today)


@cache
def warn_of_old_name(old: str, new: str) -> None:
    """Tell those who use an old name, once, what it became."""
    warnings.warn(f"{old} is called `{new}` now; the old name will go.", DeprecationWarning, stacklevel=3)


def keep_old_names(module: str, **names: str) -> None:
    """Let a module answer to old names of what it holds, with one warning each."""

    def named_before(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module '{module}' has no attribute '{name}'")
        warn_of_old_name(f"{module}.{name}", names[name])
        return getattr(sys.modules[module], names[name])

    vars(sys.modules[module])["__getattr__"] = named_before
