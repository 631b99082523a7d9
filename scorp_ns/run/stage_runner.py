"""The stages at work: after every iteration those whose time has come, and at the end all that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from scorp_ns.run.corrections import carry_out
from scorp_ns.run.placing import PlaceStage
from scorp_ns.run.proposing import ProposeStage
from scorp_ns.run.reporting import Reporting
from scorp_ns.run.run import Run
from scorp_ns.run.stage import Stage
from scorp_ns.run.stage_clock import write_costs

COSTS_FILE = "stages.json"
"""Seconds and memory of each stage of a run, among the files of its objects."""


class StageRunner:
    """All stages of one training run, in their order."""

    def __init__(self, run: Run, stages: Sequence[Stage]) -> None:
        self.run, self.stages, self.report = run, stages, Reporting(run, stages)
        for stage in stages:
            stage.check(run)
        run.requests.is_heard = True

    def before_iteration(self) -> None:
        """Let the scene train: evidence gathered from it is no more, unless only poses of proxies learn."""
        if not self.run.model.scene_refinement.is_open:
            self.run.views.forget()

    def after_iteration(self, step: int) -> None:
        """Carry out requests, and let every stage work whose time has come."""
        carry_out(self.run)
        for stage in self.stages:
            if stage.is_due(self.run, step):
                stage.work(self.run)

    def after_training(self, step: int) -> None:
        """Do what is still asked for and keep that, and write all results."""
        # The host holds its lock around iterations only, and the viewer goes on.
        training = self.run.in_training
        with training.lock:
            is_asked = bool(self.run.requests.waiting or training.regenerate or training.recompose)
            if is_asked:
                self._work_as_asked(step)
        try:
            if is_asked:
                training.save_checkpoint(step)
        finally:
            with training.lock:
                for stage in self.stages:
                    stage.finish(self.run)
                write_costs(self.run.clock.state(), self.run.folder / COSTS_FILE)
                self.report.write()

    def _work_as_asked(self, step: int) -> None:
        """Carry out requests; what is to be generated anew is so whatever the schedule says."""
        carry_out(self.run)
        regenerated = (ProposeStage.name, PlaceStage.name) if self.run.in_training.regenerate else ()
        for stage in self.stages:
            if stage.is_due(self.run, step) or stage.name in regenerated:
                stage.work(self.run)

    def when_interrupted(self, step: int) -> None:
        """Write the report of what there is, if there are objects yet."""
        store = self.run.model.scene_objects
        if store.names or store.failures:
            self.report.write_early(step)
