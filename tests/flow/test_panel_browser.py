"""In a real browser, the panel shows what it is told to show, and what is corrected there is corrected in the run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from browser import choose, free_port, needs_browser, open_folder, open_panel, page_of, scene_of, wait_for
from captures import BALL_NAMES, write_capture, write_object_masks
from tools import COARSE_PROXIES, run_folder, start, train_arguments

RED, GREEN, _ = BALL_NAMES

UP_ARROW = np.array([32, 128, 255])
"""The colour of the gizmo's arrow along z."""

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The folder of a run that has composed its balls and stays open, and where its viewer answers."""
    output, port = tmp_path_factory.mktemp("open"), free_port()
    capture = write_object_masks(write_capture(output / "capture"))
    options = (
        *("--max-num-iterations", "150", "--pipeline.model.schedule.propose-at", "0.8", "--save-objects", "True"),
        *("--vis", "viewer", "--viewer.websocket-port", str(port)),
        # Nobody reads what the run prints, and a full pipe would stop it.
        *("--logging.local-writer.enable", "False"),
        *COARSE_PROXIES,
    )
    training = start("ns-train", *train_arguments(capture, output, *options))
    try:
        wait_for(f"http://127.0.0.1:{port}", training)
        yield run_folder(output), f"http://127.0.0.1:{port}"
    finally:
        training.kill()


def wait_until_complete(page: Any) -> None:
    open_panel(page)
    page.get_by_text("✓ scene: iteration 150 of 150").wait_for(timeout=300_000)
    page.wait_for_timeout(6000)


def proxies_in_checkpoint(folder: Path, newer_than: float = 0.0) -> dict[str, Any]:
    """What the checkpoint knows of proxies, once it is as new."""
    (path,) = (folder / "nerfstudio_models").iterdir()
    deadline = time.monotonic() + 60
    while path.stat().st_mtime <= newer_than:
        assert time.monotonic() < deadline, "no checkpoint was written"
        time.sleep(0.2)
    return torch.load(path, weights_only=True)["pipeline"]["_model.scene_proxies._extra_state"]


def changed_share(before: np.ndarray, after: np.ndarray) -> float:
    return float((np.abs(after - before).max(axis=-1) > 24).mean())


def tip_of_arrow(shot: np.ndarray) -> tuple[int, int]:
    """Where the page shows the tip of the gizmo's upper arrow; the square of its colour is lower down."""
    rows, columns = np.nonzero(np.abs(shot - UP_ARROW).max(axis=-1) < 40)
    assert len(rows) > 20, "the gizmo is nowhere to be seen"
    is_tip = rows < rows.min() + 40
    return int(np.median(columns[is_tip])), 60 + int(np.median(rows[is_tip]))


def test_what_is_shown_changes_the_picture_and_changes_it_back(run: tuple[Path, str]):
    with page_of(run[1]) as page:
        wait_until_complete(page)
        page.get_by_role("button", name="Hide Train Cams").click()
        page.wait_for_timeout(1000)
        before = scene_of(page)
        choose(page, "Show", "objects only")
        page.wait_for_timeout(5000)
        assert changed_share(before, scene_of(page)) > 0.3
        choose(page, "Show", "scene")
        page.wait_for_timeout(5000)
        assert changed_share(before, scene_of(page)) < 0.02


def test_a_gizmo_that_is_dragged_and_accepted_moves_the_object(run: tuple[Path, str]):
    folder, address = run
    with page_of(address) as page:
        wait_until_complete(page)
        choose(page, "Object", RED)
        choose(page, "Show", "chosen object")
        open_folder(page, "Correct")
        before, was = scene_of(page), proxies_in_checkpoint(folder)["facts"][RED]
        page.get_by_label("Move proxy").check()
        page.wait_for_timeout(4000)
        column, row = tip_of_arrow(scene_of(page))
        page.mouse.move(column, row)
        page.mouse.down()
        page.mouse.move(column, row - 60, steps=12)
        page.mouse.up()
        began = time.time()
        page.get_by_role("button", name="Accept place").click()
        page.get_by_text(f"The proxy of '{RED}' stands where you put it.").first.wait_for(timeout=60_000)
        page.get_by_text("placed by you").wait_for(timeout=20_000)
        page.wait_for_timeout(8000)
        after = scene_of(page)
    now = proxies_in_checkpoint(folder, began)["facts"][RED]
    moved = now["placement"]["pose"][1] - was["placement"]["pose"][1]
    assert now["placement"]["by"] == "person" and float(moved[2]) > 0.02 > float(moved[:2].abs().max())
    assert changed_share(before, after) > 0.005


def test_a_rejected_object_is_as_it_was_lifted_until_it_is_restored(run: tuple[Path, str]):
    folder, address = run
    with page_of(address) as page:
        wait_until_complete(page)
        choose(page, "Object", GREEN)
        open_folder(page, "Correct")
        began = time.time()
        page.get_by_role("button", name="Reject").click()
        page.get_by_text("rejected by you: as it was lifted").wait_for(timeout=60_000)
        assert proxies_in_checkpoint(folder, began)["rejected"] == [GREEN]
        page.get_by_role("button", name="Restore").click()
        page.get_by_text(f"'{GREEN}' is put together with its proxy again.").first.wait_for(timeout=60_000)
        page.get_by_text("rejected by you").wait_for(state="detached", timeout=20_000)
