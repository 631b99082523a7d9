"""A real browser that looks at the viewer's page."""

from __future__ import annotations

import io
import shutil
import socket
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from PIL import Image

needs_browser = pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium on the PATH")


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


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


def open_panel(page: Any) -> None:
    """Show the tab named scorp."""
    page.get_by_role("tab", name="scorp").click()


def open_folder(page: Any, label: str) -> None:
    """Unfold a folder of the panel."""
    page.get_by_text(label, exact=True).click()


def choose(page: Any, label: str, option: str) -> None:
    """Choose from a list that drops down."""
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()


def scene_of(page: Any) -> np.ndarray:
    """What the page shows of the scene, beside the panel."""
    return np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("RGB")).astype(int)[60:, :560]


@contextmanager
def page_of(address: str) -> Iterator[Any]:
    """The viewer's page in a browser, connected."""
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        page = browser.new_page(viewport={"width": 900, "height": 600})
        page.goto(address)
        page.get_by_text("Connected").wait_for(timeout=60_000)
        yield page
        browser.close()
