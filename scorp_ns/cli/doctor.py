"""`scorp doctor`: what is installed, what of it works here, and what to do about the rest."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from scorp_ns.cli.checks import gpu, installation, machine, plugged, renderer, weights
from scorp_ns.cli.findings import Check, Finding

REINSTALL = "Install scorp anew, in a fresh virtual environment and in its folder: pip install ."
SAME_BUILD = "Take both from the same place: pip install --force-reinstall torch torchvision, with one --index-url."
ON_CPU = "Mend the driver, or do without the GPU: export CUDA_VISIBLE_DEVICES="


@dataclass
class Doctor:
    """Say what works on this machine and what to do about the rest; exit code 1 if it cannot train and export."""

    json: bool = False
    """Print the findings as JSON, for programs."""
    output_dir: Path = Path("outputs")
    """Where you want to train to; its free space is looked at."""

    def main(self) -> int:
        """Look at everything, report it, and return the exit code."""
        from scorp_ns.cli.report import as_json, fatal_names, print_table, report_console

        findings = _examine_visibly(all_checks(self.output_dir))
        if self.json:
            sys.stdout.write(as_json(findings) + "\n")
        else:
            print_table(findings, report_console())
        return 1 if fatal_names(findings) else 0


def all_checks(output_dir: Path) -> list[Check]:
    """What the doctor looks at, in the order of the report."""
    return [*_installation(), *_renderers(), *_machine(output_dir), *_plugins(), *_packages(), *_weights()]


def _examine_visibly(checks: list[Check]) -> list[Finding]:
    """The findings; a terminal shows meanwhile what is looked at."""
    from rich.console import Console

    from scorp_ns.cli.examination import examine

    findings = []
    with Console(file=sys.stderr).status("", spinner="line") as status:
        for check, finding in examine(checks):
            if finding is None:
                status.update(f"Looking at {check.name} ...")
            else:
                findings.append(finding)
    return findings


def _installation() -> list[Check]:
    host = ("scorp", "torch", "torchvision", "nerfstudio")
    return [
        Check("Python", installation.python, REINSTALL, is_fatal=True),
        Check("scorp", installation.scorp, REINSTALL, is_fatal=True),
        Check("numpy", installation.numpy, REINSTALL, is_fatal=True, needs=("scorp",)),
        Check("torch", installation.torch_build, REINSTALL, is_fatal=True),
        Check("torchvision", installation.torchvision_operators, SAME_BUILD, is_fatal=True, needs=("torch",)),
        Check("open3d", installation.open3d, REINSTALL, is_fatal=True, needs=("scorp",)),
        Check("nerfstudio", installation.nerfstudio, REINSTALL, is_fatal=True, needs=("scorp",)),
        Check("methods of ns-train", installation.methods, REINSTALL, is_fatal=True, needs=host),
    ]


def _renderers() -> list[Check]:
    return [
        Check("CPU kernels", renderer.kernel_cache, REINSTALL, is_fatal=True, needs=("torch",)),
        Check("CPU renderer", renderer.cpu_renderer, REINSTALL, is_fatal=True, needs=("torch", "CPU kernels")),
        Check("GPU", gpu.devices, ON_CPU, is_fatal=True, needs=("torch",)),
        Check("gsplat", gpu.gsplat, REINSTALL, is_fatal=True, needs=("scorp", "torch")),
        Check("nvcc", gpu.cuda_compiler, ON_CPU, needs=("GPU", "gsplat")),
        Check("C++ compiler", gpu.cpp_compiler, ON_CPU, needs=("GPU", "gsplat")),
        Check("ninja", gpu.ninja, ON_CPU, needs=("GPU", "gsplat")),
    ]


def _machine(output_dir: Path) -> list[Check]:
    return [
        Check("cores and memory", machine.cores_and_memory),
        Check("output folder", partial(machine.output_folder, output_dir)),
        Check("ffmpeg", machine.ffmpeg, "Reinstall it: pip install --force-reinstall imageio-ffmpeg"),
        Check("display", machine.display),
    ]


def _plugins() -> list[Check]:
    needs = ("scorp", "torch")
    return [
        Check("mask sources", plugged.mask_sources, REINSTALL, needs=needs),
        Check("generators", partial(plugged.plugins, "scorp.generators"), needs=needs),
        Check("matchers", plugged.matchers, REINSTALL, needs=needs),
    ]


def _packages() -> list[Check]:
    return [
        Check(package, partial(plugged.optional_package, package, use), needs=("scorp",))
        for package, use in plugged.OPTIONAL_PACKAGES.items()
    ]


def _weights() -> list[Check]:
    return [
        Check("weights of LPIPS", weights.lpips, needs=("torch",)),
        Check("weights of CLIP", weights.clip, needs=("torch",)),
        Check("weights of MUSIQ", weights.musiq, needs=("torch",)),
    ]
