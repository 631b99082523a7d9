"""What the doctor's checks say of GPUs, and of what gsplat needs to compile its kernels for them."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from scorp_ns.cli import checks
from scorp_ns.cli.checks import Answer, ok


def program(name: str) -> Answer | None:
    """What the check of a build program answers."""
    return next(check for check in checks.all_checks(Path()) if check.name == name).look()


@pytest.fixture
def gpu_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, str]:
    """A machine with a GPU and these programs and their output; nothing is compiled on it yet."""
    programs = {"nvcc": "Cuda compilation tools, release 13.0, V13.0.88", "c++": "", "ninja": ""}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "13.2")
    monkeypatch.setattr("torch.utils.cpp_extension.CUDA_HOME", None)
    monkeypatch.setattr(checks.shutil, "which", lambda name: f"/bin/{name}" if name in programs else None)
    monkeypatch.setattr(checks, "output_of", lambda path, *_: programs.get(Path(path).name, ""))
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    return programs


@pytest.mark.parametrize(
    ("hidden", "listed", "state", "words"),
    [
        ("", "", "ok", "hidden by CUDA_VISIBLE_DEVICES; the CPU kernels serve"),
        (None, "", "ok", "none; the CPU kernels serve"),
        (None, "GPU 0: A100\n", "warning", "GPU 0: A100, but torch, built"),
    ],
)
def test_without_a_gpu_the_cpu_serves(
    monkeypatch: pytest.MonkeyPatch, hidden: str | None, listed: str, state: str, words: str
):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(checks, "output_of", lambda *_: listed)
    answer = checks.gpus()
    assert answer.state == state and answer.found.startswith(words)
    assert (checks.cuda_compiler(), program("C++ compiler"), program("ninja")) == (None, None, None)


def test_gpus_are_named_and_tried(monkeypatch: pytest.MonkeyPatch, gpu_machine: dict[str, str]):
    device = SimpleNamespace(name="H200", total_memory=139 * 2**30)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: device)
    monkeypatch.setattr(torch.Tensor, "cuda", lambda tensor, index: tensor)
    assert checks.gpus() == ok("H200 (139 GiB)")


def test_compiled_gpu_kernels_are_found(gpu_machine: dict[str, str], tmp_path: Path):
    assert "compiles its kernels" in checks.gsplat().found
    (tmp_path / "gsplat_cuda").mkdir()
    (tmp_path / "gsplat_cuda" / "gsplat_cuda.so").touch()
    assert checks.gsplat().found.endswith(f"compiled in {tmp_path / 'gsplat_cuda'}")


@pytest.mark.parametrize(
    ("nvcc", "state"),
    [("release 13.0, V13.0.88", "ok"), ("release 12.4, V12.4.1", "warning"), ("", "warning"), (None, "failure")],
)
def test_nvcc_has_to_fit_torch(gpu_machine: dict[str, str], nvcc: str | None, state: str):
    gpu_machine.pop("nvcc")
    if nvcc is not None:
        gpu_machine["nvcc"] = nvcc
    answer = checks.cuda_compiler()
    assert answer and answer.state == state
    assert ("13.2" in answer.do) == (state != "ok")


def test_a_gpu_without_build_programs_is_fatal(gpu_machine: dict[str, str], monkeypatch: pytest.MonkeyPatch):
    assert program("C++ compiler") == ok("/bin/c++") and program("ninja") == ok("/bin/ninja")
    gpu_machine.clear()
    for answer in (program("C++ compiler"), program("ninja")):
        assert answer and answer.state == "failure" and "CUDA_VISIBLE_DEVICES" in answer.do
    monkeypatch.setattr(checks, "packaged_kernels", lambda: [Path("csrc.so")])
    assert program("C++ compiler") is None


def test_programs_that_fail_have_no_output():
    assert checks.output_of(sys.executable, "-c", "import sys; sys.stdout.write('3')") == "3"
    assert checks.output_of(sys.executable, "-c", "raise SystemExit(1)") == ""
    assert checks.output_of("no-such-program-anywhere") == ""
