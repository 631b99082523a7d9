"""The stage that generates a proxy for each object."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter

from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from rich.table import Table

from scorp_ns.errors import OutputError, ScorpError
from scorp_ns.export.proxy_files import remove_proxy, write_proxy, write_reasons
from scorp_ns.fields.hash_pyramid import check_encoding
from scorp_ns.messages import unknown_objects
from scorp_ns.plugins.generators import ALL
from scorp_ns.products import LiftedObject, ObjectInfo, ProxyRequest
from scorp_ns.report.of_run.facts import DONE, FAILED, SKIPPED, ProposeFacts, StageText
from scorp_ns.run.object_editing import find_views, object_paths
from scorp_ns.run.object_facts import reason_for_nothing, seconds_of
from scorp_ns.run.object_stage import ObjectStage
from scorp_ns.run.run import Run
from scorp_ns.scene.proxies import SceneProxies
from scorp_ns.scene.records import Placed, ProxyRecord, Refused
from scorp_ns.stages.propose import propose, request_proxy

CACHE = "generated"
"""The folder of stored replies, beside the methods' folders in that of the experiment."""


class ProposeStage(ObjectStage):
    """The generation of proxies, one object after the other."""

    name, result, moment = "propose", "proxies made", "propose"
    text = StageText("propose", "proxy", "There is no proxy of it, and it stays as it was lifted.", ProposeFacts)

    def check(self, run: Run) -> None:
        """Build every generator that is chosen, and look up every name of an object."""
        choice, wanted = run.model.config.generator, run.in_training.regenerate
        known = sorted({*(info.name for info in run.masked_objects), *run.model.scene_objects.names})
        named = {"regenerate": wanted}
        if known:
            check_encoding(run.model.config.proxy.encoding)
            named["generator.per-object"] = set(choice.per_object)
            for name in choice.names:
                choice.build(name)
        for option, names in named.items():
            if wrong := sorted(names - {ALL, *known}):
                raise ScorpError(*unknown_objects(f"--{option}", wrong, known, "capture", "Give it object masks."))
        _prefer_command(run)

    def work(self, run: Run) -> None:
        """Generate the proxies that are missing or wanted again, once."""
        store, training = run.model.scene_proxies, run.in_training
        if store.is_proposed and not training.regenerate and not _untried(run):
            return
        waiting = _waiting(run)
        store.is_proposed, training.regenerate = True, set()
        if waiting:
            with run.clock.stage(self.name):
                find_views(run, [one for one, _ in waiting])
                for one, is_again in waiting:
                    _propose(run, one, is_again)

    def is_behind(self, run: Run) -> bool:
        """Whether proxies were generated."""
        return run.model.scene_proxies.is_proposed

    def facts(self, run: Run, name: str) -> ProposeFacts:
        """The proxy as its generator made it."""
        store = run.model.scene_proxies
        reason = store.failures.get(name)
        if name not in store.names:
            state, why = (SKIPPED, reason_for_nothing(run, name)) if reason is None else (FAILED, reason)
            return ProposeFacts(state=state, reason=why, seconds=seconds_of(run, self.name, name))
        record = store.record(name)
        return ProposeFacts(
            state=DONE,
            reason=None if reason is None else f"It was not made anew, the earlier one stays. {reason}",
            made_by=record.made_by,
            gaussians=len(store.proxy(name).gaussians),
            evidence=dict(record.evidence),
            notes=list(record.notes),
            seconds=record.seconds,
            license=record.license,
        )

    def finish(self, run: Run) -> None:
        """Print all proxies and why objects have none, and write them."""
        store = run.model.scene_proxies
        if not store.names and not store.failures:
            return
        CONSOLE.print(_table(store))
        for name, reason in _reasons(store).items():
            CONSOLE.print(f"{name}: {reason}", style="yellow", markup=False)
        if run.in_training.save_objects:
            _write(run)


def _prefer_command(run: Run) -> None:
    """Let the command's objects to generate again count, not what was decided in a viewer before."""
    store = run.model.scene_proxies
    for name in run.in_training.regenerate - {ALL}:
        store.restore(name)
        if name in run.model.config.generator.per_object:
            store.makers.pop(name, None)


def _untried(run: Run) -> set[str]:
    """The objects without any attempt at a proxy, or a decision that they need none."""
    store = run.model.scene_proxies
    return {*run.model.scene_objects.names} - {*store.names, *store.failures, *store.rejected}


def _waiting(run: Run) -> list[tuple[LiftedObject, bool]]:
    """The objects that need a proxy, and whether it shall be made anew."""
    again, rejected, untried = run.in_training.regenerate, run.model.scene_proxies.rejected, _untried(run)
    if ALL in again:
        again = again | ({*run.model.scene_objects.names} - rejected)
    return [(one, one.name in again) for one in run.own_objects(again | untried)]


def _propose(run: Run, one: LiftedObject, is_again: bool) -> None:
    """Generate one proxy; a failure is remembered, and costs this object only."""
    began, store, choice = perf_counter(), run.model.scene_proxies, run.model.config.generator
    maker = store.makers.get(one.name) or choice.name_for(one.name)
    CONSOLE.print(f"Making a proxy of '{one.name}': {maker} ...", markup=False)
    became = "done"
    with run.work_on(one.name, "Proxy of") as work:
        try:
            generator = choice.build(maker)
            work.report(None, "gathering what is known")
            cache = run.in_training.folder.parents[1] / CACHE
            to_world, config = run.data.capture_to_world, run.model.config.proxy
            proxy = propose(_request(run, one), generator, to_world, config, cache, is_again, work)
            store.take(proxy, seconds=perf_counter() - began)
        except ScorpError as error:
            store.fail(one.name, str(error))
            became = "failed"
    CONSOLE.print(f"Proxy of '{one.name}': {became} after {perf_counter() - began:.0f} s.", markup=False)


def _request(run: Run, one: LiftedObject) -> ProxyRequest:
    infos = {info.name: info for info in run.masked_objects}
    views = run.model.scene_objects.views.get(one.name, ())
    info, seed = infos.get(one.name, ObjectInfo(one.name)), run.in_training.seed
    return request_proxy(run.views.depths, one, info, views, run.data.capture_to_world, seed)


def _write(run: Run) -> None:
    """Write the proxies to the run's folder; a failure costs the files, not the run."""
    store = run.model.scene_proxies
    try:
        for name, folder in object_paths(run).items():
            if name in store.names:
                write_proxy(folder, store.proxy(name), run.data.capture_to_world)
            else:
                remove_proxy(folder)
        write_reasons(run.folder, _reasons(store))
    except OutputError as error:
        CONSOLE.print(f"{error} The run goes on without these files.", style="bold yellow", markup=False)


def _reasons(store: SceneProxies) -> dict[str, str]:
    """Per object, why it has no proxy, none of its newest request, or none with a place."""
    placements = {name: store.record(name).placement for name in store.names}
    refused = {name: placement.reason for name, placement in placements.items() if isinstance(placement, Refused)}
    return {**refused, **store.failures}


def _table(store: SceneProxies) -> Table:
    """The proxies, for the terminal."""
    table = Table("object", "made by", "Gaussians", "evidence", "stands", title="Proxies")
    for name in store.names:
        record, number = store.record(name), len(store.proxy(name).gaussians)
        evidence, place = _listed(record.evidence), _place_in_words(record)
        table.add_row(*map(escape, (name, record.made_by, str(number), evidence, place)))
    for name in store.failures:
        text = "not made anew, the earlier one stays" if name in store.names else "no proxy"
        table.add_row(escape(name), f"[yellow]{text}; see below")
    return table


def _place_in_words(record: ProxyRecord) -> str:
    match record.placement:
        case Refused():
            return "nowhere; see below"
        case Placed(confidence=confidence):
            return f"found, {_listed(confidence)}" if confidence else "known"
        case _:
            return "not searched for"


def _listed(facts: Mapping[str, float | str]) -> str:
    return ", ".join(f"{key} {value if isinstance(value, str) else f'{value:.3g}'}" for key, value in facts.items())
