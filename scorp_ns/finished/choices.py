"""The options and the result of an export; light to import, as the command line takes its defaults from here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from scorp_ns.errors import ScorpError
from scorp_ns.optional_packages import optional_module

Format = Literal["splat", "spz", "glb", "obj", "ply", "usd", "usdz", "urdf", "mjcf"]
"""Gaussians as PLY or SPZ; meshes as GLB, OBJ, PLY, USD or USDZ; bodies for simulators as URDF or MJCF."""

OF_GAUSSIANS = ("splat", "spz")
"""Formats that every object can be written in; the others need the surface of its proxy."""

FOR_SIMULATORS = ("urdf", "mjcf")

NEEDED = {"spz": "gsply", "usd": "pxr", "usdz": "pxr", "urdf": "coacd", "mjcf": "coacd"}
"""Modules of optional packages."""


@dataclass(frozen=True)
class ExportChoices:
    """The options of an export."""

    formats: tuple[Format, ...]
    frame: Literal["capture", "object"] = "capture"
    target_faces: int = 10_000
    texture_size: int = 1024
    convex_parts: int = 16
    density: float = 1000.0

    def __post_init__(self) -> None:
        from scorp_ns.export.baking import LARGEST_TEXTURE, SMALLEST_TEXTURE
        from scorp_ns.export.closed_meshes import FEWEST_FACES

        if not self.formats:
            raise _wrong("--formats is empty.", f"At least one of {', '.join(get_args(Format))} is needed.")
        if self.target_faces < FEWEST_FACES:
            raise _wrong(f"--target-faces is {self.target_faces}.", f"At least {FEWEST_FACES} are needed.")
        if not SMALLEST_TEXTURE <= self.texture_size <= LARGEST_TEXTURE:
            needed = f"It can be {SMALLEST_TEXTURE} to {LARGEST_TEXTURE} texels a side."
            raise _wrong(f"--texture-size is {self.texture_size}.", needed)
        if self.convex_parts < 1:
            raise _wrong(f"--convex-parts is {self.convex_parts}.", "A body needs at least one part.")
        if not 0 < self.density < float("inf"):
            raise _wrong(f"--density is {self.density}.", "It must be more than 0, in kilograms per cubic unit.")

    @property
    def has_gaussians(self) -> bool:
        """True if any of the formats holds Gaussians."""
        return any(name in OF_GAUSSIANS for name in self.formats)

    @property
    def needs_meshes(self) -> bool:
        """True if any of the formats holds surfaces."""
        return any(name not in OF_GAUSSIANS for name in self.formats)

    @property
    def needs_bodies(self) -> bool:
        """True if any of the formats is for simulators."""
        return any(name in FOR_SIMULATORS for name in self.formats)

    def check_packages(self) -> None:
        """Raise an error, before anything takes time, if a package that the formats need is missing."""
        for name in self.formats:
            if name in NEEDED:
                optional_module(NEEDED[name], f"Files of the format {name}")


def _wrong(found: str, needed: str) -> ScorpError:
    return ScorpError(found, needed, "Correct it.")


@dataclass(frozen=True)
class ExportResult:
    """The files of an export, with notes for people."""

    folder: Path
    files: tuple[str, ...]
    """All files that were written, relative to the folder."""
    formats: tuple[Format, ...]
    """Their formats."""
    notes: tuple[str, ...]
    """Sentences about anything missing, with the reason."""
