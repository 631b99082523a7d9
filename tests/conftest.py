"""Shared fixtures; array shapes in signatures are checked while the tests run."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jaxtyping import install_import_hook

if "PYTEST_XDIST_WORKER" in os.environ:
    # The workers share the cores; libraries that start a thread per core in each of them wait for one another.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# The kernels of render/cpu are compiled by numba, which cannot look through a checking wrapper.
install_import_hook(
    [
        "scorp_ns.appearance",
        "scorp_ns.cameras",
        "scorp_ns.data.capture",
        "scorp_ns.compose",
        "scorp_ns.data.dataparser",
        "scorp_ns.finished",
        "scorp_ns.evaluate",
        "scorp_ns.export",
        "scorp_ns.fields",
        "scorp_ns.gaussians",
        "scorp_ns.generate",
        "scorp_ns.lift",
        "scorp_ns.masks",
        "scorp_ns.match",
        "scorp_ns.model",
        "scorp_ns.data.label_maps",
        "scorp_ns.pose.render_score",
        "scorp_ns.pose.distance_grid",
        "scorp_ns.pose.fitting",
        "scorp_ns.pose.distinct_poses",
        "scorp_ns.pose.observation",
        "scorp_ns.pose.proxy_shape",
        "scorp_ns.pose.refinement",
        "scorp_ns.pose.rotations",
        "scorp_ns.pose.search",
        "scorp_ns.pose.shape_evidence",
        "scorp_ns.pose.shape_fit",
        "scorp_ns.pose.shape_step",
        "scorp_ns.pose.surface_depth",
        "scorp_ns.pose.acceptance",
        "scorp_ns.pose.views",
        "scorp_ns.pose.deformation",
        "scorp_ns.scene.moving_proxies",
        "scorp_ns.products",
        "scorp_ns.scene.composite",
        "scorp_ns.scene.objects",
        "scorp_ns.scene.pose_refinement",
        "scorp_ns.scene.visible_gaussians",
        "scorp_ns.host.ray_outputs",
        "scorp_ns.report",
        "scorp_ns.render.label_weights",
        "scorp_ns.render.photometric",
        "scorp_ns.render.rasterization",
        "scorp_ns.scene.proxies",
        "scorp_ns.stages",
        "scorp_ns.surfaces",
    ],
    "beartype.beartype",
)


def pytest_configure(config: pytest.Config) -> None:
    """Hide the GPU from all but the tests that ask for one: the others are about the CPU."""
    if "not gpu" in config.option.markexpr:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the long tests come first, lest one worker be left alone with them."""
    items.sort(key=lambda item: item.path.parent.name != "flow")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give one worker a whole file, and all files that use the tiny run: nothing they share is made twice."""
    from xdist.scheduler import LoadFileScheduling

    @cache
    def group(file: str) -> str:
        return "tiny_run" if "tiny_run" in (config.rootpath / file).read_text() else file

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(super()._split_scope(nodeid))

    return Scheduling(config, log)


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a short run on a tiny capture with objects, by the real `ns-train` in a process of its own."""
    from captures import write_capture, write_object_masks
    from tools import run, run_folder, train_arguments

    folder = tmp_path_factory.mktemp("tiny")
    capture = write_object_masks(write_capture(folder / "capture"))
    options = (
        *("--max-num-iterations", "300", "--save-objects", "True"),
        *("--pipeline.model.schedule.propose-at", "0.8", "--pipeline.model.schedule.compose-at", "2"),
    )
    code, output = run("ns-train", *train_arguments(capture, folder, *options))
    assert code == 0, output
    (folder / "printed.txt").write_text(output)
    return run_folder(folder)
