"""People see in the viewer of a training run how proxies come along, and may stop a generator that takes too long."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import free_port, needs_browser, open_panel, page_of, wait_for
from captures import BALL_NAMES, write_capture, write_object_masks
from tools import start, train_arguments


@pytest.mark.slow
@needs_browser
def test_a_button_in_the_viewer_stops_a_generator_and_the_run_goes_on(tmp_path: Path):
    capture = write_object_masks(write_capture(tmp_path / "capture"))
    port = free_port()
    options = (
        *("--max-num-iterations", "60", "--pipeline.model.schedule.propose-at", "0.8"),
        *("--pipeline.model.generator.name", "command"),
        *("--pipeline.model.generator.command.template", "tail -f {job}/job.json"),
        *("--vis", "viewer", "--viewer.quit-on-train-completion", "True", "--viewer.websocket-port", str(port)),
    )
    training = start("ns-train", *train_arguments(capture, tmp_path, *options))
    try:
        wait_for(f"http://127.0.0.1:{port}", training)
        with page_of(f"http://127.0.0.1:{port}") as page:
            open_panel(page)
            for number in range(len(BALL_NAMES)):
                page.get_by_role("button", name="Cancel").click(timeout=120_000)
                page.get_by_text("was cancelled.").nth(number).wait_for(timeout=20_000)
        output, _ = training.communicate(timeout=60)
    finally:
        training.kill()
    assert training.returncode == 0, output
    assert output.count("no proxy") >= len(BALL_NAMES)
