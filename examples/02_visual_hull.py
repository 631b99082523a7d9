"""A generator without a model: carves the visual hull of the masks, and writes it with the photographs' colours.

    ns-train scorp --data CAPTURE --pipeline.model.generator.name command \
        --pipeline.model.generator.command.template "python examples/02_visual_hull.py {job}"

It reads nothing but the job's folder, so it may stand as a pattern for generators that need cameras.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from skimage.filters import gaussian
from skimage.measure import marching_cubes

BACKGROUND, VISIBLE = 255, 188
"""Values in the files `*_roles.png`; others are pixels where something hides the object."""

CELLS = 96
"""Along the longest side of the object's box."""

MARGIN = 0.15
"""The hull may reach so far beyond the box, in shares of its sides."""

PADDING = 4
"""Empty cells around the grid."""

MOST_WRONG = 0.1
"""Share of the photographs whose masks may contradict the others before space counts as empty."""


@dataclass
class Sight:
    """A photograph, or the part of one around the object."""

    colors: np.ndarray
    roles: np.ndarray
    K: np.ndarray
    camera_to_capture: np.ndarray

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows and columns of the pixels that show points, and whether they lie in the picture."""
        inverse = np.linalg.inv(self.camera_to_capture)
        places = points @ inverse[:3, :3].T + inverse[:3, 3]
        pixels = places @ self.K.T
        depths = np.where(pixels[:, 2] > 0, pixels[:, 2], np.inf)
        columns, rows = (np.floor(pixels[:, axis] / depths).astype(int) for axis in (0, 1))
        height, width = self.roles.shape
        is_seen = (pixels[:, 2] > 0) & (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        return rows.clip(0, height - 1), columns.clip(0, width - 1), is_seen


def read_sights(job: Path) -> Iterator[Sight]:
    """All pictures around the object, with their cameras."""
    folder = job / "sights"
    for view in json.loads((folder / "cameras.json").read_text(encoding="utf-8"))["views"]:
        yield Sight(
            colors=np.asarray(Image.open(folder / view["file"]).convert("RGB")),
            roles=np.asarray(Image.open(folder / view["roles"])),
            K=np.array(view["K"]),
            camera_to_capture=np.array(view["camera_to_capture_opencv"]),
        )


def grid_around(box: dict) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """A grid in and around the object's box: its first point, its axes, how many points, and how far apart."""
    axes, size = np.array(box["axes"]), np.array(box["size"]) * (1 + 2 * MARGIN)
    pitch = float(size.max()) / CELLS
    counts = np.ceil(size / pitch).astype(int) + 1
    first = np.array(box["center"]) - axes @ (pitch * (counts - 1) / 2)
    return first, axes, counts, pitch


def carve(sights: list[Sight], points: np.ndarray, support: dict | None) -> np.ndarray:
    """Which points all but a few photographs show on the object, or behind what hides it, above the support plane."""
    against, asked = np.zeros(len(points)), np.zeros(len(points))
    for sight in sights:
        rows, columns, is_seen = sight.project(points)
        against += is_seen & (sight.roles[rows, columns] == BACKGROUND)
        asked += is_seen
    is_inside = (asked > 0) & (against <= MOST_WRONG * asked)
    if support is not None:
        is_inside &= (points - np.array(support["point"])) @ np.array(support["up"]) > 0
    return is_inside


def paint(sights: list[Sight], points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """The colours of a surface: from all photographs that show it, most from those that face it."""
    total = np.full((len(points), 3), 128e-6)
    weights = np.full((len(points), 1), 1e-6)
    for sight in sights:
        rows, columns, is_seen = sight.project(points)
        towards = sight.camera_to_capture[:3, 3] - points
        facing = (normals * towards).sum(axis=1) / np.linalg.norm(towards, axis=1)
        shows = is_seen & (sight.roles[rows, columns] == VISIBLE)
        weight = np.where(shows, facing.clip(0) ** 4, 0)[:, None]
        total += weight * sight.colors[rows, columns]
        weights += weight
    return (total / weights).round().astype(np.uint8)


def write_ply(path: Path, vertices: np.ndarray, colors: np.ndarray, faces: np.ndarray) -> None:
    """Write a binary PLY of coloured triangles."""
    corner = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)])
    triangle = np.dtype([("count", "u1"), ("corners", "<i4", 3)])
    rows, triangles = np.empty(len(vertices), corner), np.empty(len(faces), triangle)
    rows["xyz"], rows["rgb"] = vertices, colors
    triangles["count"], triangles["corners"] = 3, faces
    names = [f"property float {name}" for name in "xyz"] + [
        f"property uchar {name}" for name in ("red", "green", "blue")
    ]
    header = [
        "ply",
        "format binary_little_endian 1.0",
        f"element vertex {len(rows)}",
        *names,
        f"element face {len(triangles)}",
        "property list uchar int vertex_indices",
        "end_header\n",
    ]
    path.write_bytes("\n".join(header).encode() + rows.tobytes() + triangles.tobytes())


def main(job: Path) -> None:
    asked = json.loads((job / "job.json").read_text(encoding="utf-8"))
    sights = list(read_sights(job))
    first, axes, counts, pitch = grid_around(asked["box"])
    points = first + pitch * np.indices(counts).reshape(3, -1).T @ axes.T
    is_inside = carve(sights, points, asked["support"]).reshape(counts)
    if not is_inside.any():
        sys.exit("The masks leave no space in which the object could be.")
    # Space around the grid closes what reaches its border; blurring takes the steps off the surface.
    filled = gaussian(np.pad(is_inside, PADDING).astype(np.float32), sigma=1.0)
    vertices, faces, normals, _ = marching_cubes(filled, 0.5, gradient_direction="ascent")
    vertices = first + pitch * (vertices - PADDING) @ axes.T
    write_ply(job / "result.ply", vertices, paint(sights, vertices, normals @ axes.T), faces)
    said = {
        "file": "result.ply",
        "model": "visual hull",
        "up": asked["up"],
        # It is made in the capture's frame, so it stands where it belongs.
        "asset_to_capture": np.eye(4).tolist(),
    }
    (job / "result.json").write_text(json.dumps(said))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
