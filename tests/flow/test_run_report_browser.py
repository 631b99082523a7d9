"""A browser shows the report of a run from disk, on a phone and on a desk, and runs no names of objects."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from captures import BALL_NAMES
from PIL import Image

from scorp_ns.report.of_run.facts import check_run_report
from scorp_ns.report.of_run.page import run_page
from scorp_ns.report.of_run.pictures import Picture, Row
from scorp_ns.run.stage import stage_texts

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium on the PATH"),
]

HOSTILE = '<script>document.title="run"</script><img src=x onerror=\'document.title="run"\'>' + "very" * 60
PHONE, DESK = 390, 1280


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        yield started
        started.close()


def opened(browser: Any, path: Path, width: int, scheme: str = "light") -> tuple[Any, list[str]]:
    """The page, and what goes wrong with it."""
    page, complaints = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme), []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: request.url.startswith("data:") or complaints.append(request.url))
    page.goto(path.as_uri())
    return page, complaints


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_browser_shows_every_object_of_a_run(tiny_run: Path, browser: Any, width: int, scheme: str):
    page, complaints = opened(browser, tiny_run / "report.html", width, scheme)
    pictures = page.locator("button.picture img")
    assert pictures.count() > 20 * len(BALL_NAMES)
    assert pictures.evaluate_all("all => all.every(each => each.naturalWidth > 0 && each.alt)")
    for name in BALL_NAMES:
        assert page.get_by_role("heading", name=name, exact=True).is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "only tables may scroll sideways"
    assert complaints == [(tiny_run / "report.html").as_uri()]
    page.close()


def test_names_lead_to_their_objects_and_pictures_open_large(tiny_run: Path, browser: Any):
    page, _ = opened(browser, tiny_run / "report.html", DESK)
    last = list(json.loads((tiny_run / "report.json").read_text())["objects"])[-1]
    page.get_by_role("link", name=last, exact=True).click()
    card = page.locator("article", has=page.get_by_role("heading", name=last, exact=True))
    assert abs(card.bounding_box()["y"]) < 800
    card.locator("button.picture", has=page.locator(".outline")).first.click()
    assert "outlines" in page.locator("dialog img").get_attribute("alt")
    page.keyboard.press("ArrowRight")
    assert "in the scene" in page.locator("dialog img").get_attribute("alt")
    page.close()


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_hostile_and_endless_names_are_shown_as_they_are(tiny_run: Path, browser: Any, tmp_path: Path, width: int):
    report = json.loads((tiny_run / "report.json").read_text())
    entry = report["objects"][BALL_NAMES[0]]
    entry["propose"] |= {"made_by": HOSTILE, "evidence": {HOSTILE: HOSTILE}, "notes": [HOSTILE], "license": HOSTILE}
    entry["place"] |= {"state": "failed", "reason": HOSTILE}
    report |= {"objects": {HOSTILE: entry}, "experiment": HOSTILE, "capture": HOSTILE, "warnings": [HOSTILE]}
    row = Row(HOSTILE, HOSTILE, HOSTILE, (Picture("turn", HOSTILE, Image.new("RGB", (60, 60))),))
    path = tmp_path / "report.html"
    path.write_text(run_page(check_run_report(report, stage_texts()), {HOSTILE: [row]}, stage_texts()))
    page, complaints = opened(browser, path, width)
    assert page.title() != "run" and complaints == [path.as_uri()]
    assert page.locator("article h3").inner_text() == HOSTILE
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
