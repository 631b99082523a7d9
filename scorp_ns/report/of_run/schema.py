"""What the report of a run is made of, as one tree from which it is checked and described.

Within a format, keys may be added; a key that goes, or changes its meaning, makes a new one.
"""

from __future__ import annotations

from typing import Any

from scorp_ns.report.kit.schema import Each, Group, Leaf, Node, Rows, check_node, rows_of, wrong

FORMAT = 1
"""The version of the schema."""

STAGES = ("masks", "lift", "propose", "place", "tune", "compose")
"""What happens to an object, in this order."""

DONE, FAILED, SKIPPED = "done", "failed", "skipped"
"""What can be said of an object at a stage."""

ACCEPTED, REJECTED = "accepted", "rejected"
"""What somebody at the viewer may have decided of an object's proxy."""


def _stage(**facts: Node) -> Group:
    said: dict[str, Node] = {
        "state": Leaf("text", f"`{DONE}`, `{FAILED}` or `{SKIPPED}`"),
        "reason": Leaf("text", "why it failed or was skipped, word for word"),
        "seconds": Leaf("number", "time that the stage spent on this object alone"),
    }
    return Group(said | facts, needed=("state",))


_MASKS = _stage(
    origin=Leaf("text", "`masks`, `box` or `click`: how the object was pointed out"),
    frames=Leaf("whole", "photographs whose masks show the object"),
    missing=Leaf("whole", "photographs with masks that do not show it"),
    cut=Leaf("whole", "photographs whose border cuts it"),
    mean_area=Leaf("number", "its share of the pixels of a photograph that shows it"),
    suspicious=Rows(
        Group({"frame": Leaf("text", "the photograph"), "reason": Leaf("text", "what looks wrong in its mask")})
    ),
)

_LIFT = _stage(
    gaussians=Leaf("whole", "Gaussians that were lifted"),
    mean_visibility=Leaf("number", "share of themselves that they showed any photograph, in the mean"),
    mask_iou=Leaf("number", "IoU of the lifted object's silhouettes with its masks"),
    has_support=Leaf("any", "whether a plane was found that the object stands on"),
    photographs=Rows(Leaf("text", "the photographs that show it best, best first")),
)

_PROPOSE = _stage(
    made_by=Leaf("text", "the generator or model"),
    gaussians=Leaf("whole", "Gaussians on the proxy's surface"),
    evidence=Each("<fact>", Leaf("any", "what speaks for the proxy, as its generator says")),
    notes=Rows(Leaf("text", "what had to be repaired, or is to be known of it")),
    license=Leaf("text", "under which terms the proxy may be used, if the generator says"),
)

_PLACE = _stage(
    by=Leaf("text", "`generator` or `person` where that told the place, `search` where it was found"),
    proxy_to_capture=Rows(
        Rows(Leaf("number", "the proxy's pose in the capture's frame, a 4 x 4 matrix; the best one if it was refused"))
    ),
    confidence=Each("<fact>", Leaf("any", "what speaks for the place, or against it")),
    overlays=Rows(
        Group(
            {
                "photograph": Leaf("text", "a photograph in which the page shows the proxy's outline"),
                "iou": Leaf("number", "IoU of the proxy's silhouette with the mask there; null without a mask"),
            },
            needed=("photograph", "iou"),
        )
    ),
)

_TUNE = _stage(
    evidence=Each("<fact>", Leaf("any", "how far colours are from the photographs, before and after")),
    color_map=Rows(Rows(Leaf("number", "3 x 4, from the generated colours to those that match, 1 below them"))),
)

_COMPOSE = _stage(
    kept=Leaf("whole", "lifted Gaussians that stay"),
    dropped=Leaf("whole", "lifted Gaussians that go"),
    filled=Leaf("whole", "Gaussians that the proxy adds"),
    evidence=Each("<fact>", Leaf("any", "shares of the proxy's surface: seen, denied by photographs, filled in")),
)

_OBJECT = Group(
    {
        "reached": Leaf("text", f"the last stage that was done: one of {', '.join(STAGES)}, or `nothing`"),
        "outcome": Leaf("text", "what became of the object, in a sentence"),
        "decision": Leaf("text", f"`{ACCEPTED}` or `{REJECTED}`: what somebody at the viewer decided, if anything"),
        **dict(zip(STAGES, (_MASKS, _LIFT, _PROPOSE, _PLACE, _TUNE, _COMPOSE), strict=True)),
    },
    needed=("reached", "outcome", *STAGES),
)

SCHEMA = Group(
    {
        "format": Leaf("whole", "version of this schema"),
        "scorp": Leaf("text", "version of scorp"),
        "date": Leaf("text", "when the report was written, in ISO 8601 with the zone"),
        "capture": Leaf("text", "the capture's folder or file"),
        "experiment": Leaf("text", "name of the experiment"),
        "method": Leaf("text", "name of the method that trained"),
        "iterations": Leaf("whole", "length of the whole run"),
        "interrupted_at": Leaf("whole", "the iteration at which somebody stopped the run, if somebody did"),
        "scene": Group(
            {
                "gaussians": Leaf("whole", "Gaussians of the scene as it is shown"),
                "gaussians_before": Leaf("whole", "Gaussians of the scene before its objects were composed"),
                "training_views": Leaf("whole", "photographs that were trained on"),
                "evaluation_views": Leaf("whole", "photographs that were held out"),
            }
        ),
        "masks": Group(
            {
                "source": Leaf("text", "where the object masks come from"),
                "frames": Leaf("whole", "different photographs"),
                "maps": Leaf("whole", "photographs that have masks"),
            }
        ),
        "objects": Each("<object>", _OBJECT),
        "stages": Each(
            "<stage>",
            Group(
                {
                    "seconds": Leaf("number", "time that the stage took, over all parts of a resumed run"),
                    "peak_mb": Leaf("number", "most memory that was in use"),
                    "peak_gpu_mb": Leaf("number", "the same of a GPU's memory, where one computed"),
                }
            ),
        ),
        "warnings": Rows(
            Leaf("text", "what is to be looked at, and what people were warned of since the run was last resumed")
        ),
        "settings": Each("<option>", Leaf("any", "options that decide what objects become; config.yml has all")),
        "versions": Each("<package>", Leaf("text", "installed versions")),
        "machine": Each("<fact>", Leaf("any", "what the run was on")),
    },
    needed=("format", "scorp", "date", "capture", "method", "iterations", "scene", "objects", "stages"),
)
"""The whole report."""


def check_run_report(report: Any, only_known_keys: bool = True) -> None:
    """Raise an error that names the first place where the report is not as the schema says."""
    check_node(report, SCHEMA, "report", only_known_keys)
    if report["format"] != FORMAT:
        raise wrong(f"report.format is {report['format']}", f"This version of scorp knows format {FORMAT}.")


def run_schema_rows() -> list[tuple[str, str, str]]:
    """Path, kind and meaning of every value, for the documentation."""
    return list(rows_of(SCHEMA))
