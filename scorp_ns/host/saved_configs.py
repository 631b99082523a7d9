"""Configurations from files of other versions, which may lack settings of this one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import MISSING, fields, is_dataclass
from typing import Any


def fill_in_defaults(config: Any) -> None:
    """Give a configuration, and all within it, the settings that its file did not name.

    The host's loader sets attributes without calling constructors; a setting that is no longer known stays unused.
    """
    if is_dataclass(config) and not isinstance(config, type):
        values = vars(config)
        for field in fields(config):
            if field.name not in values and field.default_factory is not MISSING:
                values[field.name] = field.default_factory()
            elif field.name not in values and field.default is not MISSING:
                values[field.name] = field.default
        _fill_in_all(values.values())
    elif isinstance(config, dict):
        _fill_in_all(config.values())


def _fill_in_all(configs: Iterable[Any]) -> None:
    for config in configs:
        fill_in_defaults(config)
