"""`ns-viewer` serves a run on a CPU, and a browser shows it."""

from __future__ import annotations

import io
import shutil
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tools import start


@pytest.fixture(scope="module")
def address(tiny_run: Path) -> Iterator[str]:
    """Where a viewer of the tiny run answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    viewer = start("ns-viewer", "--load-config", tiny_run / "config.yml", "--viewer.websocket-port", str(port))
    try:
        wait_for(f"http://127.0.0.1:{port}", viewer)
        yield f"http://127.0.0.1:{port}"
    finally:
        viewer.kill()


def wait_for(address: str, viewer, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert viewer.poll() is None, viewer.communicate()[0]
        try:
            urllib.request.urlopen(address, timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"nothing answered at {address}")


def test_the_viewer_serves_its_page(address: str):
    with urllib.request.urlopen(address, timeout=10) as page:
        assert b"<html" in page.read().lower()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium on the PATH")
def test_a_browser_shows_the_scene(address: str):
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        page = browser.new_page(viewport={"width": 900, "height": 600})
        page.goto(address)
        page.get_by_text("Connected").wait_for(timeout=60_000)
        page.wait_for_timeout(8000)
        shot = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
        browser.close()
    # The left half shows the scene: many colours, where an empty viewer shows one.
    assert len(np.unique(shot[100:, :450].reshape(-1, 3) // 16, axis=0)) > 30
