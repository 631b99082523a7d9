"""The stage that refines poses: those of placed proxies learn for some iterations, while all else is frozen."""

from __future__ import annotations

from collections.abc import Collection

import torch
from nerfstudio.utils.rich_utils import CONSOLE

from scorp_ns.pose.refinement import MovingProxy
from scorp_ns.products import LiftedObject
from scorp_ns.run.object_stage import ObjectStage
from scorp_ns.run.placing import PlaceStage, request_of
from scorp_ns.run.run import Run
from scorp_ns.scene.records import Placed
from scorp_ns.schedule import Schedule
from scorp_ns.stages.refine import choose_place


class RefineStage(ObjectStage):
    """The refinement of poses; its iterations count as the scene's time, its decisions as placing."""

    name, result = "refine", "places refined"

    def start(self, schedule: Schedule) -> int | None:
        """The iteration after which proxies are placed, if there are iterations for poses to learn in."""
        return schedule.place_start if len(schedule.refinement) else None

    def end(self, schedule: Schedule) -> int | None:
        """The last iteration in which poses learn; where they never do, that in which they are found."""
        return schedule.refinement.stop - 1 if len(schedule.refinement) else schedule.place_start

    def is_due(self, run: Run, step: int) -> bool:
        """Whether poses may have been found, or learn."""
        return run.model.scene_refinement.is_open or super().is_due(run, step)

    def work(self, run: Run) -> None:
        """Let the poses found last learn from now on, or keep what they have learned if their time is over."""
        training = run.in_training
        placed, training.just_placed = training.just_placed, set()
        if run.model.step + 1 not in training.schedule.refinement:
            finish_refinement(run)
        elif placed and not run.model.scene_composite.is_composed:
            begin_refinement(run, placed)


def finish_refinement(run: Run) -> None:
    """Keep the poses learned where the search's own measure likes them better, and let them learn no more."""
    refinement = run.model.scene_refinement
    if not refinement.is_open:
        return
    with run.clock.stage(PlaceStage.name):
        for one in run.own_objects(refinement.names):
            _keep_better(run, one)
    refinement.end()
    _reset(run)


def begin_refinement(run: Run, names: Collection[str]) -> None:
    """Let the poses of these proxies learn, and those that learned before no more."""
    finish_refinement(run)
    proxies = run.model.scene_proxies
    poses = {name: proxies.pose(name) for name in proxies.names if name in names}
    run.model.scene_refinement.begin({name: pose for name, pose in poses.items() if pose is not None})
    _reset(run)


def _reset(run: Run) -> None:
    """Forget what was remembered of poses that learned before."""
    run.in_training.optimizers["places"].state.clear()
    run.model.moving_proxies.forget()


def _keep_better(run: Run, one: LiftedObject) -> None:
    """Keep the better pose of one proxy, unless a person has moved it meanwhile."""
    refinement, store, to_world = run.model.scene_refinement, run.model.scene_proxies, run.data.capture_to_world
    placement = store.record(one.name).placement if one.name in store.names else None
    start = refinement.start(one.name)
    if not isinstance(placement, Placed) or placement.by == "person":
        return
    if not torch.equal(placement.pose.matrix, start.matrix):
        return
    if refinement.has_diverged(one.name):
        run.warn(
            f"The place of the proxy of '{one.name}' stays as it was found: what it learned from photographs came "
            "to no place. A smaller --optimizers.places.optimizer.lr may help."
        )
        return
    proxy = store.proxy(one.name)
    moved = MovingProxy.at(one.label, proxy.gaussians, start).place(refinement.change(one.name))
    refined = choose_place(proxy, request_of(run, one), to_world, moved, run.model.config.place)
    if refined is None:
        return
    costs = {"cost_found": refined.cost_before, "cost_refined": refined.cost_after}
    confidence = {**placement.confidence, **costs}
    store.set_placement(one.name, Placed(refined.T_world_proxy, confidence, placement.by))
    CONSOLE.print(
        f"The place of the proxy of '{one.name}' {'was refined' if refined.is_taken else 'stays as it was found'}: "
        f"photographs disagree by {refined.cost_before:.4f} with what was found, "
        f"and by {refined.cost_after:.4f} with what was learned.",
        markup=False,
    )
