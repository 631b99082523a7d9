"""The choice of a generator for each object's proxy."""

from __future__ import annotations

from dataclasses import dataclass, field

from scorp_ns.generate.assets import AssetConfig
from scorp_ns.generate.external.command import CommandConfig
from scorp_ns.generate.external.http import HttpConfig
from scorp_ns.generate.generator import Generator
from scorp_ns.generate.symmetry.config import SymmetryConfig
from scorp_ns.plugins.registry import GENERATORS, load_plugin, with_options

BUILT_IN = ("symmetry", "asset", "command", "http")
"""The generators whose settings are fields of the choice."""

ALL = "all"
"""Stands for the names of all objects where some are to be generated again."""


@dataclass
class GeneratorChoice:
    """The generators that complete lifted objects."""

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
        if name in BUILT_IN:
            return getattr(self, name).build()
        config = load_plugin(GENERATORS, name)
        return with_options(config, self.options, f"generator '{name}'", "model.generator.options").build()
