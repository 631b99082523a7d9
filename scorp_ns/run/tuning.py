"""The stage that tunes proxies' colours to the photographs."""

from __future__ import annotations

from nerfstudio.utils.rich_utils import CONSOLE

from scorp_ns.errors import ScorpError
from scorp_ns.products import LiftedObject
from scorp_ns.report.of_run.facts import DONE, FAILED, SKIPPED, StageText, TuneFacts
from scorp_ns.run.object_facts import NOT_YET, is_placed, reason_for_nothing, seconds_of
from scorp_ns.run.object_stage import ObjectStage
from scorp_ns.run.run import Run
from scorp_ns.scene.records import NotTuned, Tuned
from scorp_ns.schedule import Schedule
from scorp_ns.stages.tune import tune


class TuneStage(ObjectStage):
    """The tuning of every placed proxy, once for each pose, just before objects are composed."""

    name, result = "tune", "colours tuned"
    text = StageText("tune", "tuned", "Its proxy keeps the colours that were generated.", TuneFacts)

    def start(self, schedule: Schedule) -> int | None:
        """The iteration after which the scene is composed."""
        return schedule.compose_start

    def work(self, run: Run) -> None:
        """Tune the proxies that are placed and not tuned there yet."""
        store = run.model.scene_proxies
        names = {name for name in store.names if is_placed(run, name) and store.record(name).tuning is None}
        if waiting := run.own_objects(names):
            with run.clock.stage(self.name):
                for one in waiting:
                    _tune(run, one)

    def is_behind(self, run: Run) -> bool:
        """Whether any proxy was tuned."""
        store = run.model.scene_proxies
        return any(store.record(name).tuning is not None for name in store.names)

    def facts(self, run: Run, name: str) -> TuneFacts:
        """The proxy's colours."""
        placed, seconds = is_placed(run, name), seconds_of(run, self.name, name)
        match run.model.scene_proxies.record(name).tuning if placed else None:
            case Tuned(color_map=color_map, evidence=evidence):
                told = {"color_map": color_map.tolist(), "evidence": dict(evidence)}
                return TuneFacts(state=DONE, seconds=seconds, **told)
            case NotTuned(reason=reason):
                return TuneFacts(state=FAILED, reason=reason, seconds=seconds)
            case None:
                return TuneFacts(state=SKIPPED, reason=NOT_YET if placed else reason_for_nothing(run, name))


def _tune(run: Run, one: LiftedObject) -> None:
    """Tune one proxy; a failure leaves it in the colours that were generated."""
    store, config = run.model.scene_proxies, run.model.config.tune
    with run.clock.of_object(one.name):
        try:
            tuned = tune(run.views.depths, one, store.proxy(one.name), run.data.capture_to_world, config)
            store.tune(one.name, tuned)
        except Exception as error:  # Fields compute with libraries that may raise anything.
            reason = str(error) if isinstance(error, ScorpError) else f"{type(error).__name__}: {error}"
            store.leave_untuned(one.name, reason)
            CONSOLE.print(f"The proxy of '{one.name}' keeps its colours. {reason}", style="yellow", markup=False)
