"""Which generator makes which object's proxy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import tyro

from scorp_ns.errors import ScorpError
from scorp_ns.generate.assets import AssetConfig
from scorp_ns.generate.command import CommandConfig
from scorp_ns.generate.generator import Generator
from scorp_ns.generate.http import HttpConfig
from scorp_ns.generate.symmetry.config import SymmetryConfig
from scorp_ns.plugins import GENERATORS, load_plugin

BUILT_IN = ("symmetry", "asset", "command", "http")
"""The generators whose settings are fields of the choice."""


@dataclass
class GeneratorChoice:
    """Who makes complete objects out of lifted ones."""

    name: str = "symmetry"
    """`symmetry` (no weights), `asset`, `command`, `http`, or the name of an installed plugin."""
    per_object: dict[str, str] = field(default_factory=dict)
    """Generators of objects that shall have another one: pairs of an object's name and a generator's."""
    options: dict[str, str] = field(default_factory=dict)
    """Settings of an installed plugin: pairs of a setting's name and its value."""
    symmetry: SymmetryConfig = field(default_factory=SymmetryConfig)
    """Completion by the object's own symmetry."""
    asset: AssetConfig = field(default_factory=AssetConfig)
    """Files of your own, one per object."""
    command: CommandConfig = field(default_factory=CommandConfig)
    """A program that is run for every object."""
    http: HttpConfig = field(default_factory=HttpConfig)
    """A server that is asked for every object."""

    def name_for(self, name: str) -> str:
        """The generator of the object with this name."""
        return self.per_object.get(name, self.name)

    @property
    def names(self) -> set[str]:
        """All generators that are chosen for something."""
        return {self.name, *self.per_object.values()}

    def build(self, name: str) -> Generator:
        """The generator with this name; a ScorpError if it is not installed or its settings cannot work."""
        config = getattr(self, name) if name in BUILT_IN else load_plugin(GENERATORS, name)
        return (config if name in BUILT_IN else _with_options(config, self.options, name)).build()


def _with_options(config: Any, options: dict[str, str], name: str) -> Any:
    """A plugin's settings with those that the user gave as text."""
    arguments = [part for key, value in options.items() for part in (f"--{key.replace('_', '-')}", value)]
    try:
        return tyro.cli(type(config), default=config, args=arguments) if arguments else config
    except SystemExit as error:
        raise ScorpError(
            f"--pipeline.model.generator.options {' '.join(f'{key} {value}' for key, value in options.items())}",
            f"These are not settings of the generator '{name}', or not values that they take; see above.",
            "Correct them.",
        ) from error
