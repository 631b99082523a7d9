"""The stage that searches for the pose of each proxy."""

from __future__ import annotations

from collections.abc import Mapping

from scorp_ns.errors import ScorpError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.products import LiftedObject, ObjectInfo, ProxyRequest
from scorp_ns.report.of_run.facts import DONE, FAILED, SKIPPED, Facts, PlaceFacts, StageText
from scorp_ns.run.object_facts import NOT_YET, reason_for_nothing, seconds_of
from scorp_ns.run.object_stage import ObjectStage
from scorp_ns.run.run import Run
from scorp_ns.scene.records import Placed, Refused, Unplaced
from scorp_ns.stages.mend import mend
from scorp_ns.stages.place import FeatureMatching, PlacingError, place
from scorp_ns.stages.propose import request_proxy


class PlaceStage(ObjectStage):
    """The placing of proxies that have no pose and were not searched for in vain."""

    name, result, moment = "place", "proxies placed", "place"
    text = StageText(
        "place", "placed", "The place of its proxy is not to be believed, and it stays as it was lifted.", PlaceFacts
    )

    def check(self, run: Run) -> None:
        """Build the matcher that is chosen."""
        if run.masked_objects or run.model.scene_objects.names:
            run.model.config.matcher.build()

    def work(self, run: Run) -> None:
        """Search for the poses of proxies without one."""
        run.in_training.just_placed |= place_proxies(run)

    def is_behind(self, run: Run) -> bool:
        """Whether any proxy is placed."""
        proxies = run.model.scene_proxies
        return any(proxies.pose(name) is not None for name in proxies.names)

    def facts(self, run: Run, name: str) -> PlaceFacts:
        """The pose of the proxy, or the best one that was refused."""
        store = run.model.scene_proxies
        if name not in store.names:
            return PlaceFacts(state=SKIPPED, reason=reason_for_nothing(run, name))
        placement, seconds = store.record(name).placement, seconds_of(run, self.name, name)
        if isinstance(placement, Unplaced):
            return PlaceFacts(state=SKIPPED, reason=NOT_YET)
        confidence: Facts = dict(placement.confidence) or None
        if isinstance(placement, Refused):
            pose = _in_capture(run, placement.best)
            return PlaceFacts(
                state=FAILED,
                reason=placement.reason,
                by="search",
                proxy_to_capture=pose,
                seconds=seconds,
                confidence=confidence,
            )
        pose = _in_capture(run, placement.pose)
        return PlaceFacts(state=DONE, by=placement.by, proxy_to_capture=pose, seconds=seconds, confidence=confidence)


def place_proxies(run: Run) -> set[str]:
    """Search for the poses of proxies without one; the names of those found."""
    store = run.model.scene_proxies
    unplaced = {name for name in store.names if isinstance(store.record(name).placement, Unplaced)} - store.rejected
    if unplaced:
        with run.clock.stage(PlaceStage.name):
            matching = _matching(run)
            for one in run.own_objects(unplaced):
                _place(run, one, matching)
    return {name for name in unplaced if store.pose(name) is not None}


def request_of(run: Run, one: LiftedObject) -> ProxyRequest:
    """All that photographs show of an object, in the capture's frame."""
    seed = run.in_training.seed
    return request_proxy(run.views.depths, one, ObjectInfo(one.name), (), run.data.capture_to_world, seed)


def _matching(run: Run) -> FeatureMatching | None:
    """The matcher that is chosen, if there is one and it can be had."""
    choice = run.model.config.matcher
    try:
        matcher = choice.build()
    except ScorpError as error:
        run.warn(f"Proxies are placed without matches. {error}")
        return None
    return None if matcher is None else FeatureMatching(matcher, choice.matching)


def _place(run: Run, one: LiftedObject, matching: FeatureMatching | None) -> None:
    """Place one proxy; a failure is remembered, and costs this object only."""
    store, to_world, request = run.model.scene_proxies, run.data.capture_to_world, request_of(run, one)
    start = store.record(one.name).start
    with run.work_on(one.name, "Placing") as work:
        try:
            is_told = start is not None and start.by_person
            config = run.model.config.place
            found = place(store.proxy(one.name), request, to_world, config, work, matching, is_told)
            store.set_placement(one.name, Placed(found.T_world_proxy, found.confidence, "search"))
            _mend(run, one.name, request, found.confidence, work)
        except PlacingError as error:
            store.set_placement(one.name, Refused(str(error), error.confidence, error.T_world_refused))
        except ScorpError as error:
            store.set_placement(one.name, Refused(str(error), {}, None))


def _mend(run: Run, name: str, request: ProxyRequest, confidence: Mapping[str, float], work: Work) -> None:
    """Mend the shape of a proxy that has its place; a failure costs the new shape only."""
    store, config = run.model.scene_proxies, run.model.config.place
    try:
        mended = mend(store.proxy(name), request, run.data.capture_to_world, config.shape, config.seed, work)
    except ScorpError as error:
        run.warn(f"The proxy of '{name}' keeps its shape. {error}")
        return
    if mended is not None and mended.T_world_proxy is not None:
        store.reshape(mended)
        store.set_placement(name, Placed(mended.T_world_proxy, confidence, "search"))


def _in_capture(run: Run, pose: Similarity | None) -> list[list[float]] | None:
    return None if pose is None else (run.data.capture_to_world.inverse() @ pose).matrix.tolist()
