"""A tiny synthetic capture for tests: three balls under a painted dome, ray-cast in numpy, in nerfstudio's layout."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import trimesh
from PIL import Image
from plyfile import PlyData, PlyElement

WIDTH, HEIGHT, FOCAL = 48, 36, 50.0
OVERSAMPLING = 3
DOME_RADIUS = 3.2
BALL_CENTERS = np.array([[0.0, 0.0, 0.35], [0.55, 0.3, 0.2], [-0.4, 0.5, 0.25]])
BALL_RADII = np.array([0.35, 0.2, 0.25])
BALL_COLORS = np.array([[0.85, 0.2, 0.15], [0.15, 0.6, 0.25], [0.95, 0.8, 0.2]])
BALL_NAMES = ("red ball", "green ball", "yellow ball")
LIGHT = np.array([0.3, -0.4, 0.866])


def write_capture(folder: Path, num_views: int = 12, num_points: int = 600) -> Path:
    """Write `num_views` images around the scene, their poses and `num_points` seed points (0: no file); its folder."""
    (folder / "images").mkdir(parents=True)
    frames = []
    for index in range(num_views):
        T_world_camera, pixels = _view(index, num_views)
        file_path = f"images/{index:04d}.png"
        Image.fromarray(pixels).save(folder / file_path)
        frames.append({"file_path": file_path, "transform_matrix": T_world_camera.tolist()})
    transforms: dict[str, Any] = {
        "camera_model": "OPENCV",
        **{"fl_x": FOCAL, "fl_y": FOCAL, "cx": WIDTH / 2, "cy": HEIGHT / 2, "w": WIDTH, "h": HEIGHT},
        "frames": frames,
    }
    if num_points:
        transforms["ply_file_path"] = "sparse_points.ply"
        _write_points(folder / "sparse_points.ply", num_points)
    (folder / "transforms.json").write_text(json.dumps(transforms))
    return folder


@contextmanager
def edited_transforms(folder: Path) -> Iterator[dict[str, Any]]:
    """The capture's transforms.json as a dictionary, written back when the block ends."""
    path = folder / "transforms.json"
    transforms = json.loads(path.read_text())
    yield transforms
    path.write_text(json.dumps(transforms))


def edit(**values: Any) -> Callable[[Path], None]:
    """An edit of a capture that sets values at the top of transforms.json, or removes those that are None."""

    def apply(folder: Path) -> None:
        with edited_transforms(folder) as transforms:
            transforms.update(values)
            for key in [key for key, value in values.items() if value is None]:
                del transforms[key]

    return apply


def edit_frames(change: Callable[[dict[str, Any]], Any], indices: slice = slice(3, 4)) -> Callable[[Path], None]:
    """An edit of a capture that changes some frames in place."""

    def apply(folder: Path) -> None:
        with edited_transforms(folder) as transforms:
            for frame in transforms["frames"][indices]:
                change(frame)

    return apply


def edit_matrices(
    change: Callable[[np.ndarray], np.ndarray], indices: slice = slice(3, 4)
) -> Callable[[dict[str, Any]], None]:
    """An edit of a capture that replaces some poses."""

    def change_frame(frame: dict[str, Any]) -> None:
        frame["transform_matrix"] = change(np.array(frame["transform_matrix"])).tolist()

    return edit_frames(change_frame, indices)


@lru_cache(maxsize=256)
def _view(index: int, num_views: int) -> tuple[np.ndarray, np.ndarray]:
    """The pose (OpenGL camera to world) and the image of one view; heights alternate to give parallax up and down."""
    angle = 2 * np.pi * index / num_views
    origin = np.array([2.0 * np.cos(angle), 2.0 * np.sin(angle), 1.1 + 0.35 * (-1) ** index])
    T_world_camera = _look_at(origin, np.array([0.0, 0.1, 0.2]))
    return T_world_camera, _render(T_world_camera)


def _look_at(origin: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The OpenGL camera-to-world matrix at `origin` that looks at `target`, z up."""
    back = (origin - target) / np.linalg.norm(origin - target)
    right = np.cross([0.0, 0.0, 1.0], back)
    right /= np.linalg.norm(right)
    T_world_camera = np.eye(4)
    T_world_camera[:3] = np.stack([right, np.cross(back, right), back, origin], axis=1)
    return T_world_camera


def write_object_masks(folder: Path, num_views: int = 12) -> Path:
    """Add masks of the three balls to a capture, in the canonical layout; its folder."""
    for index in range(num_views):
        labels = ball_labels(index, num_views)
        for number, name in enumerate(BALL_NAMES, start=1):
            path = folder / "object_masks" / name / f"{index:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.where(labels == number, 255, 0).astype(np.uint8)).save(path)
    return folder


def write_ball_assets(folder: Path) -> Path:
    """Write a file for every ball: a ball of its colour, of another size and place; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, color in zip(BALL_NAMES, BALL_COLORS, strict=True):
        ball = trimesh.creation.icosphere(subdivisions=3, radius=7.0)
        ball.apply_translation([100, 0, 0])
        ball.visual.vertex_colors = np.round(255 * np.append(color, 1)).astype(np.uint8)
        ball.export(folder / f"{name}.ply")
    return folder


def ball_labels(index: int, num_views: int) -> np.ndarray:
    """Which ball each pixel of a view shows: 1, 2, 3, or 0 for none."""
    T_world_camera, _ = _view(index, num_views)
    return _trace(T_world_camera[:3, 3], _directions(T_world_camera, 1))[1]


def _render(T_world_camera: np.ndarray) -> np.ndarray:
    """The 8-bit image seen from a pose, averaged over a grid of rays in each pixel."""
    colors, _ = _trace(T_world_camera[:3, 3], _directions(T_world_camera, OVERSAMPLING))
    colors = colors.reshape(HEIGHT, OVERSAMPLING, WIDTH, OVERSAMPLING, 3).mean(axis=(1, 3))
    return np.round(255 * colors).astype(np.uint8)


def _directions(T_world_camera: np.ndarray, oversampling: int) -> np.ndarray:
    """Unit vectors through a grid of places in each pixel."""
    u = (np.arange(WIDTH * oversampling) + 0.5) / oversampling
    v = (np.arange(HEIGHT * oversampling) + 0.5) / oversampling
    x, y = np.meshgrid((u - WIDTH / 2) / FOCAL, (v - HEIGHT / 2) / FOCAL)
    directions = np.stack([x, -y, -np.ones_like(x)], axis=-1) @ T_world_camera[:3, :3].T
    return directions / np.linalg.norm(directions, axis=-1, keepdims=True)


def _trace(origin: np.ndarray, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colour of what each ray hits first, and which ball it is: 0 for the floor or the dome."""
    distance, points = _hit_sphere(origin, directions, np.zeros(3), DOME_RADIUS, far_side=True)
    colors = dome_color(points)
    with np.errstate(divide="ignore"):
        floor_distance = np.where(directions[..., 2] < 0, -origin[2] / directions[..., 2], np.inf)
    is_floor = floor_distance < distance
    points = origin + np.where(is_floor, floor_distance, 0.0)[..., None] * directions
    colors = np.where(is_floor[..., None], floor_color(points), colors)
    distance, labels = np.where(is_floor, floor_distance, distance), np.zeros(directions.shape[:2], np.uint8)
    balls = zip(BALL_CENTERS, BALL_RADII, BALL_COLORS, strict=True)
    for label, (center, radius, color) in enumerate(balls, start=1):
        ball_distance, points = _hit_sphere(origin, directions, center, radius)
        is_hit = ball_distance < distance
        colors = np.where(is_hit[..., None], ball_color((points - center) / radius, color), colors)
        distance, labels = np.where(is_hit, ball_distance, distance), np.where(is_hit, label, labels)
    return colors, labels


def _hit_sphere(
    origin: np.ndarray, directions: np.ndarray, center: np.ndarray, radius: float, far_side: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """How far each ray goes to the near or far side of a sphere (infinitely where it misses), and the points there."""
    along = directions @ (center - origin)
    inside = along**2 - ((center - origin) ** 2).sum() + radius**2
    half_chord = np.sqrt(np.maximum(inside, 0))
    distance = np.where(inside > 0, along + half_chord if far_side else along - half_chord, np.inf)
    return distance, origin + np.where(inside > 0, distance, 0.0)[..., None] * directions


def dome_color(points: np.ndarray) -> np.ndarray:
    """A pale evening sky, brighter on one side."""
    height = np.clip(points[..., 2:] / DOME_RADIUS, 0, 1)
    warmth = 0.5 + 0.5 * points[..., :1] / DOME_RADIUS
    return 0.3 + height * np.array([0.1, 0.2, 0.5]) + warmth * np.array([0.4, 0.25, 0.1])


def floor_color(points: np.ndarray) -> np.ndarray:
    """Soft brown and blue patches: texture everywhere, without edges finer than a pixel."""
    wave = 0.5 + 0.25 * (np.sin(5 * points[..., 0]) + np.sin(4 * points[..., 1] + 1))
    return wave[..., None] * np.array([0.6, 0.45, 0.3]) + (1 - wave[..., None]) * np.array([0.2, 0.25, 0.4])


def ball_color(normals: np.ndarray, color: np.ndarray) -> np.ndarray:
    """Matte shading: the same from every side, so that a scene without reflections explains it."""
    return color * (0.6 + 0.4 * np.clip(normals @ LIGHT, 0, 1))[..., None]


def _write_points(path: Path, num_points: int) -> None:
    """Write coloured points: a third on the floor, a third on the dome and the rest on the balls."""
    random = np.random.default_rng(0)
    num_floor = num_dome = num_points // 3
    floor = np.zeros((num_floor, 3))
    floor[:, :2] = random.uniform(-0.7 * DOME_RADIUS, 0.7 * DOME_RADIUS, (num_floor, 2))
    dome = DOME_RADIUS * _unit_vectors(random, num_dome) * np.array([1, 1, 0.5])
    dome[:, 2] = np.abs(dome[:, 2])
    dome *= DOME_RADIUS / np.linalg.norm(dome, axis=1, keepdims=True)
    normals = _unit_vectors(random, num_points - num_floor - num_dome)
    ball = random.integers(len(BALL_RADII), size=len(normals))
    balls = BALL_CENTERS[ball] + BALL_RADII[ball, None] * normals
    ball_colors = np.stack([ball_color(n, BALL_COLORS[b]) for n, b in zip(normals, ball, strict=True)])
    xyz = np.concatenate([floor, dome, balls])
    rgb = np.round(255 * np.concatenate([floor_color(floor), dome_color(dome), ball_colors])).astype(np.uint8)
    columns = [("x", "f4"), ("y", "f4"), ("z", "f4"), ("red", "u1"), ("green", "u1"), ("blue", "u1")]
    vertices = np.array([(*p, *c) for p, c in zip(xyz, rgb, strict=True)], dtype=columns)
    PlyData([PlyElement.describe(vertices, "vertex")]).write(str(path))


def _unit_vectors(random: np.random.Generator, number: int) -> np.ndarray:
    """Directions, uniform over the sphere."""
    vectors = random.normal(size=(number, 3))
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
