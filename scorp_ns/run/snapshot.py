"""A run's scene as it was before a foreign stage worked on it, to compare with and to go back to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from scorp_ns.errors import ScorpError
from scorp_ns.gaussians.surgery import keep_rows
from scorp_ns.run.run import Run


class Snapshot:
    """The Gaussians with what optimizers know of them, and all that is known of objects, proxies and composing."""

    def __init__(self, run: Run) -> None:
        model = run.model
        self.run, self._is_training = run, model.training
        self._parameters = dict(model.gauss_params.items())
        self._values = {name: value.detach().clone() for name, value in self._parameters.items()}
        self._moments = {
            name: dict(run.in_training.optimizers[name].state.get(value, {}))
            for name, value in self._parameters.items()
        }
        self._strategy = dict(model.strategy_state)
        self._stores = {one: _copied(one) for one in (model.scene_objects, model.scene_proxies, model.scene_composite)}

    def check(self) -> None:
        """A ScorpError if the scene is nothing that a run can go on with."""
        try:
            fault = next(_faults(self.run, self._values), None)
        except Exception as error:  # Poses and boxes check themselves.
            fault = f"a scene that cannot be read ({type(error).__name__}: {error})"
        if fault is not None:
            raise ScorpError(
                f"The stage left {fault}.",
                "A run goes on with finite numbers, and as many rows everywhere.",
                "Ask the author of the stage to mend it.",
            )

    @property
    def is_current(self) -> bool:
        """Whether the Gaussians are as they were."""
        now = self.run.model.gauss_params
        return all(name in now and torch.equal(value, now[name]) for name, value in self._values.items())

    def accept(self) -> None:
        """Go on with the scene as it is, in tensors of its own: whoever still holds the others changes nothing."""
        if not self.is_current:
            self.run.views.forget_scene()
        self._own({one: _copied(one) for one in self._stores})

    def restore(self) -> None:
        """Go back to the scene as it was."""
        model = self.run.model
        for name in {*model.gauss_params.keys()} - {*self._parameters}:
            del model.gauss_params[name]
        for name, parameter in self._parameters.items():
            parameter.data = self._values[name]
            model.gauss_params[name] = parameter
            optimizer = self.run.in_training.optimizers[name]
            optimizer.param_groups[0]["params"] = [parameter]
            optimizer.state.clear()
            optimizer.state[parameter] = self._moments[name]
        model.strategy_state.clear()
        model.strategy_state.update(self._strategy)
        self._own(self._stores)
        self.run.views.forget_scene()

    def _own(self, stores: Mapping[Any, dict[str, Any]]) -> None:
        model = self.run.model
        for store, state in stores.items():
            store.load_state_dict(state)
        everything = torch.ones(len(model.gauss_params["means"]), dtype=torch.bool)
        keep_rows(model.gauss_params, self.run.in_training.optimizers, model.strategy_state, everything)
        model.train(self._is_training)
        model.scene_objects.notify()


def _copied(store: torch.nn.Module) -> dict[str, Any]:
    return deepcopy(dict(store.state_dict()))


def _faults(run: Run, before: dict[str, Tensor]) -> Iterator[str]:
    """The faults that a run cannot go on with, the simplest first, which later ones presume absent."""
    model, optimizers = run.model, run.in_training.optimizers
    parameters = dict(model.gauss_params.items())
    if _shapes(parameters) != _shapes(before):
        yield "other parameters of Gaussians than there were"
    strategy = {name: value for name, value in model.strategy_state.items() if isinstance(value, Tensor) and value.ndim}
    buffers = {**dict(model.scene_objects.named_buffers()), **dict(model.scene_composite.named_buffers()), **strategy}
    number = len(parameters["means"])
    rows = {len(value) for value in parameters.values()} | ({len(value) for value in buffers.values()} - {0})
    if rows != {number} or any(
        optimizers[name].param_groups[0]["params"][0] is not parameters[name] for name in before
    ):
        yield "Gaussians that optimizers, labels or layers know nothing of"
    if not all(bool(value.isfinite().all()) for value in parameters.values()):
        yield "Gaussians that are not finite"
    labels, votes = model.scene_objects.labels, model.scene_objects.votes
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < votes.shape[1]:
        yield "labels of no object"
    for one in run.own_objects():
        if not all(bool(part.isfinite().all()) for part in (one.frame.rotation, one.frame.center, one.frame.extent)):
            yield f"a frame of '{one.name}' that is not finite"
    for proxy in model.scene_proxies.proxies():
        parts = list(vars(proxy.gaussians).values())
        parts += [] if proxy.T_world_proxy is None else [proxy.T_world_proxy.matrix]
        if not all(bool(part.isfinite().all()) for part in parts):
            yield f"a proxy of '{proxy.name}' that is not finite"


def _shapes(values: dict[str, Tensor]) -> dict[str, torch.Size]:
    return {name: value.shape[1:] for name, value in values.items()}
