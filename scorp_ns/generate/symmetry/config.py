"""The settings of the built-in generator, apart from its kernels: the host imports them in all of its commands."""

from __future__ import annotations

from dataclasses import dataclass

from scorp_ns.generate.generator import Generator


@dataclass
class SymmetryConfig:
    """Settings of completing objects from their own evidence."""

    cells: int = 100
    """Steps of the grid along the object's diagonal: more show finer detail, in time like their third power."""

    def __post_init__(self) -> None:
        if not 16 <= self.cells <= 256:
            raise ValueError(f"generator.symmetry.cells is {self.cells}; it must be 16 to 256.")

    def build(self) -> Generator:
        """The generator."""
        from scorp_ns.generate.symmetry.generator import SymmetryGenerator

        return SymmetryGenerator(self.cells)
