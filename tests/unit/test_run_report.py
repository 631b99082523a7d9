"""The report of a run: cameras that show what they promise, outlines that tell right from wrong, and an honest page."""

from __future__ import annotations

import base64
import copy
import hashlib
import math
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import torch
from PIL import Image

from scorp_ns.errors import ScorpError
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import CapturedView
from scorp_ns.report.kit.facts import checked, plain_json
from scorp_ns.report.of_run.facts import (
    RunReport,
    StageFacts,
    StageText,
    Told,
    check_run_report,
    run_schema_rows,
)
from scorp_ns.report.of_run.outcome import outcome_of
from scorp_ns.report.of_run.outlines import overlay
from scorp_ns.report.of_run.page import run_page
from scorp_ns.report.of_run.pictures import MOST_FULL, Picture, Row, Scenes, Subject, album_for, picture_object
from scorp_ns.report.of_run.shots import LEAST_WINDOW, Window, orbit_around, project, shoot, window_around
from scorp_ns.run.stage import stage_texts

STAGES = stage_texts()

HOSTILE = '</h3><script>document.title="run"</script><img src=x onerror="run()"> & \ud800'
REASON = "The server at <http://localhost> said 'no' & closed."
WIDTH, HEIGHT = 120, 90
VOID = {"meta", "link", "img", "br"}


def ball(center: tuple[float, float, float] = (0.0, 0.0, 0.0), radius: float = 0.5) -> Gaussians:
    """An opaque red ball of many small Gaussians."""
    directions = torch.nn.functional.normalize(torch.randn(8000, 3, generator=torch.manual_seed(0)), dim=1)
    count = len(directions)
    harmonics = torch.zeros(count, 1, 3)
    harmonics[:, 0, 0] = 1.7
    return Gaussians(
        means=torch.tensor(center) + radius * directions,
        quats=torch.tensor([1.0, 0.0, 0.0, 0.0]).expand(count, 4),
        scales=torch.full((count, 3), 0.015 * radius),
        opacities=torch.ones(count),
        harmonics=harmonics,
    )


def view_from(azimuth: float, name: str = "a.png", distance: float = 4.0) -> CapturedView:
    """A photograph of the origin, z up, from 20 degrees above; the ball is labelled 1."""
    back = torch.tensor([math.cos(azimuth), math.sin(azimuth), math.tan(math.radians(20))], dtype=torch.float64)
    back = back / back.norm()
    right = torch.nn.functional.normalize(torch.linalg.cross(torch.tensor([0.0, 0, 1]).double(), back), dim=0)
    viewmat = torch.eye(4, dtype=torch.float64)
    viewmat[:3, :3] = torch.stack([right, -torch.linalg.cross(back, right), -back])
    viewmat[2, 3] = distance
    K = torch.tensor([[150.0, 0, WIDTH / 2], [0, 150.0, HEIGHT / 2], [0, 0, 1]])
    rows, columns = torch.meshgrid(torch.arange(HEIGHT) + 0.5, torch.arange(WIDTH) + 0.5, indexing="ij")
    radius = 150 * 0.5 / math.sqrt(distance**2 - 0.5**2)
    labels = ((columns - WIDTH / 2) ** 2 + (rows - HEIGHT / 2) ** 2 < radius**2).to(torch.int16)
    photograph = torch.full((HEIGHT, WIDTH, 3), 90, dtype=torch.uint8)
    return CapturedView(name, photograph, labels, viewmat.float(), K)


def arc(number: int = 5, width: float = math.pi / 2) -> list[CapturedView]:
    return [view_from(width * index / (number - 1), f"images/{index}.png") for index in range(number)]


UP = torch.tensor([0.0, 0.0, 1.0])


def test_an_orbit_goes_to_the_middle_of_the_widest_gap_between_photographs():
    orbit = orbit_around(torch.zeros(3), 1.0, UP, arc())
    middle, half = orbit.unseen()
    assert math.degrees(half) == pytest.approx(135, abs=0.01)
    eye = orbit.shot(middle, 64, 0.5).camera.center
    assert math.degrees(math.atan2(float(eye[1]), float(eye[0]))) % 360 == pytest.approx(225, abs=0.01)
    assert float(eye.norm()) == pytest.approx(4.0, abs=1e-4)
    assert float(eye[2]) > 0, "as high as the photographs"


def test_an_orbit_shows_the_object_in_the_middle_and_as_large_as_asked():
    orbit = orbit_around(torch.zeros(3), 1.0, UP, arc())
    _, opacity = shoot(ball(), orbit.shot(1.0, 200, 0.6), antialiased=False)
    rows, columns = np.nonzero(opacity > 0.5)
    assert rows.mean() == pytest.approx(100, abs=2) and columns.mean() == pytest.approx(100, abs=2)
    assert np.ptp(columns) == pytest.approx(120, rel=0.08)


def test_an_orbit_looks_past_what_stands_far_before_the_object():
    orbit = orbit_around(torch.zeros(3), 1.0, UP, arc())
    middle, _ = orbit.unseen()
    shot = orbit.shot(middle, 64, 0.5)
    eye = shot.camera.center
    wall = ball(tuple((0.6 * eye).tolist()), 0.5)
    assert shoot(wall, shot, antialiased=False)[1].max() == 0


@pytest.mark.parametrize("views", [arc(1 + 1, 0.0), [view_from(0.3)]])
def test_one_direction_is_seen_from_the_opposite(views: list[CapturedView]):
    middle, half = orbit_around(torch.zeros(3), 1.0, UP, views).unseen()
    assert math.degrees(half) == pytest.approx(180, abs=0.01) and math.isfinite(middle)


def test_a_camera_straight_above_has_an_orbit():
    view = view_from(0.0)
    viewmat = torch.diag(torch.tensor([1.0, -1.0, -1.0, 1.0]))
    viewmat[2, 3] = 4.0
    straight = CapturedView(view.name, view.photograph, None, viewmat, view.K)
    shot = orbit_around(torch.zeros(3), 1.0, UP, [straight]).shot(0.0, 32, 0.5)
    assert bool(shot.camera.viewmat.isfinite().all())


def test_a_window_holds_what_it_is_around_and_nothing_far_away():
    view = view_from(0.0)
    pixels = project(ball().means, view)
    window = window_around([pixels], view)
    assert window is not None and window.side >= LEAST_WINDOW
    assert (pixels >= [window.left, window.top]).all() and (pixels < [window.left + window.side] * 2).all()
    huge = window_around([pixels, np.array([[50.0, 50.0], [1e9, -1e9]])], view)
    assert huge is not None and huge.side < 5 * WIDTH
    assert window_around([np.array([[-500.0, 20.0]])], view) is None


def test_an_outline_tells_a_good_place_from_a_bad_one():
    view = view_from(0.4)
    window = Window(20, 5, 80)
    picture, good = overlay(ball(), 1, view, window, 160)
    assert good.iou is not None and good.iou > 0.9 and picture.size == (160, 160)
    assert (np.asarray(picture) == np.asarray(picture)[0, 0]).mean() < 0.99, "something is drawn"
    _, bad = overlay(ball((0.0, 0.0, 0.4)), 1, view, window, 160)
    assert bad.iou is not None and bad.iou < 0.6
    _, unknown = overlay(ball(), 7, view, window, 160)
    assert unknown.iou is None


def subject(is_composed: bool, proxy: Gaussians | None, shares: dict[str, float]) -> Subject:
    own = ball()
    return Subject(
        label=1, center=torch.zeros(3), diagonal=1.7, own=own, shown=ball(radius=0.45) if is_composed else own,
        proxy=proxy, is_believed=is_composed, proxy_alone=proxy, visible_shares=shares, crops=(),
    )  # fmt: skip


def test_an_object_is_shown_from_different_sides_with_its_outline_and_before_and_after():
    views = arc(9)
    scenes = Scenes(ball(), ball(radius=0.45), views, UP, antialiased=False)
    shares = {view.name: 0.5 for view in views} | {views[4].name: 0.6}
    rows, overlays = picture_object(subject(True, ball(), shares), scenes, album_for(2))
    assert [each.photograph for each in overlays] == [views[4].name, views[0].name, views[8].name]
    kinds = [picture.name for row in rows for picture in row.pictures]
    assert kinds.count("outline") == 3 and kinds.count("turn") == 8
    assert kinds.count("before") == kinds.count("after") == 3 + 2 + 2
    assert any("135 degrees" in row.title for row in rows)


def test_what_is_not_composed_has_no_before_and_a_refused_place_is_said():
    views = arc()
    scenes = Scenes(ball(), ball(), views, UP, antialiased=False)
    rows, overlays = picture_object(subject(False, ball(), {views[0].name: 1.0}), scenes, album_for(100))
    captions = [picture.caption for row in rows for picture in row.pictures]
    assert captions[0].startswith("0.png, outlines, refused, IoU 0.9") and len(overlays) == 1
    assert not any("before" in caption or "after" in caption for caption in captions)


def test_an_object_that_no_photograph_shows_has_pictures_all_the_same():
    scenes = Scenes(ball(), ball(), arc(), UP, antialiased=False)
    rows, overlays = picture_object(subject(False, None, {}), scenes, album_for(1))
    assert rows and not overlays


def entry(**changed: dict[str, Any]) -> dict[str, Any]:
    stages: dict[str, Any] = {
        "masks": {"state": "done", "origin": "masks", "frames": 12, "missing": 0, "cut": 1, "mean_area": 0.05},
        "lift": {
            **{"state": "done", "gaussians": 1234, "mean_visibility": 0.4, "mask_iou": 0.97, "has_support": True},
            "photographs": ["a.png"],
        },
        "propose": {
            **{"state": "done", "made_by": "symmetry", "gaussians": 5000, "evidence": {"hypothesis": "mirror plane"}},
            **{"notes": ["A hole was closed."], "license": "CC0", "seconds": 12.5},
        },
        "place": {"state": "done", "by": "search", "confidence": {"explained": 0.96, "margin": 0.3}},
        "tune": {
            "state": "done",
            "evidence": {"error_generated": 0.06, "error_tuned": 0.02},
            "color_map": [[1.0, 0, 0, 0]] * 3,
        },
        "compose": {
            **{"state": "done", "kept": 1000, "dropped": 234, "filled": 3000},
            "evidence": {"seen": 0.5, "denied": 0.02},
        },
    }
    stages |= changed
    facts = {stage.name: checked(stages[stage.name], stage.facts, stage.name) for stage in STAGES}
    return {"reached": "compose", "outcome": outcome_of(facts, STAGES), **stages}


def report(**objects: dict[str, Any]) -> dict[str, Any]:
    return {
        "format": 1, "scorp": "0.1.0", "date": "2026-11-21T12:00:00+00:00", "capture": f"captures/{HOSTILE}",
        "experiment": HOSTILE, "method": "scorp-quick", "iterations": 2000,
        "scene": {"gaussians": 10, "gaussians_before": 8, "training_views": 12, "evaluation_views": 2},
        "objects": objects, "stages": {"scene": {"seconds": 60.0, "peak_mb": 900.0}}, "warnings": [HOSTILE],
        "settings": {"pipeline.model.compose.mode": "blend", HOSTILE: HOSTILE}, "versions": {"scorp": "0.1.0"},
        "machine": {"cores": 2},
    }  # fmt: skip


def report_of(**objects: dict[str, Any]) -> RunReport:
    return check_run_report(report(**objects), STAGES)


class Nesting(HTMLParser):
    """Checks that every element that is opened is closed in its turn, and gathers what is there."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.ids: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(page: str) -> Nesting:
    parser = Nesting()
    parser.feed(page)
    parser.close()
    assert not parser.open and len(set(parser.ids)) == len(parser.ids)
    return parser


def test_a_page_shows_every_object_with_its_reasons_word_for_word_whatever_its_name():
    failed = {"state": "failed", "reason": REASON}
    skipped = {"state": "skipped", "reason": "An earlier stage has nothing to go on with."}
    objects = {HOSTILE: entry(), "mug": entry(propose=failed, place=skipped, compose=skipped)}
    row = Row("Pictures", HOSTILE, HOSTILE, (Picture("turn", HOSTILE, Image.new("RGB", (8, 8))),))
    page = parsed(run_page(report_of(**objects), {HOSTILE: [row]}, STAGES))
    assert page.seen.count("article") == 2 and page.seen.count("script") == 1
    assert REASON in page.text and page.text.count(HOSTILE) >= 3
    assert "CC0" in page.text and "A hole was closed." in page.text and "96.0%" in page.text


def test_a_page_runs_its_own_script_and_no_other():
    page = run_page(report_of(), {}, STAGES)
    script = page[page.index("<script>") + len("<script>") : page.index("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


@dataclass(frozen=True, kw_only=True)
class WashFacts(StageFacts):
    """The facts of a stage that a plug-in adds."""

    spots: Annotated[int | None, "spots that were washed off", Told("spots")] = None
    is_clean: Annotated[bool | None, "whether it is clean"] = None


def test_a_stage_that_a_plug_in_adds_is_told_like_all_others():
    wash = StageText("wash", "washed", "It stays as dirty as it was.", WashFacts)
    stages = (*STAGES[:4], wash, *STAGES[4:])
    assert ("objects.<object>.wash.spots", "whole", "spots that were washed off") in run_schema_rows(stages)
    done, failed = plain_json(WashFacts(state="done", spots=7)), {"state": "failed", "reason": REASON}
    document = report(mug=entry() | {"wash": done}, cup=entry() | {"wash": failed})
    page = parsed(run_page(check_run_report(document, stages), {}, stages))
    assert "spots7" in page.text and f"washed: {REASON}" in page.text
    facts = {stage.name: stage.facts(state="done" if stage.name == "lift" else "skipped") for stage in stages}
    assert outcome_of(facts | {"wash": WashFacts(state="failed")}, stages) == wash.on_failure
    with pytest.raises(ScorpError, match=r"cup\.wash\.spots is a string"):
        check_run_report(report(cup=entry() | {"wash": done | {"spots": "many"}}), stages)
    with pytest.raises(ScorpError, match="wash is unknown"):
        check_run_report(document, STAGES)


@dataclass(frozen=True, kw_only=True)
class WeighFacts(StageFacts):
    """Facts without a meaning."""

    weight: complex | None = None


def test_facts_that_cannot_be_told_of_are_refused_at_once():
    with pytest.raises(ScorpError, match=r"weigh\.weight.*annotated with what they mean"):
        StageText("weigh", "weighed", "It has no weight.", WeighFacts)


def test_the_decision_of_a_person_is_said():
    page = parsed(run_page(report_of(mug=entry() | {"decision": "rejected"}), {}, STAGES))
    assert "rejected its proxy" in page.text


def test_a_run_without_objects_says_how_to_have_some():
    page = parsed(run_page(report_of(), {}, STAGES))
    assert "object_masks/<object name>/<image name>.png" in page.text and "Pick by click" in page.text
    assert page.seen.count("article") == 0


def test_the_page_of_very_many_objects_can_be_opened():
    number = 300
    album = album_for(number)
    assert not album.is_full and album_for(MOST_FULL).is_full and album_for(1).size > album.size
    noise = np.random.default_rng(0).normal(128, 30, (album.size // 4, album.size // 4, 3)).clip(0, 255)
    image = Image.fromarray(noise.astype(np.uint8)).resize((album.size, album.size))
    row = Row("Pictures", "", "", tuple(Picture("outline", "outlines", image) for _ in range(5)))
    objects = {f"object {index}": entry() for index in range(number)}
    assert len(run_page(report_of(**objects), {name: [row] for name in objects}, STAGES)) < 25e6


def test_the_schema_holds_for_reports_and_refuses_others():
    good = report(mug=entry())
    check_run_report(good, STAGES)
    paths = {path for path, _, _ in run_schema_rows(STAGES)}
    assert {f"objects.<object>.{stage.name}.state" for stage in STAGES} <= paths
    broken = copy.deepcopy(good)
    broken["objects"]["mug"]["lift"]["gaussians"] = "many"
    with pytest.raises(ScorpError, match=r"report\.objects\.mug\.lift\.gaussians is a string"):
        check_run_report(broken, STAGES)
    with pytest.raises(ScorpError, match="format"):
        check_run_report(good | {"format": 2}, STAGES)


def test_the_documentation_has_every_value():
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text()
    table = [line for line in text.splitlines() if line.startswith("| `")]
    assert table == [f"| `{path}` | {kind} | {meaning} |" for path, kind, meaning in run_schema_rows(STAGES)]


@pytest.mark.parametrize(
    ("stage", "words"),
    [("masks", "left out"), ("lift", "part of the scene"), ("propose", "no proxy"), ("place", "not to be believed")],
)
def test_the_outcome_names_the_first_stage_that_failed(stage: str, words: str):
    skipped = {"state": "skipped", "reason": ""}
    names = [one.name for one in STAGES]
    later = names[names.index(stage) :]
    changed = dict.fromkeys(later, skipped) | {stage: {"state": "failed", "reason": "It broke."}}
    assert words in entry(**changed)["outcome"]
