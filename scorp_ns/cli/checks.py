"""The checks of `scorp doctor`. Every check loads what it needs when it looks, in a process of its own."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Literal, NamedTuple

from scorp_ns import __version__
from scorp_ns.errors import ScorpError
from scorp_ns.messages import counted
from scorp_ns.plugins.registry import GENERATORS, MASK_SOURCES, MATCHERS, load_plugin, plugin_names

DISTRIBUTION, METHODS = "scorp-ns", ("scorp", "scorp-quick")
LONGEST = 300
"""Characters of another package's error message that are shown."""
PROGRAM_SECONDS = 20.0
"""Time limit for a program that tells its version."""
GIB = 2**30
NEEDED_MEMORY, NEEDED_DISK = 2 * GIB, 1 * GIB
"""Bytes that a run on the demo capture takes, and those of a run's checkpoints, logs and exports, with some room."""
SIZE = 32
"""Width and height of the trial image, in pixels."""

REINSTALL = "Install scorp anew, in a fresh virtual environment and in its folder: pip install ."
SAME_BUILD = "Take both from the same place: pip install --force-reinstall torch torchvision, with one --index-url."
ON_CPU = "Mend the driver, or do without the GPU: export CUDA_VISIBLE_DEVICES="
WITHOUT = "Or do without the GPU: export CUDA_VISIBLE_DEVICES="
SERVE = "the CPU kernels serve"

OPTIONAL_PACKAGES = {
    "diffusers": "for generators that run diffusion models",
    "transformers": "for generators, for matchers that are networks, and for metrics that use CLIP",
    "accelerate": "for generators that load large models",
    "coacd": "for `scorp export` to URDF and MJCF",
    "usd-core": "for `scorp export` to USD and USDZ",
    "gsply": "for `scorp export` to SPZ",
    "tinycudann": "",
    "pytorch3d": "",
}
"""Their purposes; empty for those that users of such methods look for, and that are not needed."""

State = Literal["ok", "warning", "failure"]
"""Nothing to do; something is slower, left out or not known; the main job, to train and export, cannot run."""


class Answer(NamedTuple):
    """The finding, and the remedy if it is not right; empty where there is none."""

    state: State
    found: str
    do: str = ""


@dataclass(frozen=True)
class Finding:
    """A line of the report: what was looked at, and the answer."""

    name: str
    state: State
    found: str
    do: str


@dataclass(frozen=True)
class Check:
    """Something to look at."""

    name: str
    look: Callable[[], Answer | None]
    """Gives the answer, or None where the question does not arise; may raise anything. It is sent to a process."""
    remedy: str = ""
    """The remedy when looking raises."""
    is_fatal: bool = False
    """True if the main job cannot run where looking raises."""
    needs: tuple[str, ...] = ()
    """Names of checks without whose success looking is of no use."""

    def broken(self, found: str) -> Finding:
        """The line of the report for a check that gave no answer."""
        return Finding(self.name, "failure" if self.is_fatal else "warning", found, self.remedy)

    def examine(self) -> Finding | None:
        """The line of the report, whatever happens while looking."""
        try:
            answer = self.look()
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # A broken package may raise anything, a request to exit or a panic included.
            return self.broken(shown(error))
        return answer and Finding(self.name, *answer)


def all_checks(output_dir: Path) -> list[Check]:
    """All checks, in the order of the report."""
    fatal = partial(Check, remedy=REINSTALL, is_fatal=True)
    host, compiled, plugged = ("scorp", "torch", "torchvision", "nerfstudio"), ("GPU", "gsplat"), ("scorp", "torch")
    cpp = partial(build_program, os.environ.get("CXX", "c++"), "Install one, such as the package g++.")
    return [
        fatal("Python", python),
        fatal("scorp", scorp),
        fatal("numpy", partial(installed, "numpy"), needs=("scorp",)),
        fatal("torch", torch_build),
        Check("torchvision", torchvision_operators, SAME_BUILD, is_fatal=True, needs=("torch",)),
        fatal("open3d", open3d, needs=("scorp",)),
        fatal("nerfstudio", partial(installed, "nerfstudio"), needs=("scorp",)),
        fatal("methods of ns-train", methods, needs=host),
        fatal("CPU kernels", kernel_cache, needs=("torch",)),
        fatal("CPU renderer", cpu_renderer, needs=("torch", "CPU kernels")),
        Check("GPU", gpus, ON_CPU, is_fatal=True, needs=("torch",)),
        fatal("gsplat", gsplat, needs=("scorp", "torch")),
        Check("nvcc", cuda_compiler, ON_CPU, needs=compiled),
        Check("C++ compiler", cpp, ON_CPU, needs=compiled),
        Check("ninja", partial(build_program, "ninja", "pip install ninja"), ON_CPU, needs=compiled),
        Check("cores and memory", cores_and_memory),
        Check("output folder", partial(output_folder, output_dir)),
        Check("ffmpeg", ffmpeg, "Reinstall it: pip install --force-reinstall imageio-ffmpeg"),
        Check("display", display),
        Check("mask sources", partial(plugins, MASK_SOURCES), REINSTALL, needs=plugged),
        Check("generators", partial(plugins, GENERATORS), needs=plugged),
        Check("matchers", matchers, REINSTALL, needs=plugged),
        *(Check(name, partial(installed, name, use), needs=("scorp",))
          for name, use in OPTIONAL_PACKAGES.items()),
        *(Check(f"weights of {name}", partial(weights, name), needs=("torch",)) for name in ("LPIPS", "CLIP", "MUSIQ")),
    ]  # fmt: skip


ok, warning, failure = (partial(Answer, state) for state in ("ok", "warning", "failure"))


def shown(error: BaseException) -> str:
    """The kind and message of an error, in one line that is not too long."""
    text = " ".join(f"{type(error).__name__}: {error}".split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."


def required(package: str) -> str:
    """A package with the versions that scorp's own installation asks for, as pip takes it; just its name for any."""
    from packaging.requirements import Requirement

    requirements = map(Requirement, metadata.requires(DISTRIBUTION) or ())
    return next((f"{package}{one.specifier}" for one in requirements if one.name == package), package)


def pip_line(*packages: str) -> str:
    """The command that installs the versions that fit."""
    return "pip install " + " ".join(f"'{required(package)}'" for package in packages)


def installed(package: str, use: str | None = None) -> Answer:
    """A package's version, where it fits; `use` is what one is for that may be absent, empty if for nothing here."""
    from packaging.requirements import Requirement

    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        if use is None:
            return failure("not installed", pip_line(package))
        return ok(f"absent; {use}", f"{pip_line(package)}, if you want it") if use else ok("absent; not needed")
    if Requirement(required(package)).specifier.contains(version, prereleases=True):
        return ok(f"{version}; not needed" if use == "" else version)
    answer, verb = (failure, "needs") if use is None else (warning, "works with")
    return answer(f"{version}, and scorp {verb} {required(package)}", pip_line(package))


def python() -> Answer:
    """This Python, where it is one that scorp is made for."""
    from packaging.specifiers import SpecifierSet

    version, where = platform.python_version(), sys.executable
    fitting = metadata.metadata(DISTRIBUTION)["Requires-Python"]
    if not SpecifierSet(fitting).contains(version, prereleases=True):
        return failure(f"{version} in {where}", f"Make a virtual environment with a Python that is {fitting}.")
    return ok(f"{version} in {where}")


def scorp() -> Answer:
    """The folder of scorp, and the version that pip knows where that is another."""
    folder, registered = Path(__file__).parents[1], metadata.version(DISTRIBUTION)
    if registered != __version__:
        return warning(f"{__version__} in {folder}, installed as {registered}", "Install it again: pip install -e .")
    return ok(f"{__version__} in {folder}")


def torch_build() -> Answer:
    """torch's version and what it was built for."""
    import torch

    build = f"for CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    return ok(f"{torch.__version__}, built {build}")


def torchvision_operators() -> Answer:
    """torchvision's version, where its compiled part works with this torch."""
    import torch
    import torchvision
    from torchvision.ops import nms

    kept = nms(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), torch.ones(1), 0.5)
    if kept.tolist() != [0]:
        return failure(f"{torchvision.__version__} computes nonsense", "Install torch and torchvision anew.")
    return ok(f"{torchvision.__version__}, works with this torch")


def open3d() -> Answer:
    """The version of open3d, without which ns-export does not start, where it imports."""
    answer = installed("open3d")
    if answer.state != "ok":
        return answer
    try:
        import open3d  # pyright: ignore[reportMissingImports]
    except Exception as error:  # Missing system libraries and a numpy that does not fit raise various things.
        return failure(f"{answer.found} does not import ({shown(error)})", pip_line("open3d", "numpy"))
    return ok(f"{open3d.__version__}, imports")


def methods() -> Answer:
    """Our methods that ns-train lists, found in the way it finds them."""
    from nerfstudio.plugins.registry import discover_methods

    found, _ = discover_methods()
    missing = [name for name in METHODS if name not in found]
    if missing:
        return failure(f"{' and '.join(missing)} not registered", "Install scorp again, in its folder: pip install .")
    return ok(", ".join(METHODS))


def kernel_cache() -> Answer:
    """The folder that keeps compiled CPU kernels."""
    import numba

    from scorp_ns.render.cpu.kernel_cache import EXPECTED_COMPILE_SECONDS, cache_directory

    directory, compiler = cache_directory(), f"numba {numba.__version__}"
    if directory is None:
        do = "Set NUMBA_CACHE_DIR to a folder that only you can write to."
        return warning(f"{compiler}; no folder to keep kernels in, so every run compiles them", do)
    if not any(directory.rglob("*.nbc")):
        longer = f"the first run takes some {EXPECTED_COMPILE_SECONDS} s longer"
        return ok(f"{compiler}; nothing compiled yet in {directory}: {longer}")
    return ok(f"{compiler}; compiled ones in {directory}")


def cpu_renderer() -> Answer:
    """The time in which a Gaussian is drawn and differentiated on the CPU."""
    start = perf_counter()
    brightness, has_gradients = trial_render()
    if not (0.5 < brightness < 1.0 and has_gradients):
        return failure(f"a Gaussian that has to be bright came out as {brightness}", "Please report it.")
    return ok(f"draws and differentiates {SIZE}x{SIZE} pixels ({perf_counter() - start:.1f} s)")


def trial_render() -> tuple[float, bool]:
    """Brightness of a white Gaussian in its middle, and True if its gradients are finite."""
    import torch

    from scorp_ns.render import rasterization

    means, one = torch.tensor([[0.0, 0.0, 3.0]], requires_grad=True), torch.ones(1)
    K = torch.tensor([[SIZE, 0.0, SIZE / 2], [0.0, SIZE, SIZE / 2], [0.0, 0.0, 1.0]])
    quats, scales, white = torch.eye(4)[:1], torch.full((1, 3), 0.3), torch.ones(1, 3)
    image = rasterization(means, quats, scales, 0.9 * one, white, torch.eye(4)[None], K[None], SIZE, SIZE)[0]
    # A row off the middle: there the image depends on where the Gaussian is.
    image[0, SIZE // 4].sum().backward()
    gradient = means.grad
    has_gradients = gradient is not None and bool(gradient.isfinite().all() and gradient.any())
    return float(image.detach()[0, SIZE // 2, SIZE // 2].mean()), has_gradients


def gpus() -> Answer:
    """The GPUs that torch can use, each tried out."""
    import torch

    if not torch.cuda.is_available():
        return _no_gpu(torch.version.cuda)
    names = []
    for index in range(torch.cuda.device_count()):
        device = torch.cuda.get_device_properties(index)
        torch.ones(2).cuda(index).sum().item()
        names.append(f"{device.name} ({device.total_memory / GIB:.0f} GiB)")
    return ok(", ".join(names))


def _no_gpu(built_for: str | None) -> Answer:
    """The reason why torch sees no GPU."""
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return ok(f"hidden by CUDA_VISIBLE_DEVICES; {SERVE}")
    listed = output_of("nvidia-smi", "-L")
    if "GPU" not in listed:
        return ok(f"none; {SERVE}")
    build = f"torch, built for CUDA {built_for}," if built_for else "torch, built without CUDA,"
    do = "Install a torch (and torchvision) for a CUDA that your driver knows: https://pytorch.org"
    return warning(f"{listed.splitlines()[0]}, but {build} cannot use it; {SERVE}", do)


def gsplat() -> Answer:
    """gsplat's version and, where there is a GPU, the folder of its compiled kernels."""
    import torch

    answer = installed("gsplat")
    if answer.state != "ok" or not torch.cuda.is_available():
        return answer
    library = next(iter([*packaged_kernels(), *_compiled_kernels()]), None)
    if library is None:
        return ok(f"{answer.found}; the first run on the GPU compiles its kernels, which takes minutes")
    return ok(f"{answer.found}, compiled in {library.parent}")


def packaged_kernels() -> list[Path]:
    """The compiled library that gsplat comes with, if it does."""
    spec = find_spec("gsplat")
    folders = (spec.submodule_search_locations or []) if spec else []
    return [path for folder in folders for path in Path(folder).glob("csrc*.so")]


def _compiled_kernels() -> list[Path]:
    """The library that gsplat would load, where torch keeps what it compiles."""
    import torch
    from torch.utils.cpp_extension import get_default_build_root

    version = f"py{sys.version_info.major}{sys.version_info.minor}*_cu{(torch.version.cuda or '').replace('.', '')}"
    chosen = os.environ.get("TORCH_EXTENSIONS_DIR")
    root, pattern = (chosen, "") if chosen else (get_default_build_root(), f"{version}/")
    return sorted(Path(root).glob(f"{pattern}gsplat_cuda/gsplat_cuda.so"))


def _compiles() -> bool:
    """True if gsplat calls compilers: on a GPU, and unless it comes compiled; what it has compiled it checks anew."""
    import torch

    return torch.cuda.is_available() and not packaged_kernels()


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


def build_program(name: str, do: str) -> Answer | None:
    """The path of a program that torch and nvcc call."""
    if not _compiles():
        return None
    found = shutil.which(name)
    return ok(found) if found else failure(f"there is no {name} on the PATH", f"{do} {WITHOUT}")


def output_of(*command: str) -> str:
    """Standard output of a program; empty where it does not exist, fails or hangs."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=PROGRAM_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return result.stdout


def cores_and_memory() -> Answer:
    """Cores this process may use, and memory, where that is enough for the demo."""
    import psutil

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = psutil.virtual_memory()
    found = f"{counted(cores, 'core')}, {memory.available / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    if memory.available < NEEDED_MEMORY:
        return warning(found, f"The demo takes some {NEEDED_MEMORY // GIB} GiB: close other programs.")
    return ok(found)


def output_folder(folder: Path) -> Answer:
    """The space for runs in a folder, where they can be written there."""
    existing = next(parent for parent in (folder.absolute(), *folder.absolute().parents) if parent.exists())
    free = shutil.disk_usage(existing).free
    found = f"{free / GIB:.1f} GiB free in {folder.absolute()}"
    if not (existing.is_dir() and os.access(existing, os.W_OK)):
        return warning(f"{found}, and {existing} cannot be written to", "Choose another with --output-dir.")
    return ok(found) if free >= NEEDED_DISK else warning(found, "Make room, or choose another with --output-dir.")


def ffmpeg() -> Answer:
    """The program that ns-render writes videos with: the system's, or the one that comes with imageio-ffmpeg."""
    import imageio_ffmpeg

    packaged, on_path = Path(imageio_ffmpeg.get_ffmpeg_exe()), shutil.which("ffmpeg")
    # The plugin puts a link to the packaged one on the PATH, so what is on the PATH need not be the system's.
    is_system = on_path and Path(on_path).resolve() != packaged.resolve()
    return ok(on_path if is_system else f"the packaged one, {packaged}")


def display() -> Answer:
    """That none is needed."""
    there = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return ok(f"{there or 'none'}; none is needed, as the viewer is a web page")


def plugins(group: str) -> Answer:
    """The plugins of a group if all load; else what is wrong with the first that does not."""
    names = plugin_names(group)
    for name in names:
        try:
            load_plugin(group, name)
        except ScorpError as error:
            return warning(f"{', '.join(names)}. {error.found}", error.do)
    return (
        ok(", ".join(names))
        if names
        else warning("none, not even those of scorp", "Install scorp again: pip install .")
    )


def matchers() -> Answer:
    """The matchers of features, each built: which can be used, and what the others lack."""
    usable, lacking, remedies = [], [], []
    for name in plugin_names(MATCHERS):
        try:
            load_plugin(MATCHERS, name).build()
            usable.append(name)
        except ScorpError as error:
            lacking.append(f"not {name}: {error.found}")
            remedies.append(error.do)
    if not usable:
        return warning(" ".join(["none", *lacking]), "Install scorp again: pip install .")
    return ok(f"{', '.join(usable)}{'; ' if lacking else ''}{' '.join(lacking)}", " ".join(remedies))


def weights(name: str) -> Answer:
    """The weights of a learned metric, as a bench looks for them. Nothing downloads them."""
    from scorp_ns.evaluate.learned import ClipSimilarity, Musiq, why_lpips_is_absent

    finders = {"LPIPS": why_lpips_is_absent, "CLIP": ClipSimilarity.find, "MUSIQ": Musiq.find}
    metric, found = {"CLIP": "CLIP-S"}.get(name, name), finders[name]()
    if isinstance(found, str):
        reason, _, remedy = found.rpartition(". ")
        return warning(f"{metric} is left out: {reason}", f"If you want it: {remedy}")
    return ok(f"{metric} can be measured")
