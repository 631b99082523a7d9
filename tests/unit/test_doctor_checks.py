"""What each of the doctor's checks says of what it finds."""

from __future__ import annotations

import sys
from collections import namedtuple
from functools import partial
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numba
import psutil
import pytest
import torch

from scorp_ns.cli import checks
from scorp_ns.cli.checks import Finding, all_checks, ok, warning
from scorp_ns.errors import ScorpError
from scorp_ns.evaluate.learned import ClipSimilarity, Musiq, absent_metrics
from scorp_ns.render.cpu import kernel_cache


@pytest.fixture
def versions(monkeypatch: pytest.MonkeyPatch) -> dict[str, str | None]:
    """Versions of packages to pretend; None for a package that is not there."""
    pretended: dict[str, str | None] = {}
    real = metadata.version

    def version(package: str) -> str:
        found = pretended[package] if package in pretended else real(package)
        if found is None:
            raise metadata.PackageNotFoundError(package)
        return found

    monkeypatch.setattr(metadata, "version", version)
    return pretended


@pytest.mark.parametrize(("version", "state"), [("3.9.18", "failure"), ("3.10.0", "ok"), ("3.13.1", "failure")])
def test_python_has_to_be_one_scorp_is_made_for(monkeypatch: pytest.MonkeyPatch, version: str, state: str):
    monkeypatch.setattr(checks.platform, "python_version", lambda: version)
    assert checks.python().state == state


def test_an_installation_that_is_out_of_date_is_told(versions: dict[str, str | None]):
    assert checks.scorp().state == "ok"
    versions["scorp-ns"] = "0.0.1"
    assert checks.scorp().state == "warning"


@pytest.mark.parametrize(
    ("package", "version", "needed"),
    [
        ("numpy", "2.1.0", "'numpy<2,>=1.26'"),
        ("nerfstudio", "1.1.4", "'nerfstudio==1.1.5'"),
        ("open3d", None, "0.19.0"),
    ],
)
def test_packages_of_other_versions_are_fatal(
    versions: dict[str, str | None], package: str, version: str | None, needed: str
):
    look = checks.open3d if package == "open3d" else partial(checks.installed, package)
    assert look().state == "ok"
    versions[package] = version
    answer = look()
    assert answer.state == "failure" and needed in answer.do


def test_an_open3d_that_does_not_import_is_fatal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "open3d", None)
    answer = checks.open3d()
    assert answer.state == "failure" and "numpy<2" in answer.do


def test_a_torchvision_of_another_build_is_fatal(monkeypatch: pytest.MonkeyPatch):
    (check,) = (check for check in all_checks(Path()) if check.name == "torchvision")
    assert check.examine() == Finding("torchvision", "ok", checks.torchvision_operators().found, "")

    def nms(*_: object) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("torchvision.ops.nms", nms)
    finding = check.examine()
    assert finding and finding.state == "failure" and "nms does not exist" in finding.found
    assert "--force-reinstall torch torchvision" in finding.do


def test_methods_that_are_not_registered_are_fatal(monkeypatch: pytest.MonkeyPatch):
    assert checks.methods() == ok("scorp, scorp-quick")
    monkeypatch.setattr("nerfstudio.plugins.registry.discover_methods", lambda: ({"scorp": None}, {}))
    assert checks.methods().found == "scorp-quick not registered"


def test_the_cpu_renderer_is_tried_out(monkeypatch: pytest.MonkeyPatch):
    assert checks.cpu_renderer().state == "ok"
    for result in [(float("nan"), True), (0.0, True), (0.9, False)]:
        monkeypatch.setattr(checks, "trial_render", lambda result=result: result)
        assert checks.cpu_renderer().state == "failure"


def test_the_folder_of_compiled_kernels_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(kernel_cache, "cache_directory", lambda: None)
    assert checks.kernel_cache().state == "warning"
    monkeypatch.setattr(kernel_cache, "cache_directory", lambda: tmp_path)
    assert "nothing compiled yet" in checks.kernel_cache().found
    (tmp_path / "kernel.nbc").touch()
    assert checks.kernel_cache() == ok(f"numba {numba.__version__}; compiled ones in {tmp_path}")


def test_little_memory_and_little_room_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def memory(gibibytes: int) -> SimpleNamespace:
        return SimpleNamespace(available=gibibytes * 2**30, total=64 * 2**30)

    usage = namedtuple("usage", "free")
    for gibibytes, state in ((1, "warning"), (32, "ok")):
        monkeypatch.setattr(psutil, "virtual_memory", lambda size=gibibytes: memory(size))
        assert checks.cores_and_memory().state == state
        monkeypatch.setattr(checks.shutil, "disk_usage", lambda _, size=gibibytes: usage(size * 2**30 - 1))
        assert checks.output_folder(tmp_path / "not" / "there").state == state
    (tmp_path / "file").touch()
    assert "cannot be written to" in checks.output_folder(tmp_path / "file").found


def test_ffmpeg_is_the_systems_or_the_packaged_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    import imageio_ffmpeg

    packaged = imageio_ffmpeg.get_ffmpeg_exe()
    (tmp_path / "link").symlink_to(packaged)
    for on_path, found in (("/bin/ffmpeg", "/bin/ffmpeg"), (str(tmp_path / "link"), packaged), (None, packaged)):
        monkeypatch.setattr(checks.shutil, "which", lambda _, on_path=on_path: on_path)
        assert checks.ffmpeg().found.endswith(found)


def test_plugins_are_listed_and_broken_ones_named(monkeypatch: pytest.MonkeyPatch):
    assert checks.plugins("scorp.mask_sources").state == "ok" and "files" in checks.plugins("scorp.mask_sources").found
    assert checks.plugins("scorp.nothing_like_it").state == "warning"

    def load_plugin(group: str, name: str) -> None:
        raise ScorpError(f"'{name}' is broken.", "", "Repair it.")

    monkeypatch.setattr(checks, "load_plugin", load_plugin)
    assert checks.plugins("scorp.mask_sources") == warning("files. 'files' is broken.", "Repair it.")
    monkeypatch.setattr(checks, "plugin_names", lambda group: [])
    assert checks.plugins("scorp.mask_sources").state == "warning"


def test_matchers_are_built_and_what_they_lack_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    answer = checks.matchers()
    assert answer.state == "ok" and answer.found == "sift; not transformers: transformers is not installed."
    assert answer.do == "Install it: pip install 'transformers>=4.56'"
    monkeypatch.setattr(checks, "plugin_names", lambda group: [])
    assert checks.matchers().state == "warning"


def test_optional_packages_may_be_absent_but_not_too_old(versions: dict[str, str | None]):
    versions.update(diffusers=None, transformers="4.56.1", accelerate="0.9", tinycudann=None)
    absent = checks.installed("diffusers", "for x")
    assert absent.state == "ok" and "diffusers>=0.30" in absent.do
    assert checks.installed("transformers", "for x") == ok("4.56.1")
    assert checks.installed("accelerate", "for x").state == "warning"
    assert checks.installed("tinycudann", "") == ok("absent; not needed")
    assert checks.required("no-such-package") == "no-such-package"


def test_the_doctor_says_of_learned_metrics_what_a_bench_does(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    for metric, name in (("lpips", "LPIPS"), ("clip_s", "CLIP"), ("musiq", "MUSIQ")):
        answer = checks.weights(name)
        assert answer.state == "warning" and "left out" in answer.found
        reason, _, remedy = absent_metrics()[metric].rpartition(". ")
        assert reason in answer.found and remedy in answer.do


def test_weights_that_are_there_are_no_warning(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "alexnet-owt-7be5be79.pth").touch()
    monkeypatch.setattr(ClipSimilarity, "find", lambda: object())
    monkeypatch.setattr(Musiq, "find", lambda: object())
    assert all(checks.weights(name).state == "ok" for name in ("LPIPS", "CLIP", "MUSIQ"))
