"""A run of the version before opens in all tools, and trains on.

`tests/data/run_of_b77c7f7.tar.xz` was made at commit b77c7f7. All paths in its config.yml are relative: tests unpack it
and work in its folder. One of its objects is composed, one has a proxy without a place, and one has no proxy. With
`tests` on the PYTHONPATH:

    from pathlib import Path
    import trimesh
    from captures import write_capture, write_object_masks
    write_object_masks(write_capture(Path("capture"), num_points=600))
    Path("assets").mkdir()
    trimesh.creation.box((1, 1, 20)).export("assets/green ball.ply")

and `ns-train` with the `OPTIONS` below and `--max-num-iterations 60 --timestamp before`, then

    tar --sort=name --owner=0 --group=0 --numeric-owner --exclude report.html --exclude 'events*' \
        --exclude proxy_mesh.ply --exclude views -c capture assets outputs | xz -9e > run_of_b77c7f7.tar.xz
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from browser import free_port
from captures import BALL_NAMES
from nerfstudio.utils.eval_utils import eval_setup
from plyfile import PlyData
from tools import run_here
from warm_processes import run_warm

from scorp_ns.data.datamanager import ScorpDataManagerConfig
from scorp_ns.fields.config import FieldConfig
from scorp_ns.generate.external.http import HttpConfig
from scorp_ns.model import ScorpModel
from scorp_ns.plugins.matchers import MatcherChoice
from scorp_ns.trainer import ScorpTrainerConfig

ARCHIVE = Path(__file__).parents[1] / "data" / "run_of_b77c7f7.tar.xz"

RUN = Path("outputs") / "balls" / "scorp-quick" / "before"
CONFIG = RUN / "config.yml"

OPTIONS = (
    *("scorp-quick", "--data", "capture", "--experiment-name", "balls", "--vis", "tensorboard"),
    *("--save-objects", "True", "--pipeline.model.fill-views", "False"),
    *("--pipeline.model.schedule.propose-at", "0.8", "--pipeline.model.schedule.densify-until", "0.3"),
    *("--pipeline.model.generator.per-object", "green ball", "asset", "yellow ball", "command"),
    *("--pipeline.model.generator.asset.folder", "assets"),
    *("--pipeline.model.generator.command.template", "false {job}"),
    *("--pipeline.model.generator.symmetry.cells", "24", "--pipeline.model.proxy.num-samples", "5000"),
    *("--pipeline.model.proxy.base-spacing", "0.06", "--pipeline.model.proxy.gaussians-per-area", "1000"),
    *("--pipeline.model.proxy.log2-table-size", "8", "--pipeline.model.proxy.distance-resolutions", "16"),
    *("--pipeline.model.proxy.color-resolutions", "8", "--pipeline.model.proxy.residual-resolutions", "8"),
)
"""The run's options; those of `COARSE_PROXIES` may change, these not."""

RED, GREEN, YELLOW = BALL_NAMES

LOOK = """
import os
from types import SimpleNamespace
from nerfstudio.scripts.viewer import run_viewer
run_viewer.time = SimpleNamespace(sleep=lambda seconds: os._exit(0))
"""
"""Ends `ns-viewer` when all is set up, where it would sleep for as long as people look."""


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old_run")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(autouse=True)
def in_its_folder(unpacked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(unpacked)


def config_with(change: Callable[[str], str] = str) -> ScorpTrainerConfig:
    """The old configuration after a change of its text."""
    return yaml.load(change(CONFIG.read_text()), Loader=yaml.Loader)


def test_every_class_that_the_config_names_is_found():
    names = re.findall(r"!!python/(?:object|name):(scorp_ns[\w.]+)", CONFIG.read_text())
    assert len(set(names)) > 20
    for name in names:
        found = yaml.load(f"!!python/name:{name} ''", Loader=yaml.Loader)
        assert isinstance(found, type) and found.__module__.startswith("scorp_ns.")


def test_settings_keep_their_values():
    config = config_with()
    assert type(config.pipeline.datamanager) is ScorpDataManagerConfig
    model: Any = config.pipeline.model
    assert model.generator.per_object == {GREEN: "asset", YELLOW: "command"}
    assert type(model.generator.http) is HttpConfig and model.proxy.base_spacing == 0.06
    assert config.optimizers["means"]["scheduler"].lr_final == 1e-5


def without(line: str) -> Callable[[str], str]:
    """A text without a line, and without all that is indented below it."""

    def change(text: str) -> str:
        changed, number = re.subn(rf"^( *){line}.*\n(\1 +.*\n)*", "", text, flags=re.MULTILINE)
        assert number == 1
        return changed

    return change


@pytest.mark.parametrize(
    ("change", "setting", "value"),
    [
        (without("snap_masks:"), lambda config: config.pipeline.datamanager.snap_masks, True),
        (without("proxy:"), lambda config: config.pipeline.model.proxy, FieldConfig()),
        (without("matcher:"), lambda config: config.pipeline.model.matcher, MatcherChoice()),
        (without("per_object:"), lambda config: config.pipeline.model.generator.per_object, {}),
        (without("regenerate:"), lambda config: config.regenerate, ()),
        (lambda text: text.replace("dialect:", "accent: old\n        dialect:"),
         lambda config: config.pipeline.model.generator.http.dialect, "scorp"),
        (lambda text: f"{text}abolished: 1\n", lambda config: config.max_num_iterations, 60),
    ],
    ids=["plain", "dataclass", "nested", "dictionary", "at the top", "unknown", "unknown at the top"],
)  # fmt: skip
def test_settings_may_be_missing_or_unknown(change: Callable[[str], str], setting: Callable, value: object):
    assert setting(config_with(change)) == value


def test_a_config_with_missing_settings_is_the_same_when_it_was_written_and_read_again():
    config = config_with(without("proxy:"))
    again = yaml.load(yaml.dump(config), Loader=yaml.Loader)
    assert again == config and again.pipeline.model.proxy == FieldConfig()


def test_it_is_set_up_as_tools_do():
    _, pipeline, _, step = eval_setup(CONFIG, test_mode="inference")
    assert isinstance(pipeline.model, ScorpModel) and step == 59
    assert {one.name for one in pipeline.model.scene_objects.objects()} == {RED, GREEN, YELLOW}


def test_eval_scores_it(tmp_path: Path):
    run_here("ns-eval", "--load-config", CONFIG, "--output-path", tmp_path / "eval.json")
    assert json.loads((tmp_path / "eval.json").read_text())["results"]["psnr"] > 10


def test_export_writes_its_gaussians(tmp_path: Path):
    run_here("ns-export", "gaussian-splat", "--load-config", CONFIG, "--output-dir", tmp_path)
    assert PlyData.read(tmp_path / "splat.ply")["vertex"].count > 1000


def test_the_viewer_shows_it():
    code, printed = run_warm(
        "ns-viewer", "--load-config", CONFIG, "--viewer.websocket-port", str(free_port()), program=LOOK
    )
    assert code == 0, printed


def test_its_objects_are_exported(tmp_path: Path):
    with pytest.raises(SystemExit) as ended:
        run_here("scorp", "export", "--load-config", CONFIG, "--output-dir", tmp_path, "--formats", "splat", "glb",
                 "--texture-size", "64", "--target-faces", "500")  # fmt: skip
    assert ended.value.code == 0
    objects = {one["name"]: one for one in json.loads((tmp_path / "manifest.json").read_text())["objects"]}
    assert {name: one["gaussians"] for name, one in objects.items()} == {RED: 183 + 223, GREEN: 227, YELLOW: 218}
    assert objects[RED]["mesh"] is not None and (tmp_path / "objects" / RED / "mesh.glb").is_file()
    assert "fits best" in objects[GREEN]["no_mesh"] and "exit code 1" in objects[YELLOW]["no_mesh"]


def test_it_trains_on():
    # In a process of its own: this one's writers would look for the relative folder in those of other tests.
    options = (*OPTIONS, "--max-num-iterations", "63", "--timestamp", "now", "--load-dir", RUN / "nerfstudio_models")
    code, printed = run_warm("ns-train", *options)
    assert code == 0, printed
    folder = RUN.with_name("now")
    (checkpoint,) = (folder / "nerfstudio_models").iterdir()
    assert torch.load(checkpoint, weights_only=True)["step"] == 62
    before, now = (json.loads((one / "report.json").read_text()) for one in (RUN, folder))
    assert rounded(now["objects"]) == rounded(before["objects"])


def rounded(value: Any) -> Any:
    """The value with its numbers to nine digits: other machines multiply matrices in another order."""
    if isinstance(value, dict):
        return {key: rounded(one) for key, one in value.items()}
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return round(value, 9) + 0.0 if isinstance(value, float) else value
