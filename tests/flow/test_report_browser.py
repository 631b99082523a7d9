"""A browser shows a report from disk, without a network and without running names of objects."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scorp_ns.report.of_bench.writing import average_of, average_stages, mean_and_spread, write_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium on the PATH"),
]

HOSTILE = '<script>document.title="run"</script><img src=x onerror=\'document.title="run"\'>'
PHONE, DESK = 390, 1280
SHARES = {"missing_2_3": 2 / 3, "missing_4_5": 4 / 5, "missing_6_7": 6 / 7}


def scores(level: float, random: np.random.Generator) -> dict[str, Any]:
    noise = random.normal(0, 0.2)
    before = {"psnr": level + noise, "ssim": 0.95, "miou": 0.84 + noise / 100}
    return {"before": before, "after": before | {"psnr": level + noise + 1.2}}


def split(missing: float, pictures: list[dict[str, str]], random: np.random.Generator) -> dict[str, Any]:
    return {
        "missing": missing,
        **scores(25, random),
        **{name: scores(level, random) for name, level in (("back", 24), ("in_arc", 30), ("training", 34))},
        "objects": {name: scores(25, random) for name in (HOSTILE, "茶壶", *(f"object {i}" for i in range(50)))},
        "stages": {"scene": {"seconds": 61.2, "peak_mb": 1240}, "lift": {"seconds": 14.0, "peak_mb": 800}},
        "pictures": pictures,
    }


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a report with three shares, 52 objects and one view."""
    folder = tmp_path_factory.mktemp("report")
    random = np.random.default_rng(0)
    names = ("truth", "before", "after", "error", "error_after")
    for name in names:
        noise = random.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((800, 600)).save(folder / f"{name}.png")
    row = {"view": f"images/{HOSTILE}.jpg", "set": "back"} | {name: f"{name}.png" for name in names}
    splits = {
        name: mean_and_spread([split(missing, [row], random) for _ in range(2)]) for name, missing in SHARES.items()
    }
    report = {
        "format": 1, "scorp": "0.1.0", "date": "2026-11-21", "capture": HOSTILE, "method": "scorp", "seeds": [0, 1],
        "splits": splits, "average": average_of(splits), "stages": average_stages(splits), "absent": {HOSTILE: HOSTILE},
    }  # fmt: skip
    return write_report(report, folder)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        yield started
        started.close()


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_plots_and_pictures(page_path: Path, browser: Any, width: int, scheme: str):
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints, requests = [], []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_path.as_uri())
    pictures = page.locator("button.picture img")
    assert pictures.count() == 5 * len(SHARES)
    assert pictures.evaluate_all("all => all.every(each => each.naturalWidth > 0 && each.alt)")
    plots = page.locator("figure svg")
    assert plots.count() == 8 and all(plots.nth(index).is_visible() for index in range(8))
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "only tables may scroll sideways"
    assert page.title() != "run" and not complaints
    assert [url for url in requests if not url.startswith("data:")] == [page_path.as_uri()]
    page.close()


def test_a_picture_opens_large_and_is_swapped_in_place(page_path: Path, browser: Any):
    page = browser.new_page(viewport={"width": DESK, "height": 900})
    page.goto(page_path.as_uri())
    page.locator("button.picture").first.click()
    large = page.locator("dialog img")
    assert large.is_visible() and large.get_attribute("alt").startswith("truth")
    page.keyboard.press("ArrowRight")
    assert large.get_attribute("alt").startswith("before")
    page.get_by_role("button", name="error after", exact=True).click()
    assert large.get_attribute("alt").startswith("error after")
    page.keyboard.press("Escape")
    assert not large.is_visible()
    page.close()
