"""Requests whose answer is known: a thing at a random place, photographed along an arc, with all that goes wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from scipy.spatial.transform import Rotation
from solid_shapes import THINGS, centered, thing_mesh

from scorp_ns.evaluate.pose import PoseErrors, pose_errors
from scorp_ns.evaluate.symmetries import Symmetry, SymmetryGroup
from scorp_ns.gaussians.seeding import SH_C0
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.products import BACKGROUND, VISIBLE, ObjectCrop, ObjectFrame, ProxyRequest, Support
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries

FOCAL, SIDE = 170.0, 112
"""Of the square windows, in pixels."""

DISTANCE = 2.0
"""Between cameras and the thing, in its diagonals."""


@dataclass(frozen=True)
class Trouble:
    """What is wrong with what the search is told."""

    depth_noise: float = 0.0
    """Standard deviation of depths, in diagonals."""
    outliers: float = 0.0
    """The share of depths that are off by up to a quarter of a diagonal, either way."""
    wrong_masks: float = 0.0
    """The share of masks that are too wide, too tight, shifted, or cut in half."""
    stretch: float = 0.0
    """By how much the proxy is longer or shorter than the thing along each of its axes."""
    cast: float = 0.0
    """By how much the proxy's colours are too bright or too dark in each channel."""


ALL_TROUBLE = Trouble(depth_noise=0.01, outliers=0.2, wrong_masks=0.2, stretch=0.02, cast=0.15)


@dataclass(frozen=True)
class Case:
    """A request, a proxy in a frame of its own, and where it belongs."""

    request: ProxyRequest
    mesh: ColoredMesh
    T_capture_proxy: Similarity
    center: np.ndarray
    diagonal: float
    symmetries: SymmetryGroup

    def errors(self, found: Similarity) -> PoseErrors:
        """How far a pose is from the truth, modulo the thing's symmetries."""
        return pose_errors(found, self.T_capture_proxy, self.center, self.diagonal, self.symmetries)


def is_right(errors: PoseErrors) -> bool:
    """Whether a pose is as near to the truth as is asked for."""
    return errors.rotation_deg < 5 and errors.scale_pct < 4 and errors.translation_pct < 3


def make_case(
    name: str,
    seed: int,
    arc_deg: float = 120.0,
    num_sights: int = 14,
    trouble: Trouble = ALL_TROUBLE,
    also: str | None = None,
) -> Case:
    """The thing upright on a plane at a random place, size and azimuth; `also` names one whose masks are merged."""
    random = np.random.default_rng(seed)
    turn = random.uniform(0, 2 * math.pi)
    upright = Rotation.from_euler("z", turn).as_matrix()
    world = Rotation.random(random_state=seed).as_matrix() if random.random() < 0.5 else np.eye(3)
    size = float(np.exp(random.uniform(-2, 1)))
    T_capture_thing = _similarity(world @ upright, random.normal(size=3) * 3 * size, size)
    thing = thing_mesh(name)
    mesh, T_thing_proxy = _proxy(thing, trouble, random)
    scene = thing.moved(T_capture_thing)
    if also is not None:
        aside = _similarity(world, T_capture_thing.translation.numpy() + world @ [0.8 * size, 0, 0], 0.8 * size)
        scene = _both(scene, thing_mesh(also).moved(aside))
    up = world[:, 2]
    point = T_capture_thing.apply(torch.tensor([0.0, 0.0, float(thing.bounds[0][2])], dtype=torch.float64)).numpy()
    queries, center = SurfaceQueries(scene), T_capture_thing.translation.numpy()
    # What tells the turns of a thing apart is on the side of its x: handles, labels, beaks. Half of the arc sees it.
    first = turn + math.radians(random.uniform(-90, 90) - arc_deg / 2)
    sights = []
    for number in range(num_sights):
        azimuth = first + math.radians(arc_deg) * (number / max(num_sights - 1, 1))
        viewmat = _camera(center, world, azimuth, math.radians(random.uniform(20, 45)), DISTANCE * size)
        sights.append(_sight(f"{number:02d}", queries, viewmat, up, point, size, trouble, random))
    axis = tuple(float(value) for value in up)
    order = THINGS[name].order
    symmetries = SymmetryGroup(() if order == 1 else (Symmetry(axis, order),))
    request = _request(name, tuple(sights), up, point, world)
    return Case(request, mesh, T_capture_thing @ T_thing_proxy, center, size, symmetries)


def _proxy(thing: ColoredMesh, trouble: Trouble, random: np.random.Generator) -> tuple[ColoredMesh, Similarity]:
    """The thing as a generator makes it: a little off, in a frame of its own; and the way back."""
    stretched = thing.vertices * (1 + trouble.stretch * random.uniform(-1, 1, 3))
    turn = Rotation.random(random_state=int(random.integers(1 << 30))).as_matrix()
    colors = np.clip(thing.colors * (1 + trouble.cast * random.uniform(-1, 1, 3)), 0, 1)
    turned = ColoredMesh((stretched @ turn.T).astype(np.float32), thing.faces, colors.astype(np.float32))
    low, high = turned.bounds
    middle = (low + high).astype(np.float64) / 2
    return centered(turned), _similarity(turn.T, turn.T @ middle, turned.diagonal)


def _similarity(rotation: np.ndarray, translation: np.ndarray, scale: float) -> Similarity:
    return Similarity(torch.from_numpy(rotation.copy()), torch.from_numpy(np.array(translation, np.float64)), scale)


def _both(first: ColoredMesh, second: ColoredMesh) -> ColoredMesh:
    return ColoredMesh(
        np.concatenate([first.vertices, second.vertices]),
        np.concatenate([first.faces, second.faces + len(first.vertices)]),
        np.concatenate([first.colors, second.colors]),
    )


def _camera(center: np.ndarray, world: np.ndarray, azimuth: float, elevation: float, distance: float) -> np.ndarray:
    flat = math.cos(elevation)
    forward = -np.array([flat * math.cos(azimuth), flat * math.sin(azimuth), math.sin(elevation)])
    right = np.array([-math.sin(azimuth), math.cos(azimuth), 0.0])
    viewmat = np.eye(4)
    viewmat[:3, :3] = np.stack([right, np.cross(forward, right), forward]) @ world.T
    viewmat[:3, 3] = -viewmat[:3, :3] @ (center - distance * world @ forward)
    return viewmat


def _sight(
    name: str, queries: SurfaceQueries, viewmat: np.ndarray, up: np.ndarray, point: np.ndarray, size: float,
    trouble: Trouble, random: np.random.Generator,
) -> ObjectCrop:  # fmt: skip
    """What a camera sees of the thing on its plane."""
    K = np.array([[FOCAL, 0, SIDE / 2], [0, FOCAL, SIDE / 2], [0, 0, 1]])
    rows, columns = np.indices((SIDE, SIDE)) + 0.5
    rays = (np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ np.linalg.inv(K).T @ viewmat[:3, :3]).reshape(
        -1, 3
    )
    origin = -viewmat[:3, :3].T @ viewmat[:3, 3]
    hits = queries.cast(np.broadcast_to(origin, rays.shape).astype(np.float32), rays.astype(np.float32))
    mask = np.isfinite(hits.distances)
    falling = rays @ up
    ground = np.where(falling < -1e-6, (point - origin) @ up / np.minimum(falling, -1e-6), np.inf)
    depth = np.where(mask, hits.distances, ground) + size * trouble.depth_noise * random.normal(size=len(mask))
    is_off = random.random(len(mask)) < trouble.outliers
    depth = np.where(is_off, depth + size * random.uniform(-0.25, 0.25, len(mask)), depth)
    shade = 0.75 + 0.25 * np.clip(hits.normals @ up, 0, 1)
    colors = np.where(mask[:, None], hits.colors * shade[:, None], 0.55)
    shown = mask.reshape(SIDE, SIDE)
    if random.random() < trouble.wrong_masks:
        shown = _spoiled(shown, random)
    return ObjectCrop(
        name=name,
        photograph=(255 * np.clip(colors, 0, 1)).astype(np.uint8).reshape(SIDE, SIDE, 3),
        trimap=np.where(shown, VISIBLE, BACKGROUND).astype(np.uint8),
        depth=depth.astype(np.float32).reshape(SIDE, SIDE),
        viewmat=torch.from_numpy(viewmat),
        K=torch.from_numpy(K),
    )


def _spoiled(mask: np.ndarray, random: np.random.Generator) -> np.ndarray:
    kind = random.integers(4)
    if kind == 0:
        return ndimage.binary_dilation(mask, iterations=4)
    if kind == 1:
        return ndimage.binary_erosion(mask, iterations=3)
    if kind == 2:
        return np.roll(mask, random.integers(-12, 13, 2), (0, 1))
    return mask & (np.arange(SIDE) < np.median(np.nonzero(mask)[1]))


def _request(
    name: str, sights: tuple[ObjectCrop, ...], up: np.ndarray, point: np.ndarray, world: np.ndarray
) -> ProxyRequest:
    points, colors = _seen(sights)
    local = points @ world
    low, high = np.quantile(local, 0.02, axis=0), np.quantile(local, 0.98, axis=0)
    center = world @ (low + high) / 2
    scale = float(np.linalg.norm(high - low)) / 60
    upward = torch.from_numpy(up / np.linalg.norm(up)).float()
    gaussians = Gaussians(
        means=torch.from_numpy(points).float(),
        quats=torch.tensor([1.0, 0, 0, 0]).repeat(len(points), 1),
        scales=torch.full((len(points), 3), scale),
        opacities=torch.full((len(points),), 0.9),
        harmonics=((torch.from_numpy(colors).float() - 0.5) / SH_C0)[:, None],
    )
    return ProxyRequest(
        name=name, prompt=name, seed=0, views=(), frames=(), windows=sights, gaussians=gaussians,
        visibility=torch.ones(len(points)),
        frame=ObjectFrame(
            torch.from_numpy(world.copy()).float(), torch.from_numpy(center).float(),
            torch.from_numpy(np.maximum(high - low, 1e-6)).float(),
        ),
        support=Support(torch.from_numpy(point).float(), upward), up=upward,
    )  # fmt: skip


def _seen(sights: tuple[ObjectCrop, ...], number: int = 1500) -> tuple[np.ndarray, np.ndarray]:
    """Some points that the sights show of the thing, and their colours."""
    points, colors = [], []
    for sight in sights:
        rows, columns = np.nonzero(sight.trimap == VISIBLE)
        matrix, K = sight.viewmat.numpy(), sight.K.numpy()
        rays = np.stack([columns + 0.5, rows + 0.5, np.ones(len(rows))], axis=1) @ np.linalg.inv(K).T
        in_camera = rays * np.minimum(sight.depth[rows, columns], 1e3)[:, None]
        points.append((in_camera - matrix[:3, 3]) @ matrix[:3, :3])
        colors.append(sight.photograph[rows, columns] / 255)
    every, paint = np.concatenate(points), np.concatenate(colors)
    chosen = np.random.default_rng(0).permutation(len(every))[:number]
    return every[chosen], paint[chosen]
