"""The stage that composes objects: what was lifted of them with what their proxies add."""

from __future__ import annotations

import torch
from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from rich.table import Table

from scorp_ns.errors import ScorpError
from scorp_ns.gaussians.splats import parameters_from_gaussians
from scorp_ns.gaussians.surgery import append_rows, keep_rows
from scorp_ns.messages import all_of, did_you_mean
from scorp_ns.model_config import AFTER, BEFORE, OBJECTS
from scorp_ns.plugins.generators import ALL
from scorp_ns.products import ComposedObject, LiftedObject
from scorp_ns.report.of_run.facts import DONE, FAILED, SKIPPED, ComposeFacts, StageText
from scorp_ns.run.object_facts import NOT_YET, REJECTION, is_placed, reason_for_nothing, seconds_of
from scorp_ns.run.object_stage import ObjectStage
from scorp_ns.run.run import Run
from scorp_ns.scene.composite import SceneComposite
from scorp_ns.stages.compose import compose


class ComposeStage(ObjectStage):
    """The composing of all objects that have a proxy, from one and the same scene."""

    name, result, moment = "compose", "composed", "compose"
    text = StageText(
        "compose", "composed", "It could not be put together with its proxy, and stays as it was lifted.", ComposeFacts
    )

    def check(self, run: Run) -> None:
        """Look up the object that tools are to show."""
        masked, show = [info.name for info in run.masked_objects], run.model.config.show
        names = list(dict.fromkeys([*masked, *run.model.scene_objects.names]))
        if show not in (AFTER, BEFORE, OBJECTS, *names):
            known = f"the capture has {all_of(names)}" if names else "the capture has none"
            raise ScorpError(
                f"--pipeline.model.show is '{show}'.",
                f"It can be {AFTER}, {BEFORE}, {OBJECTS} or the name of an object; {known}.",
                did_you_mean([show], [AFTER, BEFORE, OBJECTS, *names]),
            )

    def work(self, run: Run) -> None:
        """Compose the objects that are not yet, or whose proxies are new."""
        waiting = _waiting(run)
        run.in_training.recompose = set()
        if waiting:
            with run.clock.stage(self.name):
                _compose(run, waiting)

    def is_behind(self, run: Run) -> bool:
        """Whether the scene is composed."""
        return run.model.scene_composite.is_composed

    def facts(self, run: Run, name: str) -> ComposeFacts:
        """The object as it is composed."""
        store, seconds = run.model.scene_composite, seconds_of(run, self.name, name)
        if name in store.names:
            record = store.record(name)
            return ComposeFacts(
                state=DONE,
                kept=record.kept,
                dropped=record.dropped,
                filled=record.filled,
                evidence=dict(record.evidence),
                seconds=seconds,
            )
        placed = is_placed(run, name)
        if name in store.failures:
            return ComposeFacts(state=FAILED if placed else SKIPPED, reason=store.failures[name], seconds=seconds)
        if name in run.model.scene_proxies.rejected:
            reason = REJECTION
        elif run.model.config.compose.mode == "keep":
            reason = "--pipeline.model.compose.mode keep leaves the scene as it is."
        else:
            reason = NOT_YET if placed else reason_for_nothing(run, name)
        return ComposeFacts(state=SKIPPED, reason=reason)

    def finish(self, run: Run) -> None:
        """Print the composed objects."""
        store = run.model.scene_composite
        if store.names or store.failures:
            CONSOLE.print(_table(store))


def _waiting(run: Run) -> list[LiftedObject]:
    """The objects, with all their Gaussians, that have a proxy and are not composed with it."""
    if run.model.config.compose.mode == "keep":
        return []
    proxies, composite, again = run.model.scene_proxies, run.model.scene_composite, run.in_training.recompose
    tried = {name for name in (*composite.names, *composite.failures) if not again & {name, ALL}}
    wanted = {*proxies.names} - tried - proxies.rejected
    return [one for one in run.model.scene_objects.objects() if one.name in wanted]


def _compose(run: Run, waiting: list[LiftedObject]) -> None:
    """Compose all objects from the scene before; a failure is remembered, and costs its object only."""
    model, depths, to_world = run.model, run.views.depths, run.data.capture_to_world
    store, objects, config = model.scene_composite, model.scene_objects, model.config.compose
    faint = torch.nonzero((objects.labels == 0) & (objects.visibility < config.haze_seen))[:, 0]
    made, failed = [], {}
    for one in waiting:
        try:
            proxy = model.scene_proxies.proxy(one.name)
            with run.clock.of_object(one.name):
                made.append((one, compose(depths, store.own(one), proxy, to_world, config, faint)))
        except ScorpError as error:
            failed[one.name] = str(error)
    for name, reason in failed.items():
        take_back(run, name)
        store.fail(name, reason)
    for one, composed in made:
        take_back(run, one.name)
        _insert(run, one.name, composed)


def _insert(run: Run, name: str, composed: ComposedObject) -> None:
    """Append what fills an object to the scene's Gaussians."""
    model, one = run.model, run.model.scene_objects.object(name)
    assert one is not None
    rows = parameters_from_gaussians(composed.fill, model.config.sh_degree)
    with model.scene_objects.following(model.strategy_state) as state:
        append_rows(model.gauss_params, run.in_training.optimizers, state, rows)
    model.scene_composite.take(one, composed, dict(model.gauss_params.items()))
    model.scene_objects.adopt(one.label, composed.seen.float())
    run.views.forget_scene()


def take_back(run: Run, name: str) -> None:
    """Remove what filled an object, if it is composed, and show again what that replaced."""
    model = run.model
    if name not in model.scene_composite.names:
        return
    one = model.scene_objects.object(name)
    assert one is not None
    kept = model.scene_composite.forget(one)
    with model.scene_objects.following(model.strategy_state) as state:
        keep_rows(model.gauss_params, run.in_training.optimizers, state, kept)
    run.views.forget_scene()
    model.scene_objects.notify()


def _table(store: SceneComposite) -> Table:
    """The composed objects, for the terminal."""
    columns = ("object", "kept", "left out", "from its proxy", "proxy seen", "proxy denied (less is better)")
    table = Table(*columns, title="Composed objects")
    for name in store.names:
        record = store.record(name)
        shares = (f"{record.evidence[what]:.0%}" for what in ("seen", "denied"))
        table.add_row(escape(name), str(record.kept), str(record.dropped), str(record.filled), *shares)
    for name, reason in store.failures.items():
        table.add_row(escape(name), f"[yellow]as it was lifted: {escape(reason)}")
    return table
