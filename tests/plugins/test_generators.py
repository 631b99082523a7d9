"""The contract of generators tells what is wrong with one; the examples hold to it, and do what they say."""

from __future__ import annotations

import math
import os
import runpy
import shlex
import socket
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from job_servers import box_file

from scorp_ns.errors import CancelledError, GenerationError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.contract import check_generator
from scorp_ns.generate.example_request import CENTER, RADIUS, example_request
from scorp_ns.generate.external.command import CommandConfig
from scorp_ns.generate.external.http import HttpConfig
from scorp_ns.generate.generator import Work
from scorp_ns.plugins.registry import load_plugin
from scorp_ns.products import ProxyAsset, ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh

EXAMPLES = Path(__file__).parents[2] / "examples"

REQUEST = example_request()

MESH = ColoredMesh(np.eye(3, dtype=np.float32), np.array([[0, 1, 2]]), np.zeros((3, 3), np.float32))


def example(name: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, str(EXAMPLES / name), *map(str, arguments)]


def command(*arguments: str) -> CommandConfig:
    return CommandConfig(shlex.join(arguments).replace("'{job}'", "{job}"))


def assert_is_ball(asset: ProxyAsset) -> None:
    assert isinstance(asset.shape, ColoredMesh) and asset.T_capture_asset is not None
    samples = asset.shape.moved(asset.T_capture_asset).sample(2000)
    outwards = (samples.points - CENTER) / RADIUS
    distances = np.linalg.norm(outwards, axis=1)
    # From one side, and from above, masks cannot tell a ball from one with a bulge.
    assert np.percentile(np.abs(distances - 1), 80) < 0.1 and distances.max() < 1.6
    assert np.median((samples.normals * outwards).sum(axis=1)) > 0.9
    is_good = (np.abs(distances - 1) < 0.1) & (outwards[:, 2] > 0)
    seen = (127.5 + 100 * outwards[is_good]) / 255
    assert np.median(np.abs(samples.colors[is_good] - seen)) < 0.05


def test_the_example_that_copies_an_asset_holds_to_the_contract(tmp_path: Path):
    (tmp_path / "ball.glb").write_bytes(box_file())
    asset = check_generator(command(*example("01_stored_asset.py", tmp_path, "{job}")), REQUEST)
    assert isinstance(asset.shape, ColoredMesh) and asset.shape.diagonal == pytest.approx(math.sqrt(14), rel=1e-5)


def test_the_example_that_copies_an_asset_takes_no_other(tmp_path: Path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "secret.glb").write_bytes(box_file())
    generator = command(*example("01_stored_asset.py", tmp_path / "assets", "{job}")).build()
    with pytest.raises(GenerationError, match=r"There is no file '\.\./secret'"):
        generator.generate(example_request("../secret"), Work())


def test_the_example_that_carves_makes_a_ball_where_it_stands():
    asset = command(*example("02_visual_hull.py", "{job}")).build().generate(REQUEST, Work())
    assert_is_ball(asset)
    assert asset.up == (0, 0, 1)


@contextmanager
def example_server(tmp_path: Path, *arguments: str, **environment: str) -> Iterator[str]:
    """The address of the example of a server around a program."""
    process = subprocess.Popen(
        example("03_generator_server.py", "--port", "0", "--", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), **environment},
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.communicate()


def test_the_example_of_a_server_serves_the_example_that_carves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MY_TOKEN", "open sesame")
    with example_server(tmp_path, *example("02_visual_hull.py", "{job}"), GENERATOR_TOKEN="open sesame") as url:
        config = HttpConfig(url, poll_s=0.05)
        with pytest.raises(GenerationError, match="401"):
            config.build().generate(REQUEST, Work())
        assert_is_ball(replace(config, token_env="MY_TOKEN").build().generate(REQUEST, Work()))
        assert not list(tmp_path.iterdir())


def test_the_example_of_a_server_tells_how_its_program_failed_and_stops_it(tmp_path: Path):
    program = "import sys,time; print('no memory'); sys.stdout.flush(); time.sleep(float(sys.argv[2])); sys.exit(3)"
    failed = pytest.raises(GenerationError, match="exit code 3: no memory")
    with example_server(tmp_path, sys.executable, "-c", program, "{job}", "0") as url, failed:
        HttpConfig(url, poll_s=0.05).build().generate(REQUEST, Work())
    with example_server(tmp_path, sys.executable, "-c", program, "{job}", "60") as url:
        work = Work()
        cancel = replace(work, report=lambda share, text: work.cancelled.set() if text == "working" else None)
        with pytest.raises(CancelledError):
            HttpConfig(url, poll_s=0.05).build().generate(REQUEST, cancel)
        assert not list(tmp_path.iterdir())


def test_the_example_of_a_server_refuses_strangers_before_they_send_a_job(tmp_path: Path):
    with example_server(tmp_path, "true", GENERATOR_TOKEN="open sesame") as url:
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(b"POST /jobs HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n")
            assert b" 401 " in connection.recv(1000)


def test_the_example_of_a_server_leaves_the_dashes_of_its_program(tmp_path: Path):
    program = "import sys; sys.exit(str(sys.argv[1:3]))"
    failed = pytest.raises(GenerationError, match=r"exit code 1: \['--', 'a'\]")
    with example_server(tmp_path, sys.executable, "-c", program, "--", "a", "{job}") as url, failed:
        HttpConfig(url, poll_s=0.05).build().generate(REQUEST, Work())


def test_the_example_of_a_package_is_found_once_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = EXAMPLES / "04_generator_package"
    described = (package / "pyproject.toml").read_text()
    _, _, entry = described.partition('[project.entry-points."scorp.generators"]\n')
    name, _, place = entry.splitlines()[0].partition(" = ")
    folder = tmp_path / "boxes-0.1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: boxes\nVersion: 0.1\n")
    (folder / "entry_points.txt").write_text(f"[scorp.generators]\n{name} = {place.strip(chr(34))}\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.syspath_prepend(package)
    asset = check_generator(load_plugin("scorp.generators", "boxes"), REQUEST)
    assert isinstance(asset.shape, ColoredMesh)
    low, high = asset.shape.bounds
    np.testing.assert_allclose(high - low, 2 * RADIUS, rtol=1e-5)
    assert (asset.shape.face_normals * (asset.shape.vertices[asset.shape.faces].mean(axis=1) - CENTER)).sum(1).min() > 0


def test_the_tests_of_the_example_of_a_package_pass(monkeypatch: pytest.MonkeyPatch):
    package = EXAMPLES / "04_generator_package"
    monkeypatch.syspath_prepend(package)
    tests = runpy.run_path(str(package / "tests" / "test_boxes.py"))
    names = [name for name in tests if name.startswith("test_")]
    assert len(names) == 2
    for name in names:
        tests[name]()


@pytest.mark.parametrize("name", sorted(path.name for path in EXAMPLES.glob("0[5-9]_*.py")))
def test_examples_that_cannot_run_here_say_so_and_can_be_read(name: str):
    source = (EXAMPLES / name).read_text()
    compile(source, name, "exec")
    assert "tests cannot run it" in source


@dataclass
class Spoiled:
    """A generator that is spoiled in some way, another one at every build."""

    change: Callable[[ProxyAsset, int], object] = lambda asset, build: asset
    fingerprints: Callable[[int], object] = lambda build: "spoiled"
    harm: Callable[[ProxyRequest], object] = lambda request: None
    tell: tuple[float | None, str] = (0.5, "half")
    heeds: bool = True
    builds: list[int] = field(default_factory=list)

    def build(self) -> Any:
        self.builds.append(len(self.builds))
        return SpoiledGenerator(self, len(self.builds))


@dataclass
class SpoiledGenerator:
    config: Spoiled
    build: int

    def fingerprint(self, request: ProxyRequest) -> Any:
        return self.config.fingerprints(self.build)

    def generate(self, request: ProxyRequest, work: Work) -> Any:
        if self.config.heeds:
            work.check(request.name)
        work.report(*self.config.tell)
        self.config.harm(request)
        return self.config.change(ProxyAsset(MESH, "spoiled"), self.build)


def moved(asset: ProxyAsset, by: float) -> ProxyAsset:
    return replace(asset, shape=replace(MESH, vertices=MESH.vertices + np.float32(by)))


def raising(error: Exception) -> Any:
    raise error


MIRROR = Similarity(torch.diag(torch.tensor([1.0, 1, -1], dtype=torch.float64)), torch.zeros(3).double(), 1.0)
FLAT = ColoredMesh(np.zeros((3, 3), np.float32), np.array([[0, 1, 2]]), np.zeros((3, 3), np.float32))
NOWHERE = replace(REQUEST.gaussians, means=REQUEST.gaussians.means * math.nan)

SPOILED: dict[str, tuple[Spoiled, str]] = {
    "no asset": (Spoiled(lambda asset, build: MESH), "gave a ColoredMesh"),
    "no maker": (Spoiled(lambda asset, build: replace(asset, made_by=" ")), "'made_by' is empty"),
    "flat": (Spoiled(lambda asset, build: replace(asset, shape=FLAT)), "no area"),
    "no Gaussians": (
        Spoiled(lambda asset, build: replace(asset, shape=NOWHERE[torch.zeros(0, dtype=torch.long)])),
        "There are no",
    ),
    "nowhere": (Spoiled(lambda asset, build: replace(asset, shape=NOWHERE)), "'means' of the Gaussians"),
    "mirrored": (Spoiled(lambda asset, build: replace(asset, T_capture_asset=MIRROR)), "one that mirrors"),
    "long up": (Spoiled(lambda asset, build: replace(asset, up=(0.0, 0.0, 2.0))), "unit length"),
    "no licence": (Spoiled(lambda asset, build: replace(asset, license=" ")), "'license' is empty"),
    "other": (Spoiled(lambda asset, build: moved(asset, 0.1 * build)), "another one"),
    "number": (Spoiled(fingerprints=lambda build: build), "a text or None is needed"),
    "nothing": (Spoiled(fingerprints=lambda build: ""), "a text or None is needed"),
    "too much": (Spoiled(tell=(1.5, "much")), "share 1.5"),
    "silent": (Spoiled(tell=(None, "")), "one line is needed"),
    "deaf": (Spoiled(heeds=False), "Cancelled work went on"),
    "foreign": (Spoiled(lambda asset, build: raising(OSError("disk"))), r"OSError was raised \(disk\)"),
    "harmful": (Spoiled(harm=lambda request: request.views[0].rgba.__setitem__(0, 7)), "request was changed"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_the_contract_tells_what_is_wrong(name: str):
    config, words = SPOILED[name]
    with pytest.raises(AssertionError, match=words):
        check_generator(config, example_request())


def test_the_contract_lets_a_good_generator_pass():
    assert check_generator(Spoiled(), REQUEST).shape is MESH


def test_the_contract_forgives_rounding():
    check_generator(Spoiled(lambda asset, build: moved(asset, 1e-5 * build)), REQUEST)


def test_a_refusal_is_passed_on():
    with pytest.raises(GenerationError, match="no idea"):
        check_generator(Spoiled(lambda asset, build: raising(GenerationError("no idea", "", ""))), REQUEST)


def test_the_contract_wants_a_fingerprint_that_stays():
    calls = iter("abcdefgh")
    with pytest.raises(AssertionError, match="fingerprint"):
        check_generator(Spoiled(fingerprints=lambda build: next(calls)), REQUEST)
    with pytest.raises(AssertionError, match="fingerprint"):
        check_generator(Spoiled(fingerprints=lambda build: f"{build}"), REQUEST)


def test_fields_of_a_request_keep_their_old_names_with_one_warning():
    for one, old, new in (
        (REQUEST.views[0], "roles", "trimap"),
        (REQUEST.frames[0], "roles", "trimap"),
        (REQUEST, "sights", "windows"),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert getattr(one, old) is getattr(one, old) is getattr(one, new)
        (warning,) = caught
        assert warning.category is DeprecationWarning and new in str(warning.message)
