"""Rows of Gaussians added and removed in the middle of training, with all that optimizers remember of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor
from torch.nn import Parameter, ParameterDict
from torch.optim import Optimizer

Parameters = MutableMapping[str, Parameter] | ParameterDict

Change = Callable[[Tensor], Tensor]
"""From the rows there were to the rows there shall be."""


def append_rows(
    parameters: Parameters,
    optimizers: Mapping[str, Optimizer],
    state: MutableMapping[str, Any],
    rows: Mapping[str, Tensor],
) -> None:
    """Append rows to every parameter, in place; optimizers and state know nothing of them yet, which is zeros."""
    (number,) = {len(values) for values in rows.values()}
    for name, parameter in list(parameters.items()):
        longer = Parameter(torch.cat([parameter.data, rows[name].to(parameter)]))
        parameters[name] = _taken_over(parameter, longer, optimizers.get(name), _with_zeros(number))
    _change_state(state, _with_zeros(number))


def keep_rows(
    parameters: Parameters,
    optimizers: Mapping[str, Optimizer],
    state: MutableMapping[str, Any],
    kept: Bool[Tensor, " n"],
) -> None:
    """Leave out all other rows everywhere, in place."""

    def choose(values: Tensor) -> Tensor:
        return values[kept.to(values.device)]

    for name, parameter in list(parameters.items()):
        parameters[name] = _taken_over(parameter, Parameter(choose(parameter.data)), optimizers.get(name), choose)
    _change_state(state, choose)


def _with_zeros(number: int) -> Change:
    return lambda values: torch.cat([values, values.new_zeros(number, *values.shape[1:])])


def _taken_over(old: Parameter, new: Parameter, optimizer: Optimizer | None, change: Change) -> Parameter:
    """The new parameter, in the old one's place in its optimizer, with what that remembers of the old one.

    A parameter cannot change its size: the last iteration's graph may still be there, and knows the old one.
    """
    if optimizer is None:
        return new
    for group in optimizer.param_groups:
        group["params"] = [new if parameter is old else parameter for parameter in group["params"]]
    moments = optimizer.state.pop(old, {})
    for name, value in moments.items():
        if isinstance(value, Tensor) and value.shape == old.shape:
            moments[name] = change(value)
    if moments:
        optimizer.state[new] = moments
    return new


def _change_state(state: MutableMapping[str, Any], change: Change) -> None:
    """Change whatever has rows in a strategy's state."""
    for name, value in state.items():
        if isinstance(value, Tensor) and value.ndim > 0:
            state[name] = change(value)
