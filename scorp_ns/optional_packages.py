"""Packages that some formats need and the installation need not have."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from scorp_ns.errors import OutputError

PACKAGES = {"pxr": "usd-core", "coacd": "coacd", "gsply": "gsply"}
"""Modules, and the packages that have them."""


def optional_module(module: str, purpose: str) -> ModuleType:
    """The module, or an OutputError that names the package and how to get it."""
    try:
        return import_module(module)
    except ImportError as error:
        package = PACKAGES[module.split(".")[0]]
        raise OutputError(
            f"The package {package} cannot be imported ({error}).",
            f"{purpose} need it.",
            f"Install it with: pip install {package}",
        ) from error
