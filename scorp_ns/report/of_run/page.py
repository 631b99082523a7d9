"""The report of a run as one HTML file that opens from disk and loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import PurePath

from scorp_ns.report.kit.page import facts_html, links_html, page, section, tables_html, tile_html
from scorp_ns.report.kit.tables import Cell, Table, memory_text, shown, time_text
from scorp_ns.report.of_run.facts import BUILT_IN, DONE, FAILED, ObjectEntry, RunReport, StageText
from scorp_ns.report.of_run.object_card import object_card
from scorp_ns.report.of_run.outcome import is_composed, tone_of
from scorp_ns.report.of_run.pictures import MOST_FULL, Row

ADDING = """<p>This run trained the scene alone: it found nothing that says where objects are. To complete objects, put
a mask per photograph beside the capture, white where the object is,</p>
<pre>object_masks/&lt;object name&gt;/&lt;image name&gt;.png</pre>
<p>or a box into its <code>objects.json</code>,</p>
<pre>[{"name": "mug", "box": {"center": [0.1, 0.2, 0.05], "size": [0.1, 0.1, 0.1]}}]</pre>
<p>and train again. Or open the run with <code>ns-viewer</code>, press <em>Pick by click</em> in the folder
<em>Pick</em> of the tab <em>scorp</em>, and click on the middle of the object. Masks in other layouts are read as well,
and <code>--pipeline.datamanager.masks-path</code> says where they are if not in the capture.</p>"""
"""What a run without objects says of how to have some."""

MARKS = {DONE: "✓", FAILED: "✗"}
"""How stages are marked in the table; others are not known."""


def run_page(report: RunReport, pictures: Mapping[str, Sequence[Row]], stages: Sequence[StageText] = BUILT_IN) -> str:
    """The whole page; `pictures` has the rows of each object."""
    sections = {
        "Warnings": _warnings(report),
        "Objects": _objects(report, pictures, stages) if report.objects else ADDING,
        "Times and memory": tables_html([_times(report)]),
        "Settings": tables_html([_settings(report)]) if report.settings else "",
        "Versions and machine": facts_html(
            {name: str(value) for name, value in {**(report.versions or {}), **(report.machine or {})}.items()}
        ),
    }
    body = "".join(section(title, content) for title, content in sections.items())
    title = report.experiment or PurePath(report.capture).name
    links = links_html([name for name, content in sections.items() if content])
    head = f"<header><h1>{escape(title)}</h1>{facts_html(dict(_facts(report)))}<nav>{links}</nav></header>"
    return page(f"{title}: report of the run", f"{head}\n{_tiles(report, stages)}{body}")


def _facts(report: RunReport) -> Iterator[tuple[str, str]]:
    yield "capture", report.capture
    yield "method", report.method
    stopped = "" if report.interrupted_at is None else f"interrupted at {report.interrupted_at} of "
    yield "iterations", f"{stopped}{report.iterations}"
    yield "photographs", f"{report.scene.training_views} for training, {report.scene.evaluation_views} held out"
    if report.masks is not None:
        yield "masks", report.masks.source
    yield "scorp", report.scorp
    yield "written", report.date


def _tiles(report: RunReport, stages: Sequence[StageText]) -> str:
    entries, scene = report.objects.values(), report.scene
    seconds = sum(cost.seconds or 0.0 for cost in report.stages.values())
    peak = max((cost.peak_mb or 0.0 for cost in report.stages.values()), default=None)
    composed = sum(is_composed(entry, stages) for entry in entries)
    failed = sum(tone_of(entry, stages) == "worse" for entry in entries)
    tiles = [
        tile_html("objects", str(len(entries)) if entries else "none", "from masks, boxes and clicks"),
        tile_html("completed", f"{composed}", f"{failed} failed on the way" if failed else "none failed"),
        tile_html("Gaussians", shown(scene.gaussians, 0), f"{shown(scene.gaussians_before, 0)} before composing"),
        tile_html("time", time_text(seconds), "all stages together"),
        tile_html("memory", memory_text(peak), "at the most"),
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _objects(report: RunReport, pictures: Mapping[str, Sequence[Row]], stages: Sequence[StageText]) -> str:
    objects = report.objects
    is_lazy = len(objects) > MOST_FULL
    cards = "".join(
        object_card(number, name, entry, pictures.get(name, ()), stages, is_lazy)
        for number, (name, entry) in enumerate(objects.items())
    )
    return tables_html([_overview(objects, stages)]) + cards


def _overview(objects: Mapping[str, ObjectEntry], stages: Sequence[StageText]) -> Table:
    """All objects on one screen, each with its way through the stages."""
    rows, figures = [], {}
    for number, (name, entry) in enumerate(objects.items()):
        facts = [entry.of(stage) for stage in stages]
        figures = {name: text for one in facts for name, text in one.overview().items()}
        rows.append(
            [
                Cell(name, link=f"#object-{number}"),
                *(Cell(MARKS.get(one.state, "–"), tone=_mark_tone(one.state)) for one in facts),
                *map(Cell, figures.values()),
                Cell(time_text(sum(one.seconds or 0.0 for one in facts))),
            ]
        )
    columns = ["object", *(stage.title for stage in stages), *figures, "time"]
    note = "✓ done, ✗ failed, – not reached. A name leads to the object."
    return Table("", note, columns, rows, num_heads=1)


def _mark_tone(state: str) -> str:
    return {DONE: "better", FAILED: "worse"}.get(state, "")


def _warnings(report: RunReport) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in report.warnings or ())
    return f"<ul>{items}</ul>" if items else ""


def _times(report: RunReport) -> Table:
    stages = report.stages
    longest = max((cost.seconds or 0.0 for cost in stages.values()), default=0.0)
    rows = [
        [
            Cell(stage),
            Cell(time_text(cost.seconds), share=(cost.seconds or 0.0) / longest if longest else None),
            Cell(memory_text(cost.peak_mb)),
            Cell(memory_text(cost.peak_gpu_mb)),
        ]
        for stage, cost in stages.items()
    ]
    note = "Time of each stage, over all parts of a resumed run, and the most memory in use."
    return Table("", note, ["stage", "time", "peak memory", "of the GPU"], rows, num_heads=1)


def _settings(report: RunReport) -> Table:
    """The options as `ns-train` takes them."""
    rows = [[Cell(f"--{name}"), Cell(str(value))] for name, value in (report.settings or {}).items()]
    note = "Options that decide what objects become; config.yml beside this page has all."
    return Table("", note, ["option", "value"], rows, num_heads=1)
