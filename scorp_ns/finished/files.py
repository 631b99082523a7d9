"""Delivered objects written to folders, format by format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from jaxtyping import Float64
from torch import Tensor

from scorp_ns.finished.choices import ExportChoices
from scorp_ns.finished.delivered_object import DeliveredObject
from scorp_ns.formats.splat_ply import write_splats
from scorp_ns.formats.write.mesh_files import write_glb, write_obj, write_ply
from scorp_ns.formats.write.robot_files import Floor, RigidBody, write_body, write_mjcf, write_urdf
from scorp_ns.formats.write.spz_files import write_spz
from scorp_ns.formats.write.usd_files import write_usd, write_usdz
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.surfaces.convex_parts import convex_parts
from scorp_ns.surfaces.textured_mesh import TexturedMesh

SIMULATION = "simulation"
"""The folder of the visual and collision meshes."""

SAME_FLOOR = 0.02
"""Support planes nearer to each other than this share of an object's size are one."""

Written = dict[str, list[Path]]
"""Per format, the files written for it; the first is the one to open."""


@dataclass(frozen=True)
class WrittenObject:
    """The files of an object."""

    files: Written
    body: RigidBody | None
    """Its rigid body, if a format is for simulators."""


def write_object_files(folder: Path, one: DeliveredObject, choices: ExportChoices) -> WrittenObject:
    """Write an object alone, in the capture's frame or in its own."""
    folder.mkdir(parents=True)
    in_own_frame = choices.frame == "object"
    T_file_capture = one.T_capture_object.inverse() if in_own_frame else Similarity.identity()
    files = write_gaussians(folder, transform_gaussians(one.gaussians, T_file_capture), choices)
    if one.mesh is None:
        return WrittenObject(files, None)
    mesh = one.mesh.moved(T_file_capture)
    files |= write_meshes(folder, "mesh", [mesh], choices, is_z_up=in_own_frame)
    body = None
    if choices.needs_bodies:
        parts = convex_parts(mesh.surface, choices.convex_parts)
        body = write_body(folder / SIMULATION, mesh, parts, choices.density)
        files |= _write_robots(folder, one, body, choices, T_file_capture)
        body = replace(body, T_world_body=T_file_capture.inverse())
    return WrittenObject(files, body)


def write_gaussians(folder: Path, gaussians: Gaussians, choices: ExportChoices) -> Written:
    """Write Gaussians in the formats that hold them."""
    files: Written = {}
    if "splat" in choices.formats:
        files["splat"] = [folder / "gaussians.ply"]
        write_splats(gaussians, folder / "gaussians.ply")
    if "spz" in choices.formats:
        files["spz"] = [folder / "gaussians.spz"]
        write_spz(folder / "gaussians.spz", gaussians)
    return files


def write_meshes(
    folder: Path, stem: str, meshes: Sequence[TexturedMesh], choices: ExportChoices, is_z_up: bool
) -> Written:
    """Write meshes together in each of the formats that hold surfaces."""
    files: Written = {}
    if "glb" in choices.formats:
        files["glb"] = [folder / f"{stem}.glb"]
        write_glb(folder / f"{stem}.glb", meshes, is_z_up)
    if "obj" in choices.formats:
        files["obj"] = write_obj(folder / f"{stem}.obj", meshes)
    if "ply" in choices.formats:
        files["ply"] = [folder / f"{stem}.ply"]
        write_ply(folder / f"{stem}.ply", meshes)
    if "usd" in choices.formats or "usdz" in choices.formats:
        files |= _write_usd(folder / f"{stem}.usdc", meshes, choices)
    return files


def write_scene_bodies(
    path: Path, objects: Sequence[tuple[DeliveredObject, str, RigidBody]], below: str, up: Float64[Tensor, " 3"]
) -> None:
    """Write all bodies into one MJCF file, where they stand in the capture, above the planes that carry them.

    Each object comes with the name of its folder; `below` leads from the file's own folder to those folders' parent.
    """
    bodies = [replace(body, folder=f"{below}/{name}/{body.folder}") for _, name, body in objects]
    write_mjcf(path, bodies, up.numpy(), _floors([one for one, _, _ in objects]))


def _write_usd(path: Path, meshes: Sequence[TexturedMesh], choices: ExportChoices) -> Written:
    """Write the stage, the package, or the package alone."""
    files: Written = {}
    written = write_usd(path, meshes)
    if "usdz" in choices.formats:
        files["usdz"] = [path.with_suffix(".usdz")]
        write_usdz(path.with_suffix(".usdz"), path)
    if "usd" in choices.formats:
        files["usd"] = written
    else:
        # An OBJ file has the same textures.
        for file in written[:1] if "obj" in choices.formats else written:
            file.unlink()
    return files


def _write_robots(
    folder: Path, one: DeliveredObject, body: RigidBody, choices: ExportChoices, T_file_capture: Similarity
) -> Written:
    """Write the body alone, with all its files beside each file that names them."""
    files: Written = {}
    below = [folder / SIMULATION / name for name in (body.shown, body.texture, *body.parts)]
    if "urdf" in choices.formats:
        files["urdf"] = [folder / "object.urdf", *below]
        write_urdf(folder / "object.urdf", body)
    if "mjcf" in choices.formats:
        files["mjcf"] = [folder / "object.xml", *below]
        up = one.T_capture_object.rotation[:, 2] if one.stands_on is None else one.stands_on[1]
        write_mjcf(folder / "object.xml", [body], (T_file_capture.rotation @ up).numpy())
    return files


def _floors(objects: Sequence[DeliveredObject]) -> list[Floor]:
    """The planes that objects stand on, each once."""
    floors: list[Floor] = []
    for one in objects:
        if one.stands_on is None:
            continue
        point, up = (value.numpy() for value in one.stands_on)
        tolerance = SAME_FLOOR * float(one.size.norm())
        if not any(abs((point - floor.point) @ floor.up) < tolerance for floor in floors):
            floors.append(Floor(point, up))
    return floors
