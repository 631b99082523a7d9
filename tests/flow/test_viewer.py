"""`ns-viewer` serves a run on a CPU, a browser shows it, and a click in it makes an object."""

from __future__ import annotations

import io
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from ball_scenes import balls_on_floor
from browser import free_port, needs_browser, open_folder, open_panel, page_of, wait_for
from captures import write_capture
from PIL import Image
from tools import run, run_folder, start, train_arguments

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.transform import transform_gaussians

BALL_RADIUS = 0.35
NAME = "große Kugel"


@contextmanager
def viewer_of(folder: Path) -> Iterator[str]:
    """Where a viewer of a run answers."""
    port = free_port()
    viewer = start("ns-viewer", "--load-config", folder / "config.yml", "--viewer.websocket-port", str(port))
    try:
        wait_for(f"http://127.0.0.1:{port}", viewer)
        yield f"http://127.0.0.1:{port}"
    finally:
        viewer.kill()


@pytest.fixture(scope="module")
def address(tiny_run: Path) -> Iterator[str]:
    """Where a viewer of the tiny run answers."""
    with viewer_of(tiny_run) as address:
        yield address


def test_the_viewer_serves_its_page(address: str):
    with urllib.request.urlopen(address, timeout=10) as page:
        assert b"<html" in page.read().lower()


@pytest.mark.slow
@needs_browser
def test_a_browser_shows_the_scene(address: str):
    with page_of(address) as page:
        page.wait_for_timeout(8000)
        shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    # The left half shows the scene: many colours, where an empty viewer shows one.
    assert len(np.unique(shot[100:, :450].reshape(-1, 3) // 16, axis=0)) > 30


@pytest.fixture
def run_of_a_ball(tmp_path: Path) -> Path:
    """A run without masks whose checkpoint holds a perfect ball on a floor, as nobody can train in seconds."""
    capture = write_capture(tmp_path / "capture")
    code, output = run("ns-train", *train_arguments(capture, tmp_path, "--max-num-iterations", "2"))
    assert code == 0, output
    folder = run_folder(tmp_path)
    (path,) = (folder / "nerfstudio_models").iterdir()
    state = torch.load(path, weights_only=True)
    saved = json.loads((folder / "dataparser_transforms.json").read_text())
    to_world = Similarity.from_matrix(torch.tensor(saved["transform"]), saved["scale"])
    ball = transform_gaussians(balls_on_floor(np.array([[0, 0, BALL_RADIUS]]), np.array([BALL_RADIUS]))[0], to_world)
    parameters = {
        "means": ball.means,
        "quats": ball.quats,
        "scales": ball.scales.log(),
        "opacities": ball.opacities.logit()[:, None],
        "features_dc": ball.harmonics[:, 0],
        "features_rest": torch.zeros(len(ball), 3, 3),
    }
    for name, value in parameters.items():
        state["pipeline"][f"_model.gauss_params.{name}"] = value.clone()
    torch.save(state, path)
    return folder


@pytest.mark.slow
@needs_browser
def test_a_click_in_the_browser_makes_an_object_that_is_there_next_time(run_of_a_ball: Path):
    with viewer_of(run_of_a_ball) as address, page_of(address) as page:
        open_panel(page)
        page.get_by_text("No objects yet.").wait_for()
        open_folder(page, "Pick")
        page.get_by_role("button", name="Pick by click").click()
        page.get_by_text("Give the object a name first.").first.wait_for()
        entry = page.locator("xpath=//label[text()='New object']/ancestor::div[contains(@class, 'Flex-root')][1]")
        entry.get_by_role("textbox").fill(NAME)
        page.get_by_role("button", name="Pick by click").click()
        page.get_by_role("button", name="Stop picking").wait_for()
        page.wait_for_timeout(5000)
        # A page that nobody looks at draws when it is photographed, and listens to the scene from its next drawing on.
        page.screenshot()
        column, row = middle_of_the_ball(page)
        page.mouse.move(column, row)
        page.wait_for_timeout(1000)
        page.mouse.click(column, row, delay=300)
        page.get_by_text(f"'{NAME}' is an object now").first.wait_for(timeout=180_000)
        page.get_by_role("button", name="Save").click()
        page.get_by_text("1 object saved").first.wait_for(timeout=30_000)
    found = json.loads((run_of_a_ball / "scorp" / NAME / "object.json").read_text())
    np.testing.assert_allclose(found["box"]["size"], 2 * BALL_RADIUS, rtol=0.2)
    np.testing.assert_allclose(found["box"]["center"], [0, 0, BALL_RADIUS], atol=0.3 * BALL_RADIUS)
    assert {path.suffix for path in (run_of_a_ball / "nerfstudio_models").iterdir()} == {".ckpt"}
    with viewer_of(run_of_a_ball) as address, page_of(address) as page:
        open_panel(page)
        page.get_by_text(f"{NAME}: {found['gaussians']} Gaussians").wait_for(timeout=60_000)


def middle_of_the_ball(page: Any) -> tuple[int, int]:
    """Where the page shows most green: the ball's colour in the scene, and nothing else's."""
    shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)[:, :560]
    rows, columns = np.nonzero(shot[..., 1] > shot[..., [0, 2]].max(axis=2) + 40)
    assert len(rows) > 200, "the ball is nowhere to be seen"
    return int(np.median(columns)), int(np.median(rows))
