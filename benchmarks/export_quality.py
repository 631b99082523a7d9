"""How true is a baked GLB? Its surface against the true one, and its picture against its proxy field's own.

    python benchmarks/export_quality.py --load-config outputs/.../config.yml --truth captures/tabletop/gt

takes a finished run, exports its objects, and prints for each: the Chamfer distance of the GLB to the true mesh
(`<truth>/<object>.ply`) in % of its diagonal; the PSNR of the field with its tuned colours and of the GLB against the
true mesh's vertex colours, both ray cast from 20 directions; and the seconds of the whole export.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import trimesh

from scorp_ns.appearance.color_map import tuned_color
from scorp_ns.evaluate.geometry import geometry_scores, sample_mesh
from scorp_ns.fields.surface_gaussians import mesh_of
from scorp_ns.finished.choices import ExportChoices
from scorp_ns.finished.exporting import export_run
from scorp_ns.finished.finished_run import FinishedRun, load_finished_run
from scorp_ns.masks.folder_names import folder_name
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries

DIRECTIONS, SIDE = 20, 192
"""Pictures, and pixels along their sides."""

DISTANCE, WIDTH = 2.0, 0.7
"""Of the camera in diagonals, and half the width of its picture there."""

FINE = 1 / 256
"""Spacing of the mesh that stands for the field itself."""


def main() -> None:
    """Print a line per object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--load-config", type=Path, required=True)
    parser.add_argument("--truth", type=Path, required=True, help="folder of the true meshes")
    parser.add_argument("--target-faces", type=int, default=10_000)
    parser.add_argument("--texture-size", type=int, default=1024)
    arguments = parser.parse_args()
    choices = ExportChoices(("glb",), target_faces=arguments.target_faces, texture_size=arguments.texture_size)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = export_run(arguments.load_config, Path(folder) / "out", (), choices, with_scene=True, overwrite=False)
        print(f"exported in {time.perf_counter() - start:.1f} s", *result.notes, sep="\n")
        run = load_finished_run(arguments.load_config)
        for name in run.model.scene_proxies.names:
            file = Path(folder) / "out/objects" / folder_name(name) / "mesh.glb"
            truth = arguments.truth / f"{name}.ply"
            if file.exists() and truth.exists():
                print_scores(run, name, file, truth)


def print_scores(run: FinishedRun, name: str, file: Path, truth: Path) -> None:
    """One object's line."""
    scores = geometry_scores(sample_mesh(truth), sample_mesh(file))
    proxy = proxy_surface(run, name)
    of_proxy = geometry_scores(sample_mesh(truth), proxy.sample(50_000).points.astype(np.float64))
    true, low_high = true_pictures(truth)
    views = cameras(*low_high)
    pictures = {"proxy": pictures_of_field(run, name, proxy, views), "glb": pictures_of_glb(file, views)}
    truth_pictures = [picture(true, view) for view in views]
    psnr = {key: psnr_of(truth_pictures, value) for key, value in pictures.items()}
    own = psnr_of(pictures["proxy"], pictures["glb"])
    print(
        f"{name}: Chamfer of the GLB {scores.chamfer_pct:.2f} % of the diagonal (proxy {of_proxy.chamfer_pct:.2f} %); "
        f"PSNR against the truth {psnr['glb']:.2f} dB (proxy {psnr['proxy']:.2f}); GLB against proxy {own:.2f} dB"
    )


def proxy_surface(run: FinishedRun, name: str) -> ColoredMesh:
    """The field's own surface, finely, in the capture's frame."""
    proxy = run.model.scene_proxies.proxy(name)
    return mesh_of(proxy.field, FINE).moved(run.capture_to_world.inverse() @ proxy.T_world_proxy)


def true_pictures(truth: Path) -> tuple[SurfaceQueries, tuple[np.ndarray, np.ndarray]]:
    """The true surface with its vertex colours, and its box."""
    mesh = trimesh.load(truth, process=False)
    colors = np.asarray(mesh.visual.vertex_colors)[:, :3].astype(np.float32) / 255
    colored = ColoredMesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int64), colors)
    return SurfaceQueries(colored), colored.bounds


def cameras(low: np.ndarray, high: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Origins and directions of the rays of each picture, from all around."""
    center, diagonal = (low + high) / 2, float(np.linalg.norm(high - low))
    index = np.arange(DIRECTIONS) + 0.5
    z, angle = 1 - 2 * index / DIRECTIONS, np.pi * (1 + 5**0.5) * index
    towards = np.stack([np.sqrt(1 - z**2) * np.cos(angle), np.sqrt(1 - z**2) * np.sin(angle), z], axis=1)
    return [rays(center, direction, diagonal) for direction in towards]


def rays(center: np.ndarray, towards: np.ndarray, diagonal: float) -> tuple[np.ndarray, np.ndarray]:
    """A pinhole camera's rays, from a direction to the centre."""
    right = np.cross([0, 0, 1.0], towards)
    right /= np.linalg.norm(right)
    up = np.cross(towards, right)
    offsets = WIDTH * diagonal * ((np.arange(SIDE) + 0.5) / SIDE * 2 - 1)
    origin = center + DISTANCE * diagonal * towards
    targets = center + offsets[None, :, None] * right - offsets[:, None, None] * up
    directions = (targets - origin).reshape(-1, 3).astype(np.float32)
    return np.broadcast_to(origin.astype(np.float32), directions.shape).copy(), directions


def picture(surface: SurfaceQueries, view: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Vertex colours on white."""
    hits = surface.cast(*view)
    return np.where(np.isfinite(hits.distances)[:, None], hits.colors, 1.0)


def pictures_of_field(run: FinishedRun, name: str, proxy: ColoredMesh, views: list) -> list[np.ndarray]:
    """The field's surface in its tuned colours, asked where each ray meets it."""
    store = run.model.scene_proxies.proxy(name)
    color_at, queries = tuned_color(store.field), SurfaceQueries(proxy)
    to_proxy = (run.capture_to_world.inverse() @ store.T_world_proxy).inverse()
    result = []
    for origins, directions in views:
        distances = queries.cast(origins, directions).distances
        is_hit = np.isfinite(distances)
        points = origins[is_hit] + distances[is_hit, None] * directions[is_hit]
        colors = np.ones((len(origins), 3), np.float32)
        colors[is_hit] = color_at(to_proxy.apply(torch.from_numpy(points))).numpy()
        result.append(colors)
    return result


def pictures_of_glb(file: Path, views: list) -> list[np.ndarray]:
    """The GLB as its reader sees it: its texture, linear between texels, where each ray meets its triangles."""
    import open3d

    mesh = trimesh.load(file, force="mesh", process=False)
    texture = np.asarray(mesh.visual.material.baseColorTexture.convert("RGB"), np.float32) / 255
    scene = open3d.t.geometry.RaycastingScene()
    scene.add_triangles(
        open3d.core.Tensor(np.asarray(mesh.vertices, np.float32)), open3d.core.Tensor(np.asarray(mesh.faces, np.uint32))
    )
    result = []
    for origins, directions in views:
        found = scene.cast_rays(open3d.core.Tensor(np.concatenate([origins, directions], axis=1)))
        is_hit = np.isfinite(found["t_hit"].numpy())
        shares = found["primitive_uvs"].numpy()[is_hit]
        weights = np.concatenate([1 - shares.sum(axis=1, keepdims=True), shares], axis=1)
        corners = mesh.visual.uv[mesh.faces[found["primitive_ids"].numpy()[is_hit]]]
        colors = np.ones((len(origins), 3), np.float32)
        colors[is_hit] = texels(texture, np.einsum("nk,nkd->nd", weights, corners))
        result.append(colors)
    return result


def texels(texture: np.ndarray, uvs: np.ndarray) -> np.ndarray:
    """Colours between the middles of texels; uvs count from the left and the bottom."""
    from scipy.ndimage import map_coordinates

    height, width = texture.shape[:2]
    places = np.stack([(1 - uvs[:, 1]) * height - 0.5, uvs[:, 0] * width - 0.5])
    return np.stack([map_coordinates(texture[..., c], places, order=1, mode="nearest") for c in range(3)], axis=1)


def psnr_of(first: list[np.ndarray], second: list[np.ndarray]) -> float:
    """Mean over the pictures."""
    errors = [float(((a - b) ** 2).mean()) for a, b in zip(first, second, strict=True)]
    return float(np.mean([-10 * np.log10(max(error, 1e-10)) for error in errors]))


if __name__ == "__main__":
    main()
