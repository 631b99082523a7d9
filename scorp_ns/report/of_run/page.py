"""The report of a run as one HTML file that opens from disk and loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import PurePath

from scorp_ns.report.kit.pages import render_page
from scorp_ns.report.kit.tables import NOTHING, Cell, Table, Tile, cost_table, memory_text, shown, time_text
from scorp_ns.report.of_run.facts import ACCEPTED, DONE, FAILED, REJECTED, RunReport, StageText
from scorp_ns.report.of_run.outcome import told, tone_of
from scorp_ns.report.of_run.pictures import MOST_FULL, Row

DECISIONS = {
    ACCEPTED: "A person at the viewer put its proxy where it stands.",
    REJECTED: "A person at the viewer rejected its proxy: it keeps what was lifted of it.",
}

MARKS = {DONE: ("✓", "better"), FAILED: ("✗", "worse")}
"""Marks of stages in the table, and their tones; other states are unknown."""


def run_page(report: RunReport, pictures: Mapping[str, Sequence[Row]], stages: Sequence[StageText]) -> str:
    """The whole page; `pictures` has the rows of each object."""
    versions = {**(report.versions or {}), **(report.machine or {})}
    return render_page(
        "run.html",
        report=report,
        stages=stages,
        title=report.experiment or PurePath(report.capture).name,
        facts=dict(_facts(report)),
        tiles=_tiles(report, stages),
        overview=_overview(report, stages),
        is_lazy=len(report.objects) > MOST_FULL,
        decisions=DECISIONS,
        tone_of=tone_of,
        told=told,
        remarks=lambda entry: [remark for stage in stages for remark in entry.of(stage).remarks()],
        chapters=lambda name: groupby(pictures.get(name, ()), key=lambda row: (row.chapter, row.note)),
        times=_times(report),
        settings=_settings(report),
        versions={name: str(value) for name, value in versions.items()},
    )


def _facts(report: RunReport) -> Iterator[tuple[str, str]]:
    yield from (("capture", report.capture), ("method", report.method))
    stopped = "" if report.interrupted_at is None else f"interrupted at {report.interrupted_at} of "
    yield "iterations", f"{stopped}{report.iterations}"
    yield "photographs", f"{report.scene.training_views} for training, {report.scene.evaluation_views} held out"
    if report.masks is not None:
        yield "masks", report.masks.source
    yield from (("scorp", report.scorp), ("written", report.date))


def _tiles(report: RunReport, stages: Sequence[StageText]) -> list[Tile]:
    tones = [tone_of(entry, stages) for entry in report.objects.values()]
    failed, costs, scene = tones.count("worse"), report.stages.values(), report.scene
    peak = max((cost.peak_mb or 0.0 for cost in costs), default=None)
    return [
        Tile("objects", str(len(tones) or "none"), "from masks, boxes and clicks"),
        Tile("completed", str(tones.count("better")), f"{failed} failed on the way" if failed else "none failed"),
        Tile("Gaussians", shown(scene.gaussians, 0), f"{shown(scene.gaussians_before, 0)} before composing"),
        Tile("time", time_text(sum(cost.seconds or 0.0 for cost in costs)), "all stages together"),
        Tile("memory", memory_text(peak), "at the most"),
    ]


def _overview(report: RunReport, stages: Sequence[StageText]) -> Table:
    """All objects on one screen, each with its way through the stages."""
    rows, figures = [], {}
    for number, (name, entry) in enumerate(report.objects.items()):
        facts = [entry.of(stage) for stage in stages]
        marks = [MARKS.get(one.state, (NOTHING, "")) for one in facts]
        figures = {column: text for one in facts for column, text in one.overview().items()}
        time = time_text(sum(one.seconds or 0.0 for one in facts))
        cells = [*(Cell(mark, tone=tone) for mark, tone in marks), *map(Cell, figures.values()), Cell(time)]
        rows.append([Cell(name, link=f"#object-{number}"), *cells])
    columns = ["object", *(stage.title for stage in stages), *figures, "time"]
    return Table("", "✓ done, ✗ failed, – not reached. A name leads to the object.", columns, rows, num_heads=1)


def _times(report: RunReport) -> Table:
    costs = report.stages.items()
    memory = {"peak memory": {name: cost.peak_mb for name, cost in costs}}
    memory["of the GPU"] = {name: cost.peak_gpu_mb for name, cost in costs}
    note = "Time of each stage, over all parts of a resumed run, and the most memory in use."
    return cost_table(note, {"time": {name: cost.seconds for name, cost in costs}}, memory)


def _settings(report: RunReport) -> Table:
    """The options as `ns-train` takes them."""
    rows = [[Cell(f"--{name}"), Cell(str(value))] for name, value in (report.settings or {}).items()]
    note = "Options that decide what objects become; config.yml beside this page has all."
    return Table("", note, ["option", "value"], rows, num_heads=1)
