"""The stage that lifts objects out of the scene: those of masks and boxes once, and those picked by a click."""

from __future__ import annotations

import math
from pathlib import Path

from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from rich.table import Table

from scorp_ns.errors import OutputError, PickError
from scorp_ns.report.of_run.facts import DONE, FAILED, SKIPPED, LiftFacts, StageText
from scorp_ns.run.object_editing import lift_masks, pick_object, write_objects
from scorp_ns.run.object_facts import LOST, NOT_YET
from scorp_ns.run.object_stage import ObjectStage
from scorp_ns.run.run import Run
from scorp_ns.scene.picks import Pick


class LiftStage(ObjectStage):
    """Lifting: labels for the scene's Gaussians, and a description of each object."""

    name, result, moment = "lift", "objects lifted", "lift"
    text = StageText("lift", "lifted", "It is part of the scene like everything else.", LiftFacts)

    def work(self, run: Run) -> None:
        """Lift the objects of masks and boxes, once, and grow picked ones in the scene as it is now."""
        store, training = run.model.scene_objects, run.in_training
        if store.is_lifted and not training.picks:
            return
        with run.clock.stage(self.name):
            picks, training.picks = training.picks, ()
            if not store.is_lifted:
                picks = (*store.picks, *picks)
                if run.data.mask_check is not None:
                    lift_masks(run)
                    CONSOLE.print(_table(run))
                store.is_lifted = True
            for pick in picks:
                _grow(run, pick)
            if store.names or store.failures:
                _write(run)

    def is_behind(self, run: Run) -> bool:
        """Whether objects were lifted or picked."""
        store = run.model.scene_objects
        return bool(store.is_lifted or store.names)

    def facts(self, run: Run, name: str) -> LiftFacts:
        """The lifted object, as training left it."""
        store = run.model.scene_objects
        found = run.own_objects({name})
        if not found:
            reason = LOST if name in store.names else store.failures.get(name)
            return LiftFacts(state=SKIPPED if reason is None else FAILED, reason=reason or NOT_YET)
        (one,) = found
        return LiftFacts(
            state=DONE,
            gaussians=len(one.indices),
            mean_visibility=float(one.visibility.mean()),
            mask_iou=math.nan if one.mask_iou is None else one.mask_iou,
            has_support=one.support is not None,
            photographs=[view.name for view in store.views.get(name, ())],
        )

    def finish(self, run: Run) -> None:
        """Print all objects, and write them as training left them."""
        store = run.model.scene_objects
        if store.names or store.failures:
            CONSOLE.print(_table(run))
            _write(run)


def _grow(run: Run, pick: Pick) -> None:
    """Grow a picked object again; one that does not grow any more stays as it was."""
    try:
        pick_object(run, pick)
        CONSOLE.print(f"The picked object '{pick.name}' was grown in the scene as it is now.", markup=False)
    except PickError as error:
        CONSOLE.print(f"The picked object '{pick.name}' was not grown again. {error}", style="yellow", markup=False)


def _write(run: Run) -> None:
    """Write the objects to the run's folder, if that was asked for; a failure costs the files, not the run."""
    if not run.in_training.save_objects:
        return
    try:
        write_objects(run)
    except OutputError as error:
        CONSOLE.print(f"{error} The run goes on without these files.", style="bold yellow", markup=False)


def _table(run: Run) -> Table:
    """The lifted objects, for the terminal."""
    store = run.model.scene_objects
    table = Table("object", "Gaussians", "seen", "fits its masks", "stands on", "views", title="Lifted objects")
    for one in run.own_objects():
        table.add_row(
            escape(one.name),
            str(len(one.indices)),
            f"{float(one.visibility.mean()):.0%}",
            "-" if one.mask_iou is None else f"{one.mask_iou:.0%}",
            "nothing found" if one.support is None else "a plane",
            ", ".join(Path(view.name).name for view in store.views.get(one.name, ())),
        )
    for name, reason in store.failures.items():
        table.add_row(escape(name), f"[yellow]not lifted: {escape(reason)}")
    return table
