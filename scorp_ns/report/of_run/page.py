"""The report of a run as one HTML file that opens from disk and loads nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import PurePath
from typing import Any

from scorp_ns.report.kit.page import facts_html, links_html, page, section, tables_html, tile_html
from scorp_ns.report.kit.tables import Cell, Table, memory_text, shown, time_text
from scorp_ns.report.of_run.object_card import object_card
from scorp_ns.report.of_run.outcome import TITLES, tone_of
from scorp_ns.report.of_run.pictures import MOST_FULL, Row
from scorp_ns.report.of_run.schema import DONE, FAILED, STAGES

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


def run_page(report: Mapping[str, Any], pictures: Mapping[str, Sequence[Row]]) -> str:
    """The whole page; `pictures` has the rows of each object."""
    objects = report["objects"]
    sections = {
        "Warnings": _warnings(report),
        "Objects": _objects(report, pictures) if objects else ADDING,
        "Times and memory": tables_html([_times(report)]),
        "Settings": tables_html([_settings(report)]) if report.get("settings") else "",
        "Versions and machine": facts_html(
            {name: str(value) for name, value in {**report.get("versions", {}), **report.get("machine", {})}.items()}
        ),
    }
    body = "".join(section(title, content) for title, content in sections.items())
    title = report.get("experiment") or PurePath(report["capture"]).name
    links = links_html([name for name, content in sections.items() if content])
    head = f"<header><h1>{escape(title)}</h1>{facts_html(dict(_facts(report)))}<nav>{links}</nav></header>"
    return page(f"{title}: report of the run", f"{head}\n{_tiles(report)}{body}")


def _facts(report: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "capture", report["capture"]
    yield "method", report["method"]
    stopped = f"interrupted at {report['interrupted_at']} of " if "interrupted_at" in report else ""
    yield "iterations", f"{stopped}{report['iterations']}"
    scene, masks = report["scene"], report.get("masks", {})
    yield "photographs", f"{scene['training_views']} for training, {scene['evaluation_views']} held out"
    if masks:
        yield "masks", masks["source"]
    yield "scorp", report["scorp"]
    yield "written", report["date"]


def _tiles(report: Mapping[str, Any]) -> str:
    entries, stages = report["objects"].values(), report["stages"].values()
    composed = sum(entry["compose"]["state"] == DONE for entry in entries)
    failed = sum(tone_of(entry) == "worse" for entry in entries)
    scene = report["scene"]
    tiles = [
        tile_html("objects", str(len(entries)) if entries else "none", "from masks, boxes and clicks"),
        tile_html("completed", f"{composed}", f"{failed} failed on the way" if failed else "none failed"),
        tile_html("Gaussians", shown(scene["gaussians"], 0), f"{shown(scene['gaussians_before'], 0)} before composing"),
        tile_html("time", time_text(sum(cost["seconds"] for cost in stages)), "all stages together"),
        tile_html("memory", memory_text(max((cost["peak_mb"] for cost in stages), default=None)), "at the most"),
    ]
    return f'<div class="tiles">{"".join(tiles)}</div>'


def _objects(report: Mapping[str, Any], pictures: Mapping[str, Sequence[Row]]) -> str:
    objects = report["objects"]
    is_lazy = len(objects) > MOST_FULL
    cards = "".join(
        object_card(number, name, entry, pictures.get(name, ()), is_lazy)
        for number, (name, entry) in enumerate(objects.items())
    )
    return tables_html([_overview(objects)]) + cards


def _overview(objects: Mapping[str, Mapping[str, Any]]) -> Table:
    """All objects on one screen, each with its way through the stages."""
    rows = [
        [
            Cell(name, link=f"#object-{number}"),
            *(Cell(MARKS.get(entry[stage]["state"], "–"), tone=_mark_tone(entry[stage]["state"])) for stage in STAGES),
            Cell(shown(entry["lift"].get("mask_iou"), 2)),
            Cell(shown(entry["place"].get("confidence", {}).get("explained"), 2)),
            Cell(time_text(sum(entry[stage].get("seconds", 0.0) for stage in STAGES))),
        ]
        for number, (name, entry) in enumerate(objects.items())
    ]
    columns = ["object", *TITLES.values(), "fits its masks", "proxy explains", "time"]
    note = "✓ done, ✗ failed, – not reached. A name leads to the object."
    return Table("", note, columns, rows, num_heads=1)


def _mark_tone(state: str) -> str:
    return {DONE: "better", FAILED: "worse"}.get(state, "")


def _warnings(report: Mapping[str, Any]) -> str:
    items = "".join(f"<li>{escape(text)}</li>" for text in report.get("warnings", ()))
    return f"<ul>{items}</ul>" if items else ""


def _times(report: Mapping[str, Any]) -> Table:
    stages = report["stages"]
    longest = max((cost["seconds"] for cost in stages.values()), default=0.0)
    rows = [
        [
            Cell(stage),
            Cell(time_text(cost["seconds"]), share=cost["seconds"] / longest if longest else None),
            Cell(memory_text(cost["peak_mb"])),
            Cell(memory_text(cost.get("peak_gpu_mb"))),
        ]
        for stage, cost in stages.items()
    ]
    note = "Time of each stage, over all parts of a resumed run, and the most memory in use."
    return Table("", note, ["stage", "time", "peak memory", "of the GPU"], rows, num_heads=1)


def _settings(report: Mapping[str, Any]) -> Table:
    """The options as `ns-train` takes them."""
    rows = [[Cell(f"--{name}"), Cell(str(value))] for name, value in report["settings"].items()]
    note = "Options that decide what objects become; config.yml beside this page has all."
    return Table("", note, ["option", "value"], rows, num_heads=1)
