"""Reports of a bench: their schema, means, and what they look like as text."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from scorp_ns.errors import OutputError, ScorpError
from scorp_ns.evaluate.geometry import GeometryScores
from scorp_ns.report.of_bench.facts import check_report, schema_rows
from scorp_ns.report.of_bench.markdown import escaped, report_markdown
from scorp_ns.report.of_bench.page import report_html, write_comparison
from scorp_ns.report.of_bench.plots import Line, equal_spans, nice_steps
from scorp_ns.report.of_bench.tables import METRICS, compare, gain_cell, run_names
from scorp_ns.report.of_bench.writing import average_of, average_stages, mean_and_spread, read_report, write_report


def small_split(psnr: float = 25.0, missing: float = 0.8) -> dict[str, Any]:
    return {
        "missing": missing,
        "rule": "views as listed in splits.json",
        "views": {"training": 18, "withheld": 58},
        "before": {"psnr": psnr, "ssim": 0.95, "miou": 0.83},
        "after": {"psnr": psnr + 1.25, "ssim": 0.948, "miou": 0.83},
        "back": {"before": {"psnr": psnr - 1}},
        "objects": {"mug": {"before": {"psnr": psnr}, "lift": {"gaussians": 1990, "mask_iou": 0.97}}},
        "stages": {"scene": {"seconds": 61.2, "peak_mb": 1240}},
    }


def small_report(**splits: dict[str, Any]) -> dict[str, Any]:
    splits = splits or {"missing_4_5": small_split()}
    return {
        "format": 1, "scorp": "0.1.0", "date": "2026-11-21", "capture": "kitchen", "method": "scorp-quick",
        "iterations": 2000, "seeds": [0], "machine": {"device": "cpu", "cores": 2},
        "definitions": {"alone": "Objects on white."}, "absent": {"lpips": "no weights"},
        "splits": splits, "average": average_of(splits), "stages": average_stages(splits),
    }  # fmt: skip


def test_a_report_reads_back_as_it_was_written(tmp_path: Path):
    report = small_report()
    page = write_report(report, tmp_path / "out")
    assert page.name == "report.html" and page.is_file()
    assert read_report(tmp_path / "out" / "report.json") == report
    assert sorted(path.name for path in page.parent.iterdir()) == ["report.html", "report.json", "report.md"]


def test_numbers_that_are_not_finite_become_null(tmp_path: Path):
    report = small_report(missing_4_5=small_split() | {"before": {"psnr": np.float32(25.5), "ssim": float("nan")}})
    report["splits"]["missing_4_5"]["back"] = {"before": {"psnr": float("-inf")}}
    write_report(report, tmp_path)
    split = json.loads((tmp_path / "report.json").read_text(), parse_constant=pytest.fail)["splits"]["missing_4_5"]
    assert split["before"] == {"psnr": 25.5, "ssim": None}
    assert split["back"]["before"]["psnr"] is None


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("format",), 2, "report.format is 2"),
        (("capture",), 3, "report.capture is a number (3)"),
        (("seeds",), "0", "report.seeds is a string ('0')"),
        (("splits",), {}, "report.splits is empty"),
        (("spilts",), {}, "report.spilts is unknown"),
        (("splits", "missing_4_5", "before", "psnr"), "high", "report.splits.missing_4_5.before.psnr is a string"),
        (("splits", "missing_4_5", "views", "back"), 1.5, "report.splits.missing_4_5.views.back is a number (1.5)"),
        (("splits", "missing_4_5", "objects", "mug", "lift"), [], "objects.mug.lift is a list"),
        (("splits", "missing_4_5", "pictures"), [{"view": "a"}], "pictures[0] has no 'set'"),
        (("splits", "missing_4_5", "pictures"), [{"view": "a", "set": "b", "truth": "../x.png"}], "pictures[0].truth"),
        (("splits", "missing_4_5", "missing"), True, "report.splits.missing_4_5.missing is a truth value"),
    ],
)
def test_a_wrong_report_is_refused_by_the_path_of_what_is_wrong(place: tuple[str, ...], value: Any, said: str):
    report = copy.deepcopy(small_report())
    inside = report
    for key in place[:-1]:
        inside = inside[key]
    inside[place[-1]] = value
    with pytest.raises(ScorpError, match=re.escape(said)):
        check_report(report)


def test_a_report_may_have_keys_of_later_versions_when_read(tmp_path: Path):
    path = tmp_path / "report.json"
    path.write_text(json.dumps(small_report() | {"weather": "rain"}), encoding="utf-8")
    assert read_report(path)["weather"] == "rain"
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ScorpError, match=r"is not JSON: .* scorp bench"):
        read_report(path)


def test_a_report_that_cannot_be_written_says_where(tmp_path: Path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match=r"report\.json cannot be written"):
        write_report(small_report(), tmp_path / "out")


def test_several_seeds_give_means_and_deviations():
    merged = mean_and_spread([small_split(24.0), small_split(26.0)])
    assert merged["before"]["psnr"] == pytest.approx(25.0)
    assert merged["spread"]["before"]["psnr"] == pytest.approx(2**0.5)
    assert merged["spread"]["objects"]["mug"]["before"]["psnr"] == pytest.approx(2**0.5)
    assert merged["views"] == {"training": 18, "withheld": 58}
    assert "stages" not in merged["spread"]
    check_report(small_report(missing_4_5=merged))


def test_one_seed_has_no_spread():
    assert mean_and_spread([small_split()]) == small_split()


def test_memory_is_the_highest_of_all_seeds_and_splits():
    first, second = small_split(), small_split()
    second["stages"] = {"scene": {"seconds": 63.2, "peak_mb": 1300}}
    assert mean_and_spread([first, second])["stages"]["scene"] == pytest.approx({"seconds": 62.2, "peak_mb": 1300})
    assert average_stages({"a": first, "b": second})["scene"] == pytest.approx({"seconds": 62.2, "peak_mb": 1300})


def test_an_object_that_fails_with_some_seeds_says_with_how_many():
    failing = small_split()
    failing["objects"] = {"mug": {"failed": "too few views"}}
    merged = mean_and_spread([small_split(), failing])
    assert merged["objects"]["mug"]["failed"] == "with 1 of 2 seeds: too few views"
    assert merged["objects"]["mug"]["before"]["psnr"] == 25.0
    assert mean_and_spread([failing, failing])["objects"]["mug"] == {"failed": "too few views"}


def test_an_average_is_over_all_splits_or_not_given():
    easy, hard = small_split(26.0), small_split(24.0)
    del hard["after"]
    average = average_of({"missing_2_3": easy, "missing_6_7": hard})
    assert average["before"]["psnr"] == pytest.approx(25.0)
    assert "after" not in average


def test_the_schema_describes_the_paths_that_tools_read():
    paths = {path for path, _, _ in schema_rows()}
    assert {
        "format",
        "splits.<missing>.before.<metric>",
        "splits.<missing>.back.after.<metric>",
        "splits.<missing>.objects.<object>.pose.rotation_deg",
        "splits.<missing>.stages.<stage>.peak_mb",
        "stages.<stage>.seconds",
    } <= paths


def test_the_scores_of_surfaces_have_columns():
    assert set(GeometryScores.__annotations__) <= set(METRICS)


def test_the_markdown_has_the_form_of_the_paper_s_table():
    assert MARKDOWN in report_markdown(small_report())


MARKDOWN = """\
# kitchen: missing viewpoints

method scorp-quick, iterations 2000, seeds 0, scorp 0.1.0, date 2026-11-21, device cpu, cores 2

## Scores

### alone

| missing | stage  |    SSIM ↑ |    PSNR ↑ | mIoU ↑ |
| ------- | ------ | --------: | --------: | -----: |
| 4/5     | before | **0.950** |     25.00 |  0.830 |
|         | after  |     0.948 | **26.25** |  0.830 |
|         | gain   |    −0.002 |     +1.25 |  0.000 |

### back

| missing | stage  | PSNR ↑ |
| ------- | ------ | -----: |
| 4/5     | before |  24.00 |

Not measured:

- **lpips**: no weights

## Objects

### looks

Each object by the definition of alone, unless the column says which views.

| object | missing | PSNR ↑ | Gaussians | mask IoU ↑ |
| ------ | ------- | -----: | --------: | ---------: |
| mug    | 4/5     |  25.00 |     1 990 |      0.970 |

## Times and memory

| stage |    4/5 | peak memory |
| ----- | -----: | ----------: |
| scene | 61.2 s |      1.2 GB |
"""


@pytest.mark.parametrize(("key", "tone"), [("psnr", "better"), ("lpips", "worse"), ("gaussians", ""), ("new", "")])
def test_a_gain_is_good_or_bad_by_the_metric(key: str, tone: str):
    cell = gain_cell(key, 1.0, 3.0)
    assert cell.tone == tone and cell.text.startswith("+2")


def test_names_have_no_meaning_for_markdown_or_html():
    name = "<script>alert(1)</script>\n| *茶壶* | `x`"
    assert escaped(name) == r"\<script\>alert(1)\</script\> \| \*茶壶\* \| \`x\`"
    assert escaped("mustard_bottle _a_") == r"mustard_bottle \_a\_"
    split = small_split()
    split["objects"] = {name: split["objects"]["mug"] | {"failed": name}}
    split["pictures"] = [{"view": name, "set": name, "truth": "a<b>.png"}]
    page = report_html(small_report(missing_4_5=split) | {"capture": name, "machine": {name: name}}, Path("nowhere"))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page and "茶壶" in page
    assert page.count("<script>") == 1


def test_pictures_are_embedded_smaller_and_missing_ones_are_said(tmp_path: Path):
    Image.new("RGBA", (2000, 1000), (200, 30, 30, 255)).save(tmp_path / "truth.png")
    (tmp_path / "before.png").write_bytes(b"no picture")
    split = small_split()
    split["pictures"] = [{"view": "images/0031.jpg", "set": "back", "truth": "truth.png", "before": "before.png"}]
    page = report_html(small_report(missing_4_5=split), tmp_path)
    assert page.count('src="data:image/jpeg;base64,') == 1
    assert 'alt="truth, images/0031.jpg, back"' in page
    assert "before.png is not there" in page
    assert len(page) < 50_000


def test_a_report_with_hardly_anything_in_it_is_written(tmp_path: Path):
    report = small_report()
    bare = {key: report[key] for key in ("format", "scorp", "date", "capture", "method", "seeds")}
    write_report(bare | {"splits": {"missing_4_5": {"missing": 0.8}}}, tmp_path)
    empty = {"missing": 0.8, "before": {}, "after": {"psnr": None}, "objects": {"mug": {}}, "stages": {"scene": {}}}
    write_report(bare | {"splits": {"by hand": empty}}, tmp_path)


def test_plots_of_a_row_span_the_same():
    low, high = (Line("before", values, [None] * len(values)) for values in ([20.0, 24.0], [30.0, None]))
    (first, second) = equal_spans([[low], [high]], least=2.0)
    assert first[1] - first[0] == pytest.approx(second[1] - second[0]) and first[1] - first[0] > 4
    assert sum(second) / 2 == pytest.approx(30)
    assert nice_steps(0.81, 0.9) == pytest.approx([0.82, 0.84, 0.86, 0.88, 0.9])


def test_a_comparison_marks_the_best_run_of_each_row(tmp_path: Path):
    blend, replaced = small_report() | {"mode": "blend"}, small_report(missing_4_5=small_split(24.0))
    replaced["mode"] = "replace"
    (table,) = compare([blend, replaced])
    assert table.columns == ["views", "metric", "stage", "blend", "replace"]
    rows = {tuple(cell.text for cell in row[:3]): row[3:] for row in table.rows}
    assert [cell.is_best for cell in rows["alone", "PSNR ↑", "after"]] == [True, False]
    assert [cell.text for cell in rows["alone", "PSNR ↑", "gain"]] == ["+1.25", "+1.25"]
    assert not any(cell.is_best for cell in rows["alone", "PSNR ↑", "gain"])
    page = write_comparison([blend, replaced], tmp_path)
    assert "replace" in page.read_text(encoding="utf-8")
    assert "**26.25**" in (tmp_path / "comparison.md").read_text(encoding="utf-8")


def test_runs_are_named_by_what_tells_them_apart():
    report = small_report()
    assert run_names([report, report]) == ["run 1", "run 2"]
    assert run_names([report | {"generator": "files"}, report | {"generator": "symmetry"}]) == ["files", "symmetry"]
    assert run_names([report | {"name": "mine"}, report | {"name": "yours"}]) == ["mine", "yours"]
