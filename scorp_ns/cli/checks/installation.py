"""The packages without which nothing runs."""

from __future__ import annotations

import platform
import sys
from importlib import metadata
from pathlib import Path

from scorp_ns import __version__
from scorp_ns.cli.checks.requirements import DISTRIBUTION, installed, pip_line
from scorp_ns.cli.findings import Answer, failure, ok, shown, warning

METHODS = ("scorp", "scorp-quick")


def python() -> Answer:
    """Whether this Python is one that scorp is made for."""
    from packaging.specifiers import SpecifierSet

    version, where = platform.python_version(), sys.executable
    fitting = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    if not SpecifierSet(fitting).contains(version, prereleases=True):
        return failure(f"{version} in {where}", f"Make a virtual environment with a Python that is {fitting}.")
    return ok(f"{version} in {where}")


def scorp() -> Answer:
    """Where scorp lies, and whether what pip knows of it is up to date."""
    folder, registered = Path(__file__).parents[2], metadata.version(DISTRIBUTION)
    if registered != __version__:
        return warning(f"{__version__} in {folder}, installed as {registered}", "Install it again: pip install -e .")
    return ok(f"{__version__} in {folder}")


def numpy() -> Answer:
    """Whether numpy's version suits open3d."""
    return installed("numpy")


def torch_build() -> Answer:
    """torch's version and what it was built for."""
    import torch

    build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    return ok(f"{torch.__version__}, built {build}")


def torchvision_operators() -> Answer:
    """Whether torchvision's compiled part works with this torch."""
    import torch
    import torchvision
    from torchvision.ops import nms

    kept = nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    if kept.tolist() != [0]:
        return failure(f"{torchvision.__version__} computes nonsense", "Install torch and torchvision anew.")
    return ok(f"{torchvision.__version__}, works with this torch")


def open3d() -> Answer:
    """Whether open3d, without which ns-export does not start, imports."""
    answer = installed("open3d")
    if answer.state != "ok":
        return answer
    try:
        import open3d  # pyright: ignore[reportMissingImports]
    except Exception as error:  # Missing system libraries and a numpy that does not fit raise various things.
        return failure(f"{answer.found} does not import ({shown(error)})", pip_line("open3d", "numpy"))
    return ok(f"{open3d.__version__}, imports")


def nerfstudio() -> Answer:
    """Whether the host is the one this plugin is made for."""
    return installed("nerfstudio")


def methods() -> Answer:
    """Whether ns-train lists our methods, found in the way it finds them."""
    from nerfstudio.plugins.registry import discover_methods

    found, _ = discover_methods()
    missing = [name for name in METHODS if name not in found]
    if missing:
        return failure(f"{' and '.join(missing)} not registered", "Install scorp again, in its folder: pip install .")
    return ok(", ".join(METHODS))
