"""Surfaces as a few convex parts, which is what physics engines collide."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64

from scorp_ns.optional_packages import optional_module
from scorp_ns.surfaces.mesh import ColoredMesh

CONCAVITY = 0.1
"""Largest concavity of a part, where this takes no more parts than are allowed."""

MOST_VERTICES = 64
"""Per part: some physics engines take no more."""

SEARCH = {"mcts_iterations": 40, "mcts_max_depth": 2, "resolution": 1000}
"""Effort of the search for cuts (CoACD, Wei et al. 2022): seconds, not a minute, for hardly worse parts."""

ConvexPart = tuple[Float32[np.ndarray, "_ 3"], Int64[np.ndarray, "_ 3"]]
"""Vertices and triangles, counter-clockwise as seen from outside."""


def convex_parts(surface: ColoredMesh, most_parts: int) -> list[ConvexPart]:
    """Vertices and triangles of convex parts that together cover the closed surface; they take a few seconds."""
    coacd = optional_module("coacd", "Convex parts for URDF and MJCF")
    coacd.set_log_level("error")
    # The search's steps have to be neither tiny nor huge.
    low, _ = surface.bounds
    unit = (surface.vertices - low) / surface.diagonal
    found = coacd.run_coacd(
        coacd.Mesh(unit.astype(np.float64), surface.faces.astype(np.int32)),
        threshold=CONCAVITY,
        max_convex_hull=most_parts,
        preprocess_mode="off",
        decimate=True,
        max_ch_vertex=MOST_VERTICES,
        seed=0,
        **SEARCH,
    )
    return [
        ((np.asarray(vertices) * surface.diagonal + low).astype(np.float32), np.asarray(faces, np.int64))
        for vertices, faces in found
    ]
