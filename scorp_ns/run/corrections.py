"""The requests of people at the viewer, carried out between two iterations."""

from __future__ import annotations

from functools import singledispatch

from nerfstudio.utils.rich_utils import CONSOLE

from scorp_ns.errors import CorrectionError, ScorpError
from scorp_ns.messages import all_of
from scorp_ns.pose.local_starts import is_near
from scorp_ns.run.composing import take_back
from scorp_ns.run.placing import place_proxies
from scorp_ns.run.requests import Accept, Keep, Regenerate, Reject, Request, Restore, Search
from scorp_ns.run.run import Run
from scorp_ns.scene.records import Placed, Refused


def carry_out(run: Run) -> None:
    """Do all that waits; a request that cannot be carried out is answered, and costs nothing else.

    Requests change what stages find when they look for work next.
    """
    for request in run.requests.take():
        try:
            answer = _do(request, run)
        except ScorpError as error:
            answer = str(error)
        CONSOLE.print(f"As asked for in the viewer: {answer}", markup=False)
        run.requests.answer(answer)


@singledispatch
def _do(request: Request, run: Run) -> str:
    """The answer to a request, once it is carried out."""
    raise AssertionError(f"{request} is no request.")


@_do.register
def _accept(request: Accept, run: Run) -> str:
    _check_proxy(run, request.name)
    run.model.scene_proxies.set_placement(request.name, Placed(request.T_world_proxy, {}, "person"))
    _compose_again(run, request.name)
    return f"The proxy of '{request.name}' stands where you put it."


@_do.register
def _search(request: Search, run: Run) -> str:
    _check_proxy(run, request.name)
    if request.T_world_start.is_mirrored:
        raise CorrectionError(
            f"The place given for '{request.name}' mirrors its proxy.",
            "Only turned, moved and scaled places are searched.",
            "Accept the place as it is, or undo the mirroring.",
        )
    store = run.model.scene_proxies
    with store.keeping_pose(request.name):
        store.start_from(request.name, request.T_world_start)
        place_proxies(run)
        placement = store.record(request.name).placement
    if isinstance(placement, Refused):
        raise CorrectionError(
            f"No place of the proxy of '{request.name}' was found, near yours or elsewhere. {placement.reason}",
            "It stays as it was before.",
            "Accept your place as it is, if you are sure of it.",
        )
    _compose_again(run, request.name)
    found = store.pose(request.name)
    if found is not None and is_near(request.T_world_start, found):
        return f"The proxy of '{request.name}' stands in the best place near where you put it."
    return (
        f"Near where you put the proxy of '{request.name}' no place is to be believed. It was searched for "
        "everywhere, and stands elsewhere now: accept your place as it is, if you are sure of it."
    )


@_do.register
def _reject(request: Reject, run: Run) -> str:
    _check_name(run, request.name)
    run.model.scene_proxies.reject(request.name)
    take_back(run, request.name)
    return f"'{request.name}' keeps what was lifted of it."


@_do.register
def _restore(request: Restore, run: Run) -> str:
    _check_name(run, request.name)
    _compose_again(run, request.name)
    return f"'{request.name}' is put together with its proxy again."


@_do.register
def _regenerate(request: Regenerate, run: Run) -> str:
    _check_name(run, request.name)
    run.model.config.generator.build(request.generator)
    run.model.scene_proxies.makers[request.name] = request.generator
    run.in_training.regenerate.add(request.name)
    _compose_again(run, request.name)
    return f"The proxy of '{request.name}' will be made anew by '{request.generator}'."


@_do.register
def _keep(request: Keep, run: Run) -> str:
    return f"What was done to '{request.name}' is stored."


def _compose_again(run: Run, name: str) -> None:
    run.model.scene_proxies.restore(name)
    run.in_training.recompose.add(name)


def _check_name(run: Run, name: str) -> None:
    if name not in (known := run.model.scene_objects.names):
        raise CorrectionError(
            f"There is no object '{name}' any more.",
            f"The run has {all_of(known)}." if known else "The run has no objects.",
            "Choose another one.",
        )


def _check_proxy(run: Run, name: str) -> None:
    _check_name(run, name)
    if name not in run.model.scene_proxies.names:
        raise CorrectionError(
            f"'{name}' has no proxy.",
            "Only proxies are placed.",
            "Wait until it has one, or choose another generator.",
        )
