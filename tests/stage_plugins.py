"""Packages with stages, as entry points see them: the example, and stages that do what none should do."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import pytest
import torch

from scorp_ns.errors import ScorpError
from scorp_ns.run.api import DONE, PluginStage, Run, StageFacts, StageText, Told, Whole
from scorp_ns.scene.records import Placed

EXAMPLE = Path(__file__).parents[1] / "examples" / "08_stage_package"

REFUSAL = ScorpError("It is too heavy.", "Light ones are needed.", "Take another one.")


@dataclass(frozen=True, kw_only=True)
class CountFacts(StageFacts):
    """The facts of every stage in here."""

    count: Annotated[Whole, "how often a stage worked", Told("worked")] = None


@dataclass
class StageOf:
    """The config of a stage that calls these functions."""

    name: str
    work: Callable[[Run, str], Any] = lambda run, name: None
    """What it does to an object; facts are given unless it returns something."""
    after: str = "place"
    also: Callable[[str, Run], Any] = lambda what, run: None
    """What it does when it is asked `what` else."""
    times: float = 1.0
    """A setting."""

    def build(self) -> CountingStage:
        return CountingStage(self)


class CountingStage(PluginStage):
    """Calls the functions of its config, and counts the objects that it worked on."""

    def __init__(self, config: StageOf) -> None:
        self.config, self.after, self.worked = config, config.after, []
        self.text = StageText(config.name, f"{config.name}ed", "It is as it was.", CountFacts)

    def waiting(self, run: Run) -> Iterable[str]:
        """All objects."""
        return self._answer("waiting", run, run.model.scene_objects.names)

    def work_on(self, run: Run, name: str, work: Any) -> Any:
        """The config's work."""
        self.worked.append(name)
        answer = self.config.work(run, name)
        return CountFacts(state=DONE, count=len(self.worked)) if answer is None else answer

    def check(self, run: Run) -> None:
        """The config's other work."""
        self.config.also("check", run)

    def finish(self, run: Run) -> None:
        """The config's other work."""
        self.config.also("finish", run)

    def state(self, run: Run) -> Any:
        """The config's answer."""
        return self._answer("state", run, None)

    def _answer(self, what: str, run: Run, otherwise: Any) -> Any:
        answer = self.config.also(what, run)
        return otherwise if answer is None else answer


def moves(run: Run, name: str) -> None:
    """Put the proxy elsewhere."""
    store = run.model.scene_proxies
    pose = store.pose(name)
    assert pose is not None
    store.set_placement(name, Placed(type(pose)(pose.rotation, pose.translation + 0.1, pose.scale), {}, "search"))


def raises(run: Run, name: str) -> None:
    """Fail with half of the work done."""
    moves(run, name)
    run.model.scene_objects.labels[:] = 0
    run.model.gauss_params["opacities"].data[:] = 0.0
    run.model.eval()
    raise RuntimeError("half way")


def picky(run: Run, name: str) -> None:
    """Fail at one object only."""
    if name == "red ball":
        raise REFUSAL


def exits(run: Run, name: str) -> None:
    """End the process."""
    sys.exit("enough")


def refuses(run: Run, name: str) -> None:
    """Refuse politely."""
    raise REFUSAL


def poisons(run: Run, name: str) -> None:
    """Leave a Gaussian that is nowhere."""
    run.model.gauss_params["means"].data[0] = math.nan


def grows(run: Run, name: str) -> None:
    """Add a Gaussian that nothing else knows of."""
    values = run.model.gauss_params["means"]
    run.model.gauss_params["means"] = torch.nn.Parameter(torch.cat([values, values[:1]]).detach())


def misplaces(run: Run, name: str) -> None:
    """Change a pose behind everyone's back."""
    placement = run.model.scene_proxies.record(name).placement
    assert isinstance(placement, Placed)
    placement.pose.translation[2] = math.nan


def relabels(run: Run, name: str) -> None:
    """Give a Gaussian to an object that there is not."""
    run.model.scene_objects.labels[0] = 99


HELD: list[torch.Tensor] = []
"""Tensors of scenes that a stage still holds."""


def holds(run: Run, name: str) -> None:
    """Hold on to all tensors that can be had."""
    proxy = run.model.scene_proxies.proxy(name)
    HELD.extend([*run.model.gauss_params.values(), run.model.scene.means, proxy.gaussians.means])
    HELD.extend([run.model.scene_objects.labels, run.own_objects({name})[0].frame.center])


def _spoils(what: str, run: Run) -> None:
    """Spoil all that is held, before the run is over."""
    with torch.no_grad():
        for tensor in HELD if what == "finish" else ():
            tensor.fill_(7)


def _fails_in(method: str) -> Callable[[str, Run], None]:
    def fail(what: str, run: Run) -> None:
        if what == method:
            raise RuntimeError(f"not {method}")

    return fail


def nonsense(run: Run, name: str) -> Any:
    """Facts that are none."""
    return {"count": 3}


def strange(run: Run, name: str) -> Any:
    """Facts with something that JSON has not."""
    return CountFacts(state=DONE, count=torch.ones(3))  # type: ignore[arg-type]


HOSTILE = {
    **{one.__name__: StageOf(one.__name__, one) for one in (raises, exits, refuses, poisons, grows, misplaces)},
    **{one.__name__: StageOf(one.__name__, one) for one in (relabels, nonsense, strange)},
    "picky": StageOf("picky", picky),
    "holds": StageOf("holds", holds, also=_spoils),
    "unkept": StageOf("unkept", also=lambda what, run: {"stage": object()} if what == "state" else None),
    "unasked": StageOf("unasked", also=_fails_in("waiting")),
    "unfinished": StageOf("unfinished", also=_fails_in("finish")),
}
"""Stages that work after `place`, by their names."""

TOLD = {
    "raises": "RuntimeError: half way",
    "exits": "SystemExit: enough",
    "refuses": str(REFUSAL),
    "poisons": "not finite",
    "grows": "know nothing of",
    "misplaces": "The stage left",
    "relabels": "labels of no object",
    "nonsense": "gave a dict",
    "strange": "strange.count",
}
"""The stages among them that fail at every object, and words of the reason."""

REGISTERED = SimpleNamespace(
    **HOSTILE,
    no_stage=SimpleNamespace(build=lambda: 3),
    broken=SimpleNamespace(build=lambda: 1 / 0),
    renamed=StageOf("other"),
    lift=StageOf("lift"),
    report=StageOf("report"),
    lost=StageOf("lost", after="polish"),
    early=StageOf("early", after="masks"),
    first=StageOf("first", after="lift"),
    second=StageOf("second", after="lift"),
    chained=StageOf("chained", after="first"),
)
"""All that is registered, by the names of the entry points."""


def install(folder: Path, patch: pytest.MonkeyPatch, names: Sequence[str] = (*vars(REGISTERED), "settle")) -> None:
    """Let entry points find the example of a package and these stages."""
    settle = (EXAMPLE / "pyproject.toml").read_text().partition('[project.entry-points."scorp.stages"]\n')[2]
    entry = settle.splitlines()[0].replace('"', "")
    assert entry.startswith("settle = ")
    lines = [entry if name == "settle" else f"{name} = stage_plugins:REGISTERED.{name}" for name in names]
    package = folder / "stages-1.0.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: stages\nVersion: 1.0\n")
    (package / "entry_points.txt").write_text("[scorp.stages]\n" + "\n".join(lines) + "\n")
    patch.syspath_prepend(folder)
    patch.syspath_prepend(EXAMPLE)
