"""The report of a bench, as typed facts from which it is checked and described.

Within a format, keys may be added; a key that goes, or changes its meaning, makes a new one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, make_dataclass
from typing import Annotated, Any

from scorp_ns.report.kit.facts import Facts, InsidePath, Real, Text, Whole, checked, rows_of, wrong

FORMAT = 1
"""The version of the report."""

SETS = ("back", "context", "in_arc", "training")
"""The sets that are scored besides the objects alone on the withheld views, which stand in the split itself."""

STAGES = ("before", "after")
"""Before refinement, and the composite after it, from the same trained scene."""


def _scores(what: str, **more: Any) -> Any:
    """The type of scores before and after refinement, with more fields."""
    metric = Annotated[str, "<metric>"]
    fields = {stage: Mapping[metric, Annotated[Real, f"{what}, {stage} refinement"]] for stage in STAGES} | more
    return make_dataclass("Scores", [(name, of, None) for name, of in fields.items()], frozen=True, kw_only=True)


def _sets(of: str) -> Any:
    """The type of scores by all sets of views."""
    sets = {name: _scores(f"the same by the definition of `{name}`") for name in SETS}
    return _scores(f"{of} alone on the withheld views", **sets)


@dataclass(frozen=True)
class LiftedNumbers:
    """A lifted object."""

    gaussians: Annotated[Real, "Gaussians that were lifted"] = None
    mask_iou: Annotated[Real, "IoU of the lifted object's silhouettes with its masks"] = None


@dataclass(frozen=True)
class ProxyNumbers:
    """The proxy of an object."""

    seconds: Annotated[Real, "time that it took to make the proxy"] = None
    evidence: Annotated[
        Mapping[Annotated[str, "<fact>"], Real] | None, "what speaks for the proxy, as its generator says"
    ] = None


@dataclass(frozen=True)
class ComposedNumbers:
    """An object put together with its proxy."""

    kept: Annotated[Real, "lifted Gaussians that stay"] = None
    dropped: Annotated[Real, "lifted Gaussians that go"] = None
    filled: Annotated[Real, "Gaussians that the proxy adds"] = None
    seen: Annotated[Real, "share of the proxy's surface that photographs see"] = None
    denied: Annotated[Real, "share of the proxy's surface that photographs deny"] = None
    filled_share: Annotated[Real, "share of the proxy's surface that is added"] = None


class GeometryFacts(_scores("distances to the true surface")):
    """The surface against the true one."""


@dataclass(frozen=True)
class PoseFacts:
    """The proxy's place against the true one."""

    rotation_deg: Annotated[Real, "rotation error, modulo declared symmetries"] = None
    scale_pct: Annotated[Real, "scale error in %"] = None
    translation_pct: Annotated[Real, "translation error in % of the object's diagonal"] = None


@dataclass(frozen=True, kw_only=True)
class ObjectResult(_sets("the object")):
    """One object."""

    lift: LiftedNumbers | None = None
    proxy: ProxyNumbers | None = None
    composite: ComposedNumbers | None = None
    geometry: GeometryFacts | None = None
    pose: PoseFacts | None = None
    failed: Annotated[Text, "why the object has no result, or none from some seeds"] = None


@dataclass(frozen=True)
class MeanCost:
    """Time and memory of a stage."""

    seconds: Annotated[Real, "time that the stage took: the mean, over seeds or splits"] = None
    peak_mb: Annotated[Real, "most memory that was in use: the highest, over seeds or splits"] = None
    peak_gpu_mb: Annotated[Real, "the same of a GPU's memory, where one computed"] = None


Costs = Mapping[Annotated[str, "<stage>"], MeanCost]


@dataclass(frozen=True, kw_only=True)
class Spread(_sets("the target objects")):
    """Standard deviations over seeds."""

    objects: Mapping[Annotated[str, "<object>"], ObjectResult] | None = None


@dataclass(frozen=True, kw_only=True)
class Measured(Spread):
    """The parts of a split that are measured."""

    stages: Costs | None = None


PictureFile = Annotated[InsidePath | None, "picture, relative to the report's folder"]


@dataclass(frozen=True)
class ViewPictures:
    """The pictures of one view."""

    view: Annotated[str, "the photograph's name in the capture"]
    set: Annotated[str, "the set of views that it is one of"]
    truth: PictureFile = None
    before: PictureFile = None
    after: PictureFile = None
    error: PictureFile = None
    error_after: PictureFile = None


PICTURES = tuple(field.name for field in fields(ViewPictures) if field.default is None)
"""The pictures that a view may have."""


@dataclass(frozen=True, kw_only=True)
class Split(Measured):
    """The results for one missing share."""

    missing: Annotated[Real, "the share of the circle that is withheld"]
    rule: Annotated[Text, "how the views were chosen"] = None
    views: Annotated[
        Mapping[Annotated[str, "<set>"], int] | None,
        "how many views serve `training`, `in_arc`, `withheld`, `back`",
    ] = None
    spread: Spread | None = None
    pictures: Sequence[ViewPictures] | None = None


@dataclass(frozen=True, kw_only=True)
class BenchReport:
    """The whole report."""

    format: Annotated[int, "version of this schema"]
    name: Annotated[Text, "what the run is called where runs are compared"] = None
    scorp: Annotated[str, "version of scorp"]
    date: Annotated[str, "day of the measurement"]
    capture: Annotated[str, "name of the capture"]
    method: Annotated[str, "name of the method that trained"]
    generator: Annotated[Text, "what made the proxies"] = None
    mode: Annotated[Text, "how proxies were used: `blend`, `replace` or `keep`"] = None
    iterations: Annotated[Whole, "length of each training run"] = None
    seeds: Annotated[Sequence[int], "seeds of the runs that figures are means over"]
    machine: Annotated[Facts, "what was measured on"] = None
    definitions: Annotated[Mapping[Annotated[str, "<name>"], str] | None, "what a part of the report means"] = None
    absent: Annotated[Mapping[Annotated[str, "<metric>"], str] | None, "why the metric could not be measured"] = None
    splits: Mapping[Annotated[str, "<missing>"], Split]
    average: Measured | None = None
    stages: Costs | None = None


NUMBERS = tuple(field.name for field in fields(Measured))
"""The keys of a split that are measured."""


def check_report(report: Any, only_known_keys: bool = True) -> None:
    """Raise an error that names the first place where the report is not as its type says."""
    checked(report, BenchReport, "report", only_known_keys)
    if report["format"] != FORMAT:
        raise wrong(f"report.format is {report['format']}", f"This version of scorp knows format {FORMAT}.")
    if not report["splits"]:
        raise wrong("report.splits is empty", "A report has at least one split.")


def schema_rows() -> list[tuple[str, str, str]]:
    """Path, kind and meaning of every value, for the documentation."""
    return list(rows_of(BenchReport))
