"""The GPU, and what gsplat needs to compile its kernels for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from scorp_ns.cli.checks.requirements import installed
from scorp_ns.cli.findings import Answer, failure, ok, warning

WITHOUT = "Or do without the GPU: export CUDA_VISIBLE_DEVICES="
PROGRAM_SECONDS = 20.0
"""How long a program may take to tell its version."""


def devices() -> Answer:
    """The GPUs that torch can use, each tried out."""
    import torch

    if not torch.cuda.is_available():
        return _no_device(torch.version.cuda)
    names = []
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        torch.ones(2).cuda(index).sum().item()
        names.append(f"{device.name} ({device.total_memory / 2**30:.0f} GiB)")
    return ok(", ".join(names))


def _no_device(built_for: str | None) -> Answer:
    """Whether it is well that torch sees no GPU."""
    serve = "the CPU kernels serve"
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return ok(f"hidden by CUDA_VISIBLE_DEVICES; {serve}")
    listed = output_of("nvidia-smi", "-L")
    if "GPU" not in listed:
        return ok(f"none; {serve}")
    build = f"torch, built for CUDA {built_for}," if built_for else "torch, built without CUDA,"
    do = "Install a torch (and torchvision) for a CUDA that your driver knows: https://pytorch.org"
    return warning(f"{listed.splitlines()[0]}, but {build} cannot use it; {serve}", do)


def gsplat() -> Answer:
    """gsplat's version and, where there is a GPU, whether its kernels are compiled."""
    answer = installed("gsplat")
    if answer.state != "ok" or not _has_device():
        return answer
    library = _compiled_kernels()
    if library is None:
        return ok(f"{answer.found}; the first run on the GPU compiles its kernels, which takes minutes")
    return ok(f"{answer.found}, compiled in {library.parent}")


def cuda_compiler() -> Answer | None:
    """The nvcc that gsplat would compile with, against the CUDA that torch was built for."""
    import torch
    from torch.utils.cpp_extension import CUDA_HOME

    if not _compiles():
        return None
    on_path, built_for = shutil.which("nvcc"), torch.version.cuda or ""
    if on_path is None:
        do = f"Install the CUDA toolkit {built_for} and put its bin folder on the PATH. {WITHOUT}"
        return failure("not on the PATH, and gsplat does not load without it", do)
    at_home = Path(CUDA_HOME or "") / "bin" / "nvcc"
    used = str(at_home) if CUDA_HOME and at_home.is_file() else on_path
    release = re.search(r"release (\d+\.\d+)", output_of(used, "--version"))
    if release is None:
        return warning(f"{used} does not tell its version", f"Reinstall the CUDA toolkit {built_for}. {WITHOUT}")
    if release[1].split(".")[0] != built_for.split(".")[0]:
        do = f"If gsplat does not compile, install the CUDA toolkit {built_for}. {WITHOUT}"
        return warning(f"{release[1]} ({used}), and torch was built for CUDA {built_for}", do)
    return ok(f"{release[1]} ({used})")


def cpp_compiler() -> Answer | None:
    """The C++ compiler that nvcc and torch call."""
    return _program(os.environ.get("CXX", "c++"), "Install one, such as the package g++.")


def ninja() -> Answer | None:
    """The build program that torch calls."""
    return _program("ninja", "pip install ninja")


def output_of(*command: str) -> str:
    """What a program prints; empty where it does not exist, fails or hangs."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout


def _program(name: str, do: str) -> Answer | None:
    if not _compiles():
        return None
    found = shutil.which(name)
    return ok(found) if found else failure(f"there is no {name} on the PATH", f"{do} {WITHOUT}")


def _has_device() -> bool:
    import torch

    return torch.cuda.is_available()


def _compiles() -> bool:
    """Whether gsplat calls compilers: on a GPU, and unless it comes compiled; what it has compiled it checks anew."""
    return _has_device() and not _packaged_kernels()


def _packaged_kernels() -> list[Path]:
    spec = find_spec("gsplat")
    folders = (spec.submodule_search_locations or []) if spec else []
    return [path for folder in folders for path in Path(folder).glob("csrc*.so")]


def _compiled_kernels() -> Path | None:
    """The library that gsplat would load, where torch keeps what it compiles."""
    import torch
    from torch.utils.cpp_extension import get_default_build_root

    version = f"py{sys.version_info.major}{sys.version_info.minor}*_cu{(torch.version.cuda or '').replace('.', '')}"
    chosen = os.environ.get("TORCH_EXTENSIONS_DIR")
    root, pattern = (chosen, "") if chosen else (get_default_build_root(), f"{version}/")
    compiled = sorted(Path(root).glob(f"{pattern}gsplat_cuda/gsplat_cuda.so"))
    return next(iter([*_packaged_kernels(), *compiled]), None)
