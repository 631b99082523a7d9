"""What a report of a bench is made of, as one tree from which it is checked and described.

Within a format, keys may be added; a key that goes, or changes its meaning, makes a new one.
"""

from __future__ import annotations

from typing import Any

from scorp_ns.report.kit.schema import Each, Group, Leaf, Node, Rows, check_node, rows_of, wrong

FORMAT = 1
"""The version of the schema."""

SETS = ("back", "context", "in_arc", "training")
"""What is scored besides the objects alone on the withheld views, which stand in the split itself."""

STAGES = ("before", "after")
"""Before refinement, and the composite after it, from the same trained scene."""

PICTURES = ("truth", "before", "after", "error", "error_after")
"""The pictures that a view may have."""


def _scores(what: str) -> dict[str, Node]:
    return {stage: Each("<metric>", Leaf("number", f"{what}, {stage} refinement")) for stage in STAGES}


def _sets(of: str) -> dict[str, Node]:
    alone = _scores(f"{of} alone on the withheld views")
    return alone | {name: Group(_scores(f"the same by the definition of `{name}`")) for name in SETS}


_OBJECT = Group(
    {
        **_sets("the object"),
        "lift": Group(
            {
                "gaussians": Leaf("number", "Gaussians that were lifted"),
                "mask_iou": Leaf("number", "IoU of the lifted object's silhouettes with its masks"),
            }
        ),
        "proxy": Group(
            {
                "seconds": Leaf("number", "time that it took to make the proxy"),
                "evidence": Each("<fact>", Leaf("number", "what speaks for the proxy, as its generator says")),
            }
        ),
        "composite": Group(
            {
                "kept": Leaf("number", "lifted Gaussians that stay"),
                "dropped": Leaf("number", "lifted Gaussians that go"),
                "filled": Leaf("number", "Gaussians that the proxy adds"),
                "seen": Leaf("number", "share of the proxy's surface that photographs see"),
                "denied": Leaf("number", "share of the proxy's surface that photographs deny"),
                "filled_share": Leaf("number", "share of the proxy's surface that is added"),
            }
        ),
        "geometry": Group(_scores("distances to the true surface")),
        "pose": Group(
            {
                "rotation_deg": Leaf("number", "rotation error, modulo declared symmetries"),
                "scale_pct": Leaf("number", "scale error in %"),
                "translation_pct": Leaf("number", "translation error in % of the object's diagonal"),
            }
        ),
        "failed": Leaf("text", "why the object has no result, or none from some seeds"),
    }
)

_STAGES = Each(
    "<stage>",
    Group(
        {
            "seconds": Leaf("number", "time that the stage took: the mean, over seeds or splits"),
            "peak_mb": Leaf("number", "most memory that was in use: the highest, over seeds or splits"),
            "peak_gpu_mb": Leaf("number", "the same of a GPU's memory, where one computed"),
        }
    ),
)

NUMBERS: dict[str, Node] = {**_sets("the target objects"), "objects": Each("<object>", _OBJECT), "stages": _STAGES}
"""The parts of a split that are measured."""

_SPLIT = Group(
    {
        "missing": Leaf("number", "the share of the circle that is withheld"),
        "rule": Leaf("text", "how the views were chosen"),
        "views": Each("<set>", Leaf("whole", "how many views serve `training`, `in_arc`, `withheld`, `back`")),
        **NUMBERS,
        "spread": Group({key: node for key, node in NUMBERS.items() if key != "stages"}),
        "pictures": Rows(
            Group(
                {
                    "view": Leaf("text", "the photograph's name in the capture"),
                    "set": Leaf("text", "which views it is one of"),
                    **{name: Leaf("path", "picture, relative to the report's folder") for name in PICTURES},
                },
                needed=("view", "set"),
            )
        ),
    },
    needed=("missing",),
)

SCHEMA = Group(
    {
        "format": Leaf("whole", "version of this schema"),
        "name": Leaf("text", "what the run is called where runs are compared"),
        "scorp": Leaf("text", "version of scorp"),
        "date": Leaf("text", "day of the measurement"),
        "capture": Leaf("text", "name of the capture"),
        "method": Leaf("text", "name of the method that trained"),
        "generator": Leaf("text", "what made the proxies"),
        "mode": Leaf("text", "how proxies were used: `blend`, `replace` or `keep`"),
        "iterations": Leaf("whole", "length of each training run"),
        "seeds": Rows(Leaf("whole", "seeds of the runs that figures are means over")),
        "machine": Each("<fact>", Leaf("any", "what was measured on")),
        "definitions": Each("<name>", Leaf("text", "what a part of the report means")),
        "absent": Each("<metric>", Leaf("text", "why the metric could not be measured")),
        "splits": Each("<missing>", _SPLIT),
        "average": Group(NUMBERS),
        "stages": _STAGES,
    },
    needed=("format", "scorp", "date", "capture", "method", "seeds", "splits"),
)
"""The whole report."""


def check_report(report: Any, only_known_keys: bool = True) -> None:
    """Raise an error that names the first place where the report is not as the schema says."""
    check_node(report, SCHEMA, "report", only_known_keys)
    if report["format"] != FORMAT:
        raise wrong(f"report.format is {report['format']}", f"This version of scorp knows format {FORMAT}.")
    if not report["splits"]:
        raise wrong("report.splits is empty", "A report has at least one split.")


def schema_rows() -> list[tuple[str, str, str]]:
    """Path, kind and meaning of every value, for the documentation."""
    return list(rows_of(SCHEMA))
