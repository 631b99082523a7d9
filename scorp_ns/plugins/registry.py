"""Plug-ins of other packages: configs found by the name under which they are registered."""

from __future__ import annotations

from importlib.metadata import entry_points
from typing import Any

from scorp_ns.errors import ScorpError
from scorp_ns.messages import counted

MASK_SOURCES = "scorp.mask_sources"
"""The group of entry points for sources of object masks."""

GENERATORS = "scorp.generators"
"""The group of entry points for generators of proxies."""

MATCHERS = "scorp.matchers"
"""The group of entry points for matchers of features."""

STAGES = "scorp.stages"
"""The group of entry points for stages of runs."""


def plugin_names(group: str) -> list[str]:
    """The names that are registered in a group, in alphabetical order."""
    return sorted({point.name for point in entry_points(group=group)})


def load_plugin(group: str, name: str) -> Any:
    """The config that is registered under a name, with its defaults; a ScorpError if it cannot be used."""
    points = tuple(entry_points(group=group, name=name))
    if not points:
        names = ", ".join(f"'{known}'" for known in plugin_names(group)) or "none"
        raise ScorpError(
            f"No plugin '{name}' is registered in '{group}'.",
            f"Registered are: {names}.",
            "Choose one of these, or install the package that brings it.",
        )
    if len({point.value for point in points}) > 1:
        packages = " and ".join(sorted(point.value for point in points))
        raise ScorpError(
            f"'{name}' is registered {counted(len(points), 'time')} in '{group}': {packages}.",
            "A name can stand for one plugin only.",
            "Uninstall one of the packages.",
        )
    return _load(group, name, points[0])


def with_options(config: Any, options: dict[str, str], plugin: str, option: str) -> Any:
    """A plugin's settings with those that the user gave as text below `--pipeline.<option>`."""
    import tyro  # Here, since `scorp` asks for names alone, and shall answer at once.

    arguments = [part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", value)]
    try:
        return tyro.cli(type(config), default=config, args=arguments) if arguments else config
    except SystemExit as error:
        raise ScorpError(
            f"--pipeline.{option} {' '.join(f'{key} {value}' for key, value in options.items())}",
            f"These are not settings of the {plugin}, or not values that they take; see above.",
            "Correct them.",
        ) from error


def _load(group: str, name: str, point: Any) -> Any:
    """The config, made if a class is registered."""
    where = f"The plugin '{name}' of '{group}' ({point.value})"
    needed = "It must be a config dataclass, or a config, with a method build()."
    try:
        config = point.load()
        config = config() if isinstance(config, type) else config
    except Exception as error:  # A foreign package may fail in any way.
        kind = type(error).__name__
        raise ScorpError(
            f"{where} cannot be loaded ({kind}: {error}).", needed, "Repair, update or uninstall its package."
        ) from error
    if not callable(getattr(config, "build", None)):
        raise ScorpError(f"{where} is a {type(config).__name__} without build().", needed, "Ask its author to add it.")
    return config
