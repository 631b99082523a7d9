"""Closed coloured surfaces of a dozen things, from formulas, as generators would make them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from scorp_ns.surfaces.marching import Grid, extract_surface
from scorp_ns.surfaces.mesh import ColoredMesh

SPACING = 1 / 40
"""Of the grid that surfaces are cut out of; things are about as large as 1."""

Solid = Callable[[np.ndarray], np.ndarray]
"""Signed distances of points, or less; negative inside."""


def box(x: float, y: float, z: float, sides: tuple[float, float, float]) -> Solid:
    def distance(points: np.ndarray) -> np.ndarray:
        beyond = np.abs(points - [x, y, z]) - np.array(sides) / 2
        return np.linalg.norm(np.maximum(beyond, 0), axis=1) + np.minimum(beyond.max(axis=1), 0)

    return distance


def ball(x: float, y: float, z: float, radius: float) -> Solid:
    return lambda points: np.linalg.norm(points - [x, y, z], axis=1) - radius


def rod(start: tuple[float, ...], end: tuple[float, ...], first: float, last: float | None = None) -> Solid:
    """A round rod whose thickness changes evenly."""

    def distance(points: np.ndarray) -> np.ndarray:
        along = np.subtract(end, start)
        share = np.clip((points - start) @ along / (along @ along), 0, 1)
        radius = first + ((first if last is None else last) - first) * share
        return np.linalg.norm(points - start - share[:, None] * along, axis=1) - radius

    return distance


def cylinder(x: float, y: float, low: float, high: float, radius: float) -> Solid:
    def distance(points: np.ndarray) -> np.ndarray:
        around = np.hypot(points[:, 0] - x, points[:, 1] - y) - radius
        return np.maximum(around, np.abs(points[:, 2] - (low + high) / 2) - (high - low) / 2)

    return distance


def ring(x: float, y: float, z: float, radius: float, thickness: float) -> Solid:
    """A ring that stands upright in the plane of x and z."""

    def distance(points: np.ndarray) -> np.ndarray:
        around = np.hypot(points[:, 0] - x, points[:, 2] - z) - radius
        return np.hypot(around, points[:, 1] - y) - thickness

    return distance


def joined(*solids: Solid) -> Solid:
    return lambda points: np.min([solid(points) for solid in solids], axis=0)


def without(solid: Solid, hole: Solid) -> Solid:
    return lambda points: np.maximum(solid(points), -hole(points))


def striped(points: np.ndarray) -> np.ndarray:
    """Colours that change slowly, and differently along all axes."""
    waves = np.sin(points @ np.array([[5.0, 2.0, -1.0], [-2.0, 4.5, 3.0], [1.5, -3.0, 5.5]]) + [0.3, 1.7, 4.0])
    return np.clip(0.5 + 0.35 * waves, 0, 1)


def plain(points: np.ndarray) -> np.ndarray:
    return np.broadcast_to([0.7, 0.45, 0.3], points.shape)


def labelled(points: np.ndarray) -> np.ndarray:
    """Plain, but for a label on one side."""
    is_label = (np.abs(points[:, 2]) < 0.15) & (points[:, 0] > 0.05) & (np.abs(points[:, 1]) < 0.14)
    return np.where(is_label[:, None], [0.15, 0.25, 0.7], [0.85, 0.75, 0.3])


@dataclass(frozen=True)
class Thing:
    """A solid with z up, and by which turns about z it looks the same."""

    solid: Solid
    color: Callable[[np.ndarray], np.ndarray]
    order: int | None = 1
    """So many equal turns make a whole one; None for a body of revolution."""


_LEG = (0.07, 0.07, 0.4)

THINGS: Mapping[str, Thing] = {
    "mug": Thing(
        joined(
            without(cylinder(0, 0, -0.35, 0.35, 0.3), cylinder(0, 0, -0.27, 0.5, 0.22)), ring(0.33, 0, 0, 0.18, 0.06)
        ),
        striped,
    ),
    "teapot": Thing(
        joined(
            ball(0, 0, 0, 0.32),
            ball(0, 0, 0.33, 0.07),
            ring(-0.33, 0, 0, 0.17, 0.05),
            rod((0.25, 0, -0.05), (0.55, 0, 0.22), 0.09, 0.05),
        ),
        plain,
    ),
    "bracket": Thing(joined(box(0, 0, -0.3, (0.9, 0.4, 0.12)), box(-0.39, 0, 0.05, (0.12, 0.4, 0.7))), striped),
    "chair": Thing(
        joined(
            box(0, 0, 0, (0.5, 0.5, 0.08)),
            box(-0.22, 0, 0.3, (0.07, 0.5, 0.6)),
            *(box(x, y, -0.2, _LEG) for x in (-0.2, 0.2) for y in (-0.2, 0.2)),
        ),
        plain,
    ),
    "bottle": Thing(joined(cylinder(0, 0, -0.45, 0.25, 0.2), rod((0, 0, 0.2), (0, 0, 0.45), 0.16, 0.06)), labelled),
    "vase": Thing(
        joined(rod((0, 0, -0.4), (0, 0, 0.1), 0.15, 0.3), rod((0, 0, 0.1), (0, 0, 0.5), 0.3, 0.1)), plain, None
    ),
    "table": Thing(
        joined(box(0, 0, 0.18, (0.7, 0.7, 0.08)), *(box(x, y, -0.05, _LEG) for x in (-0.3, 0.3) for y in (-0.3, 0.3))),
        plain,
        4,
    ),
    "car": Thing(
        joined(
            box(0, 0, 0, (0.95, 0.4, 0.18)),
            box(-0.12, 0, 0.16, (0.45, 0.36, 0.2)),
            *(rod((x, -0.2, -0.1), (x, 0.2, -0.1), 0.1) for x in (-0.28, 0.3)),
        ),
        striped,
    ),
    "hammer": Thing(
        joined(rod((0, 0, -0.45), (0, 0, 0.35), 0.06), box(0.08, 0, 0.38, (0.4, 0.16, 0.16)), ball(0.3, 0, 0.38, 0.11)),
        plain,
    ),
    "stairs": Thing(
        joined(*(box(-0.3 + 0.2 * i, 0, -0.2 + 0.1 * i, (0.22, 0.5, 0.12 + 0.2 * i)) for i in range(4))), plain
    ),
    "duck": Thing(
        joined(
            ball(0, 0, -0.1, 0.28),
            ball(0.22, 0, 0.22, 0.17),
            rod((0.3, 0, 0.2), (0.48, 0, 0.18), 0.07, 0.03),
            rod((-0.15, 0, -0.05), (-0.42, 0, 0.12), 0.14, 0.04),
        ),
        striped,
    ),
    "plane": Thing(
        joined(
            rod((-0.45, 0, 0), (0.4, 0, 0), 0.06, 0.1),
            box(0.05, 0, 0, (0.2, 0.95, 0.06)),
            box(-0.4, 0, 0.03, (0.12, 0.36, 0.06)),
            box(-0.4, 0, 0.12, (0.14, 0.06, 0.24)),
        ),
        plain,
    ),
    "parcel": Thing(box(0, 0, 0, (0.7, 0.5, 0.36)), striped),
}
"""By name."""


@cache
def thing_mesh(name: str) -> ColoredMesh:
    """The surface of a thing; its box is centred at the origin and has the diagonal 1."""
    thing = THINGS[name]
    grid = Grid.around(np.full(3, -0.75), np.full(3, 0.75), SPACING, 1)
    vertices, faces = extract_surface(thing.solid(grid.points.astype(np.float64)).reshape(grid.shape), grid)
    colors = thing.color(vertices.astype(np.float64))
    return centered(ColoredMesh(vertices, faces, colors.astype(np.float32)))


def centered(mesh: ColoredMesh) -> ColoredMesh:
    """The same surface, its box centred at the origin and with the diagonal 1."""
    low, high = mesh.bounds
    vertices = ((mesh.vertices - (low + high) / 2) / mesh.diagonal).astype(np.float32)
    return ColoredMesh(vertices, mesh.faces, mesh.colors)
