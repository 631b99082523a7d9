"""Between the training run and the generation of proxies: which objects need one, who makes it, what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING

from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from scorp_ns.errors import OutputError, ScorpError
from scorp_ns.export.proxy_files import remove_proxy, write_proxy, write_reasons
from scorp_ns.fields.hash_pyramid import check_encoding
from scorp_ns.host.progress_bar import progress_bar
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.messages import unknown_objects
from scorp_ns.plugins.generators import ALL
from scorp_ns.products import LiftedObject, ObjectInfo, Proxy, ProxyRequest
from scorp_ns.run.lifting import ObjectFlow, capture_to_world, scene_depths
from scorp_ns.scene.proxies import SceneProxies
from scorp_ns.stages.propose import propose, request_proxy

if TYPE_CHECKING:
    from scorp_ns.model import ScorpModel
    from scorp_ns.trainer import ScorpTrainer

CACHE = "generated"
"""The folder of stored replies, beside the methods' folders in that of the experiment."""


class ProxyFlow:
    """The generation of proxies in one training run."""

    def __init__(self, model: ScorpModel, trainer: ScorpTrainer, objects: ObjectFlow) -> None:
        self.model, self.objects, self.clock = model, objects, trainer.clock
        self.choice, self.store = model.config.generator, model.scene_proxies
        self.seed = trainer.config.machine.seed
        self.cache = trainer.base_dir.parents[1] / CACHE
        self.wanted_again = set(trainer.config.regenerate)
        """Names of objects whose proxies are to be made anew."""

    @cached_property
    def _infos(self) -> dict[str, ObjectInfo]:
        return {info.name: info for info in self.objects.lifting.masked_objects}

    def check_choice(self) -> None:
        """Build every generator that is chosen, and look up every name, so that mistakes show before training."""
        known = sorted({*self._infos, *self.model.scene_objects.names})
        named = {"regenerate": self.wanted_again}
        if known:
            check_encoding(self.model.config.proxy.encoding)
            named["generator.per-object"] = set(self.choice.per_object)
            for name in self.choice.names:
                self.choice.build(name)
        for option, names in named.items():
            if wrong := sorted(names - {ALL, *known}):
                raise ScorpError(*unknown_objects(f"--{option}", wrong, known, "capture", "Give it object masks."))
        self._heed_command()

    def _heed_command(self) -> None:
        """Let what the command says of objects to generate again count, not what was decided in a viewer before."""
        for name in self.wanted_again - {ALL}:
            self.store.restore(name)
            if name in self.choice.per_object:
                self.store.makers.pop(name, None)

    def propose(self) -> None:
        """Generate the proxies that are missing or wanted again, once."""
        if self.store.is_proposed and not self.wanted_again and not self._new_names():
            return
        waiting = self._waiting()
        self.store.is_proposed, self.wanted_again = True, set()
        if waiting:
            with self.clock.stage("propose"):
                self._propose(waiting)

    def _new_names(self) -> set[str]:
        """The objects of which nobody has tried to make a proxy, nor said that they need none."""
        tried = {*self.store.names, *self.store.failures, *self.store.rejected}
        return {*self.model.scene_objects.names} - tried

    def _waiting(self) -> list[tuple[LiftedObject, bool]]:
        """The objects that need a proxy, and whether it shall be made anew."""
        wanted, new_names = [], self._new_names()
        for one in map(self.model.scene_composite.own, self.model.scene_objects.objects()):
            is_rejected = one.name in self.store.rejected
            is_again = one.name in self.wanted_again or (ALL in self.wanted_again and not is_rejected)
            if is_again or one.name in new_names:
                wanted.append((one, is_again))
        return wanted

    def _propose(self, waiting: Sequence[tuple[LiftedObject, bool]]) -> None:
        depths = scene_depths(self.model, self.objects.datamanager)
        self.objects.lifting.find_views([one for one, _ in waiting])
        with progress_bar() as progress:
            for one, is_again in waiting:
                self._propose_one(one, is_again, depths, progress)

    def _propose_one(self, one: LiftedObject, is_again: bool, depths: SceneDepths, progress: Progress) -> None:
        """Generate one proxy; a failure is remembered, and costs this object only."""
        task = progress.add_task(_line(one.name, "gathering what is known"), total=None)

        def report(share: float | None, text: str) -> None:
            progress.update(task, total=1, completed=share, description=_line(one.name, text))

        began = perf_counter()
        maker = self.store.makers.get(one.name) or self.choice.name_for(one.name)
        CONSOLE.print(f"Making a proxy of '{one.name}': {maker} ...", markup=False)
        with self.clock.of_object(one.name), self.store.at_work(one.name, report, self.objects.warn) as work:
            try:
                generator = self.choice.build(maker)
                request = self._request(one, depths)
                config, to_world = self.model.config.proxy, capture_to_world(self.objects.datamanager)
                proxy = propose(request, generator, to_world, config, self.cache, is_again, work)
                self.store.take(proxy, seconds=perf_counter() - began)
            except ScorpError as error:
                self.store.fail(one.name, str(error))
        progress.remove_task(task)
        became = "failed" if one.name in self.store.failures else "done"
        CONSOLE.print(f"Proxy of '{one.name}': {became} after {perf_counter() - began:.0f} s.", markup=False)

    def _request(self, one: LiftedObject, depths: SceneDepths) -> ProxyRequest:
        info = self._infos.get(one.name, ObjectInfo(one.name))
        views = self.model.scene_objects.views.get(one.name, ())
        return request_proxy(depths, one, info, views, capture_to_world(self.objects.datamanager), self.seed)

    def finish(self) -> None:
        """At the end of the run: tell of the proxies, and write them."""
        if self.store.names or self.store.failures:
            CONSOLE.print(_table(self.store))
            for name, reason in _reasons(self.store).items():
                CONSOLE.print(f"{name}: {reason}", style="yellow", markup=False)
            self._save()

    def _save(self) -> None:
        """Write the proxies to the run's folder, if that was asked for; a failure costs the files, not the run."""
        if not self.objects.config.save_objects:
            return
        try:
            for name, folder in self.objects.lifting.folders().items():
                if name in self.store.names:
                    write_proxy(folder, self.store.proxy(name), capture_to_world(self.objects.datamanager))
                else:
                    remove_proxy(folder)
            write_reasons(self.objects.lifting.folder, _reasons(self.store))
        except OutputError as error:
            CONSOLE.print(f"{error} The run goes on without these files.", style="bold yellow", markup=False)


def _line(name: str, text: str) -> str:
    return f"Proxy of {escape(name)}: {escape(text)}"


def _table(store: SceneProxies) -> Table:
    """What became of every object's proxy, for the terminal."""
    table = Table("object", "made by", "Gaussians", "evidence", "stands", title="Proxies")
    for proxy in store.proxies():
        evidence = ", ".join(f"{key} {_short(value)}" for key, value in proxy.evidence.items())
        place = escape(_place_in_words(store, proxy))
        table.add_row(escape(proxy.name), escape(proxy.made_by), str(len(proxy.gaussians)), escape(evidence), place)
    for name in store.failures:
        table.add_row(escape(name), f"[yellow]{_failure_in_words(store, name)}; see below")
    return table


def _failure_in_words(store: SceneProxies, name: str) -> str:
    return "not made anew, the earlier one stays" if name in store.names else "no proxy"


def _reasons(store: SceneProxies) -> dict[str, str]:
    """Per object, why it has no proxy, none of its newest wish, or none with a place."""
    misplaced = {name: reason for name in store.names if (reason := store.misplaced(name)) is not None}
    return {**misplaced, **store.failures}


def _place_in_words(store: SceneProxies, proxy: Proxy) -> str:
    reason, confidence = store.misplaced(proxy.name), store.confidence(proxy.name)
    if reason is not None:
        return "nowhere; see below"
    if proxy.T_world_proxy is None:
        return "nobody has searched"
    return (
        ", ".join(["found", *(f"{key} {_short(value)}" for key, value in confidence.items())])
        if confidence
        else "known"
    )


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.3g}"
