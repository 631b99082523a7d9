"""How near do proxy fields and their Gaussians come to the assets they are made of, and what do they cost?

    python benchmarks/proxy_quality.py CAPTURE [CAPTURE ...] [--across 150 300] [--pictures FOLDER]

A capture is a folder like those in shared/captures: `proxies/*.glb` stand in for what generators reply. Each is made
canonical first, which the figures take as the truth.

surface: mean distance between the field's zero set and the mesh, the larger of both ways, in % of the diagonal.
colour: mean absolute error on the surface, of 255. seconds: of the processor, to distil the field, and to spread the
Gaussians. MB: what a checkpoint holds of the field. Then, for every size: alpha mIoU (over 0.5) and PSNR on white of
the Gaussians against the mesh, from 20 directions, with the diagonal that many pixels long. Rays go through pixels'
centres for the mesh's mask, and through four points of each for its colours. through: the share of the mask's inside
where alpha is below 0.9.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
import trimesh
from jaxtyping import Bool, Float
from PIL import Image
from scipy import ndimage
from torch import Tensor

from scorp_ns.fields.config import FieldConfig
from scorp_ns.fields.distillation import distill
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.fields.surface_gaussians import mesh_of, surface_gaussians
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.canonical.canonicalising import canonicalise
from scorp_ns.products import ProxyAsset
from scorp_ns.render.rasterization import rasterization
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries

NUM_DIRECTIONS = 20
DISTANCE = 3.0
"""From the cameras to the object's middle, in diagonals."""
FRAME = 1.1
"""The image's side, in diagonals."""
SPACING = 1 / 256
"""Of the grid on which the zero set is found."""
NUM_SAMPLES = 50_000
SHOWN = 3
"""Which of the directions is pictured."""

T = TypeVar("T")


@dataclass(frozen=True)
class Views:
    """Images of one object from all directions."""

    colors: Float[Tensor, "n h w 3"]
    """On white."""
    alphas: Float[Tensor, "n h w"]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("captures", nargs="+", type=Path)
    parser.add_argument("--across", nargs="+", type=int, default=[150, 300])
    parser.add_argument("--pictures", type=Path)
    arguments = parser.parse_args()
    _warm_up()
    sizes = "".join(f" | {f'mIoU {size}':>9} {'PSNR':>6} {'through':>8}" for size in arguments.across)
    print(f"{'object':16} {'surface':>8} {'colour':>7} {'seconds':>12} {'MB':>5} {'Gaussians':>10}{sizes}")
    for capture in arguments.captures:
        for path in sorted((capture / "proxies").glob("*.glb")):
            _measure(path, arguments.across, arguments.pictures)


def _measure(path: Path, sizes: list[int], pictures: Path | None) -> None:
    """Print one row, and write one picture."""
    config, mesh = FieldConfig(), _load(path)
    field, to_distil = _timed(lambda: distill(mesh, config))
    gaussians, to_spread = _timed(lambda: surface_gaussians(field, config))
    queries = SurfaceQueries(mesh)
    megabytes = sum(tensor.nbytes for tensor in field.state_dict().values()) / 1e6
    row = f"{path.stem:16} {_surface_error(field, queries):8.3%} {_color_error(field, mesh):7.2f} "
    row += f"{to_distil:6.1f}{to_spread:6.1f} {megabytes:5.1f} {len(gaussians):10}"
    for size in sizes:
        truth, drawn = _cast(queries, size), _draw(gaussians, size)
        row += " | {:9.4f} {:6.2f} {:8.3%}".format(*_agreement(truth, drawn))
        if pictures is not None:
            _picture(truth, drawn, pictures / f"{path.stem}_{size}.png")
    print(row, flush=True)


def _load(path: Path) -> ColoredMesh:
    """The canonical mesh of a file with colours at its vertices."""
    mesh = trimesh.load(path, force="mesh", process=False)
    colors = np.asarray(mesh.visual.vertex_colors, np.float32)[:, :3] / 255
    shape = ColoredMesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int64), colors)
    return canonicalise(ProxyAsset(shape, made_by="a file"), path.stem).mesh


def _warm_up() -> None:
    """Import and compile what the first object would wait for."""
    ball = trimesh.creation.icosphere(2, 0.2887)
    vertices = np.asarray(ball.vertices, np.float32)
    field = distill(ColoredMesh(vertices, np.asarray(ball.faces, np.int64), np.abs(vertices)), FieldConfig())
    _draw(surface_gaussians(field, FieldConfig()), 50)


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    start = time.process_time()
    return work(), time.process_time() - start


def _surface_error(field: ProxyField, queries: SurfaceQueries) -> float:
    """The larger of the mean distances from the zero set to the mesh and back."""
    zero_set = mesh_of(field, SPACING)
    there = queries.nearest(zero_set.sample(NUM_SAMPLES).points.astype(np.float32)).distances
    back = SurfaceQueries(zero_set).nearest(queries.mesh.sample(NUM_SAMPLES).points.astype(np.float32)).distances
    return float(max(there.mean(), back.mean()))


@torch.no_grad()
def _color_error(field: ProxyField, mesh: ColoredMesh) -> float:
    """The mean absolute difference on the mesh, of 255; the samples are not those that the field was fitted to."""
    samples = mesh.sample(NUM_SAMPLES, seed=12345)
    found = field.color(torch.from_numpy(samples.points.astype(np.float32)))
    return float((found - torch.from_numpy(samples.colors)).abs().mean() * 255)


def _cameras(size: int) -> tuple[Float[Tensor, "n 4 4"], Float[Tensor, "3 3"], int]:
    """World to camera, from directions spread over the sphere by the golden angle; intrinsics; the image's side."""
    steps = np.arange(NUM_DIRECTIONS)
    z = 1 - (2 * steps + 1) / NUM_DIRECTIONS
    angles = steps * np.pi * (3 - 5**0.5)
    around = np.sqrt(1 - z**2)
    viewmats = torch.eye(4, dtype=torch.float64).repeat(NUM_DIRECTIONS, 1, 1)
    for viewmat, place in zip(
        viewmats, np.stack([np.cos(angles) * around, np.sin(angles) * around, z], 1), strict=True
    ):
        right = np.cross(-place, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        viewmat[:3, :3] = torch.from_numpy(np.stack([right, np.cross(-place, right), -place]))
        viewmat[2, 3] = DISTANCE
    side, focal = round(FRAME * size), size * DISTANCE
    K = torch.tensor([[focal, 0, side / 2], [0, focal, side / 2], [0, 0, 1]], dtype=torch.float64)
    return viewmats, K, side


def _draw(gaussians: Gaussians, size: int) -> Views:
    """The Gaussians as the model draws them."""
    viewmats, K, side = _cameras(size)
    shape = (gaussians.means, gaussians.quats, gaussians.scales, gaussians.opacities, gaussians.harmonics)
    drawn = [
        rasterization(
            *shape, viewmat[None].float(), K[None].float(), side, side, sh_degree=0, backgrounds=torch.ones(1, 3)
        )
        for viewmat in viewmats
    ]
    colors, alphas = (torch.cat([one[index] for one in drawn]) for index in (0, 1))
    return Views(colors.clamp(0, 1), alphas[..., 0])


def _cast(queries: SurfaceQueries, size: int) -> Views:
    """The mesh by rays."""
    viewmats, K, side = _cameras(size)
    views = [_cast_view(queries, viewmat.numpy(), K.numpy(), side) for viewmat in viewmats]
    colors, masks = zip(*views, strict=True)
    return Views(torch.from_numpy(np.stack(colors)).float(), torch.from_numpy(np.stack(masks)).float())


def _cast_view(
    queries: SurfaceQueries, viewmat: Float[np.ndarray, "4 4"], K: Float[np.ndarray, "3 3"], side: int
) -> tuple[Float[np.ndarray, "h w 3"], Bool[np.ndarray, "h w"]]:
    def hits(places: Float[np.ndarray, " k"]) -> tuple[Float[np.ndarray, "k k 3"], Bool[np.ndarray, "k k"]]:
        pixels = np.stack([*np.meshgrid(places, places), np.ones((len(places), len(places)))], axis=-1)
        directions = (pixels @ np.linalg.inv(K).T @ viewmat[:3, :3]).reshape(-1, 3).astype(np.float32)
        origins = np.broadcast_to(-viewmat[:3, :3].T @ viewmat[:3, 3], directions.shape).astype(np.float32)
        found = queries.cast(origins, directions)
        is_hit = np.isfinite(found.distances)
        return np.where(is_hit[:, None], found.colors, 1).reshape(pixels.shape), is_hit.reshape(pixels.shape[:2])

    fine, _ = hits((np.arange(2 * side) + 0.5) / 2)
    _, mask = hits(np.arange(side) + 0.5)
    return fine.reshape(side, 2, side, 2, 3).mean(axis=(1, 3)), mask


def _agreement(truth: Views, drawn: Views) -> tuple[float, float, float]:
    """Alpha mIoU, mean PSNR, and how much of the silhouettes' inside is see-through."""
    expected, found = truth.alphas > 0.5, drawn.alphas > 0.5
    overlap = (expected & found).sum(dim=(1, 2)) / (expected | found).sum(dim=(1, 2))
    psnr = -10 * torch.log10(((truth.colors - drawn.colors) ** 2).mean(dim=(1, 2, 3)))
    inside = torch.from_numpy(np.stack([ndimage.binary_erosion(mask, iterations=3) for mask in expected.numpy()]))
    return float(overlap.mean()), float(psnr.mean()), float((drawn.alphas[inside] < 0.9).float().mean())


def _picture(truth: Views, drawn: Views, path: Path) -> None:
    """Mesh, Gaussians, and the difference: red where too much is drawn, green where too little, else grey times 4."""
    path.parent.mkdir(parents=True, exist_ok=True)
    expected, found = truth.alphas[SHOWN] > 0.5, drawn.alphas[SHOWN] > 0.5
    error = 4 * (truth.colors[SHOWN] - drawn.colors[SHOWN]).abs().mean(dim=-1, keepdim=True).repeat(1, 1, 3)
    error[found & ~expected] = torch.tensor([1.0, 0.0, 0.0])
    error[expected & ~found] = torch.tensor([0.0, 1.0, 0.0])
    row = torch.cat([truth.colors[SHOWN], drawn.colors[SHOWN], error.clamp(0, 1)], dim=1)
    Image.fromarray((255 * row).round().byte().numpy()).save(path)


if __name__ == "__main__":
    main()
