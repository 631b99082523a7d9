"""The formats that objects are had in; the command line names them and must not load anything heavy."""

from __future__ import annotations

from typing import Literal

Format = Literal["splat", "spz", "glb", "obj", "ply", "usd", "usdz", "urdf", "mjcf"]
"""Gaussians as PLY or SPZ; meshes as GLB, OBJ, PLY, USD or USDZ; bodies for simulators as URDF or MJCF."""
