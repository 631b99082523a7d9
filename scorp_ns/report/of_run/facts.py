"""The report of a run, as typed facts: what each stage made of each object, and what the run was.

Within a format, keys may be added; a key that goes, or changes its meaning, makes a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, make_dataclass, replace
from functools import cache, partial
from typing import Annotated, Any

from scorp_ns.report.kit.facts import Facts, Matrix, Real, Text, Texts, Value, Whole, checked, rows_of, wrong
from scorp_ns.report.kit.tables import shown, time_text

FORMAT = 1
"""The version of the report."""

DONE, FAILED, SKIPPED = "done", "failed", "skipped"
"""The states of an object at a stage."""

ACCEPTED, REJECTED = "accepted", "rejected"
"""The decisions about an object's proxy at the viewer."""


@dataclass(frozen=True)
class Told:
    """An annotation of facts that the page tells: under which name, in which form; a form without text leaves out.

    Of a mapping, every entry is told.
    """

    name: str = ""
    form: Callable[[Any], str | None] = str


COUNT, EACH = partial(shown, digits=0), Told()
SHOWN = Told("shown by", "{} photographs".format)
IOU = Told("fits its masks", partial(shown, digits=2))
SUPPORT = Told("stands on", {True: "a plane", False: "nothing found"}.get)
BY = Told("by", {"generator": "its generator", "search": "search", "person": "a person at the viewer"}.get)


@dataclass(frozen=True, kw_only=True)
class StageFacts:
    """The result of a stage for one object; each stage has its own subclass, whose facts may all be absent."""

    state: Annotated[str, f"`{DONE}`, `{FAILED}` or `{SKIPPED}`"]
    reason: Annotated[Text, "why it failed or was skipped, word for word"] = None
    seconds: Annotated[Real, "time that the stage spent on this object alone", Told("time", time_text)] = None

    def remarks(self) -> Sequence[str]:
        """The remarks on the page."""
        return ()

    def overview(self) -> Mapping[str, str]:
        """Columns of the table of all objects, the same for all objects."""
        return {}


@dataclass(frozen=True)
class SuspiciousMask:
    """A mask that does not look right."""

    frame: Annotated[str, "the photograph"]
    reason: Annotated[str, "what looks wrong in its mask"]


@dataclass(frozen=True, kw_only=True)
class MaskFacts(StageFacts):
    """The masks of an object."""

    frames: Annotated[Whole, "photographs whose masks show the object", SHOWN] = None
    missing: Annotated[Whole, "photographs with masks that do not show it"] = None
    mean_area: Annotated[
        Real, "its share of the pixels of a photograph that shows it", Told("mean area", "{:.1%} of them".format)
    ] = None
    cut: Annotated[Whole, "photographs whose border cuts it", Told("cut by the border in")] = None
    origin: Annotated[
        Text,
        "`masks`, `box` or `click`: how the object was pointed out",
        Told("pointed out by a", {"box": "box", "click": "click"}.get),
    ] = None
    suspicious: Sequence[SuspiciousMask] | None = None

    def remarks(self) -> Sequence[str]:
        """The masks that do not look right."""
        return [f"{each.frame}: {each.reason}" for each in self.suspicious or ()]


@dataclass(frozen=True, kw_only=True)
class LiftFacts(StageFacts):
    """The lifted object."""

    gaussians: Annotated[Whole, "Gaussians that were lifted", Told("Gaussians", COUNT)] = None
    mean_visibility: Annotated[
        Real, "share of themselves that they showed any photograph, in the mean", Told("seen", "{:.0%}".format)
    ] = None
    mask_iou: Annotated[Real, "IoU of the lifted object's silhouettes with its masks", IOU] = None
    has_support: Annotated[Value, "whether a plane was found that the object stands on", SUPPORT] = None
    photographs: Annotated[Texts, "the photographs that show it best, best first"] = None

    def overview(self) -> Mapping[str, str]:
        """IoU with the masks."""
        return {"fits its masks": shown(self.mask_iou, 2)}


@dataclass(frozen=True, kw_only=True)
class ProposeFacts(StageFacts):
    """The object's proxy as its generator made it."""

    made_by: Annotated[Text, "the generator or model", Told("made by")] = None
    gaussians: Annotated[Whole, "Gaussians on the proxy's surface", Told("Gaussians", COUNT)] = None
    evidence: Annotated[Facts, "what speaks for the proxy, as its generator says", EACH] = None
    notes: Annotated[Texts, "what had to be repaired, or is to be known of it"] = None
    license: Annotated[Text, "under which terms the proxy may be used, if the generator says", Told("licence")] = None

    def remarks(self) -> Sequence[str]:
        """The repairs."""
        return self.notes or ()


@dataclass(frozen=True)
class Outlined:
    """A photograph with the proxy's outline."""

    photograph: Annotated[str, "a photograph in which the page shows the proxy's outline"]
    iou: Annotated[Real, "IoU of the proxy's silhouette with the mask there; null without a mask"]


@dataclass(frozen=True, kw_only=True)
class PlaceFacts(StageFacts):
    """The place of the object's proxy."""

    by: Annotated[Text, "`generator` or `person` where that told the place, `search` where it was found", BY] = None
    proxy_to_capture: Annotated[
        Matrix, "the proxy's pose in the capture's frame, a 4 x 4 matrix; the best one if it was refused"
    ] = None
    confidence: Annotated[Facts, "what speaks for the place, or against it", EACH] = None
    overlays: Sequence[Outlined] | None = None

    def overview(self) -> Mapping[str, str]:
        """Share of the observed surface that the proxy explains."""
        explained = (self.confidence or {}).get("explained")
        return {"proxy explains": shown(None if isinstance(explained, str) else explained, 2)}


@dataclass(frozen=True, kw_only=True)
class TuneFacts(StageFacts):
    """The proxy's colours."""

    evidence: Annotated[Facts, "how far colours are from the photographs, before and after", EACH] = None
    color_map: Annotated[Matrix, "3 x 4, from the generated colours to those that match, 1 below them"] = None


@dataclass(frozen=True, kw_only=True)
class ComposeFacts(StageFacts):
    """The object put together with its proxy."""

    kept: Annotated[Whole, "lifted Gaussians that stay", Told("Gaussians that stay", COUNT)] = None
    dropped: Annotated[Whole, "lifted Gaussians that go", Told("that go", COUNT)] = None
    filled: Annotated[Whole, "Gaussians that the proxy adds", Told("from its proxy", COUNT)] = None
    evidence: Annotated[Facts, "shares of the proxy's surface: seen, denied by photographs, filled in", EACH] = None


@dataclass(frozen=True)
class StageText:
    """A stage as reports tell of it."""

    name: str
    """Its key in the entry of an object."""
    title: str
    """The page's name for it, such as `lifted`."""
    on_failure: str
    """A sentence on what its failure comes to."""
    facts: type[StageFacts]

    def __post_init__(self) -> None:
        tuple(rows_of(self.facts, self.name))  # Facts that cannot be documented are refused here.


@dataclass(frozen=True, kw_only=True)
class ObjectEntry:
    """One object; its type for given stages has a field more for the facts of each, see `entry_type`."""

    reached: Annotated[str, "the last stage that was done, or `nothing`"]
    outcome: Annotated[str, "what became of the object, in a sentence"]
    decision: Annotated[Text, f"`{ACCEPTED}` or `{REJECTED}`: what a person at the viewer decided, if anything"] = None

    def of(self, stage: StageText) -> StageFacts:
        """The facts of a stage."""
        return getattr(self, stage.name)

    def outlined(self, overlays: Sequence[Outlined]) -> ObjectEntry:
        """The entry with the photographs in which the page shows the proxy's outline."""
        places = {name: facts for name, facts in vars(self).items() if isinstance(facts, PlaceFacts)}
        return replace(self, **{name: replace(facts, overlays=overlays) for name, facts in places.items()})


@dataclass(frozen=True)
class SceneFacts:
    """The size of the scene."""

    gaussians: Annotated[int, "Gaussians of the scene as it is shown"]
    gaussians_before: Annotated[int, "Gaussians of the scene before its objects were composed"]
    training_views: Annotated[int, "photographs that were trained on"]
    evaluation_views: Annotated[int, "photographs that were held out"]


@dataclass(frozen=True)
class MasksFacts:
    """The masks of all objects."""

    source: Annotated[str, "where the object masks come from"]
    frames: Annotated[int, "different photographs"]
    maps: Annotated[int, "photographs that have masks"]


@dataclass(frozen=True)
class Cost:
    """Time and memory of a stage, over all objects."""

    seconds: Annotated[Real, "time that the stage took, over all parts of a resumed run"] = None
    peak_mb: Annotated[Real, "most memory that was in use"] = None
    peak_gpu_mb: Annotated[Real, "the same of a GPU's memory, where one computed"] = None


Settings = Mapping[Annotated[str, "<option>"], Value]


@dataclass(frozen=True, kw_only=True)
class RunReport:
    """The whole report."""

    format: Annotated[int, "version of this schema"]
    scorp: Annotated[str, "version of scorp"]
    date: Annotated[str, "when the report was written, in ISO 8601 with the zone"]
    capture: Annotated[str, "the capture's folder or file"]
    experiment: Annotated[Text, "name of the experiment"] = None
    method: Annotated[str, "name of the method that trained"]
    iterations: Annotated[int, "length of the whole run"]
    interrupted_at: Annotated[Whole, "the iteration at which the run was interrupted, if it was"] = None
    scene: SceneFacts
    masks: MasksFacts | None = None
    objects: Mapping[Annotated[str, "<object>"], ObjectEntry]
    stages: Mapping[Annotated[str, "<stage>"], Cost]
    warnings: Annotated[
        Texts, "what is to be looked at, and what people were warned of since the run was last resumed"
    ] = None
    settings: Annotated[Settings | None, "options that decide what objects become; config.yml has all"] = None
    versions: Annotated[Mapping[Annotated[str, "<package>"], str] | None, "installed versions"] = None
    machine: Annotated[Facts, "what the run was on"] = None


@cache
def entry_type(stages: tuple[StageText, ...]) -> type[ObjectEntry]:
    """The type of an object's entry with these stages."""
    names = ", ".join(stage.name for stage in stages)
    fields = [
        ("reached", Annotated[str, f"the last stage that was done: one of {names}, or `nothing`"]),
        *((stage.name, stage.facts) for stage in stages),
    ]
    return make_dataclass("ObjectEntry", fields, bases=(ObjectEntry,), frozen=True, kw_only=True)


@cache
def report_type(stages: tuple[StageText, ...]) -> type[RunReport]:
    """The type of a report with these stages."""
    objects = Mapping[Annotated[str, "<object>"], entry_type(stages)]
    return make_dataclass("RunReport", [("objects", objects)], bases=(RunReport,), frozen=True, kw_only=True)


def check_run_report(report: Any, stages: Sequence[StageText], only_known_keys: bool = True) -> RunReport:
    """The report of a report.json with these stages, or an error that names the first place that is wrong."""
    typed = checked(report, report_type(tuple(stages)), "report", only_known_keys)
    if typed.format != FORMAT:
        raise wrong(f"report.format is {typed.format}", f"This version of scorp knows format {FORMAT}.")
    return typed


def run_schema_rows(stages: Sequence[StageText]) -> list[tuple[str, str, str]]:
    """Path, kind and meaning of every value, for the documentation."""
    return list(rows_of(report_type(tuple(stages))))
