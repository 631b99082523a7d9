"""What every asset becomes before it is made a proxy."""

from __future__ import annotations

from dataclasses import dataclass

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.surfaces.mesh import ColoredMesh


@dataclass(frozen=True)
class CanonicalShape:
    """A closed surface that faces outwards, with the box around it centred at the origin and its diagonal 1."""

    mesh: ColoredMesh
    """In the proxy frame, with up along z where the asset says what is up."""
    T_asset_proxy: Similarity
    """From the proxy frame to the asset's own."""
    notes: tuple[str, ...]
    """What was repaired, in sentences."""
