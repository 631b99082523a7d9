"""Rigid bodies for simulators as URDF and MJCF, with convex collision parts, a textured visual mesh, and inertia."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from jaxtyping import Float, Float64
from scipy.spatial.transform import Rotation

from scorp_ns.formats.write.mesh_files import write_obj
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.surfaces.convex_parts import ConvexPart
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.textured_mesh import TexturedMesh

GRAVITY = 9.81
"""In metres per second squared: simulators take the capture's unit for a metre."""

LEAST_MASS = 1e-6
"""Simulators refuse bodies without a mass."""

SHOWN, COLLIDED = "2", "3"
"""MuJoCo's geom groups of visual and collision meshes."""


@dataclass(frozen=True)
class Inertia:
    """A body's mass, its centre, and the inertia tensor about it."""

    mass: float
    center: Float64[np.ndarray, " 3"]
    tensor: Float64[np.ndarray, "3 3"]


@dataclass(frozen=True)
class RigidBody:
    """An object as a rigid body for simulators; all in one frame."""

    name: str
    folder: str
    """The folder of its files, relative to that of the file that names them; empty for the same one."""
    shown: str
    """Its OBJ file in there."""
    texture: str
    """Its texture in there."""
    parts: tuple[str, ...]
    """OBJ files of its convex parts in there."""
    inertia: Inertia
    T_world_body: Similarity
    """The rigid motion from its files' frame to the world of the file that names them."""

    def path(self, file: str) -> str:
        """A file of the body, as the written file names it."""
        return f"{self.folder}/{file}" if self.folder else file


@dataclass(frozen=True)
class Floor:
    """A plane on which objects stand."""

    point: Float[np.ndarray, " 3"]
    up: Float[np.ndarray, " 3"]


def write_body(folder: Path, mesh: TexturedMesh, parts: Sequence[ConvexPart], density: float) -> RigidBody:
    """Write an object's textured OBJ and its convex parts to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    files = write_obj(folder / "visual.obj", [mesh])
    names = []
    for number, (vertices, faces) in enumerate(parts):
        names.append(f"part_{number:02d}.obj")
        _write_part(folder / names[-1], vertices, faces)
    inertia, place = inertia_of(mesh.surface, density), Similarity.identity()
    return RigidBody(mesh.name, folder.name, files[0].name, files[-1].name, tuple(names), inertia, place)


def inertia_of(surface: ColoredMesh, density: float) -> Inertia:
    """The inertia of a closed surface of uniform density, which is per cubic unit."""
    import trimesh

    body = trimesh.Trimesh(surface.vertices.astype(np.float64), surface.faces, process=False)
    body.density = density
    return Inertia(max(float(body.mass), LEAST_MASS), np.asarray(body.center_mass), np.asarray(body.moment_inertia))


def write_urdf(path: Path, body: RigidBody) -> None:
    """Write the body as a robot of one link, in the frame of the body's files."""
    robot = ElementTree.Element("robot", name=_identifier(body.name))
    link = ElementTree.SubElement(robot, "link", name="base_link")
    inertial = ElementTree.SubElement(link, "inertial")
    ElementTree.SubElement(inertial, "origin", xyz=_numbers(body.inertia.center), rpy="0 0 0")
    ElementTree.SubElement(inertial, "mass", value=_numbers([body.inertia.mass]))
    tensor = body.inertia.tensor
    entries = {"ixx": (0, 0), "ixy": (0, 1), "ixz": (0, 2), "iyy": (1, 1), "iyz": (1, 2), "izz": (2, 2)}
    ElementTree.SubElement(
        inertial, "inertia", {key: _numbers([tensor[row, column]]) for key, (row, column) in entries.items()}
    )
    _add_urdf_mesh(link, "visual", body.path(body.shown))
    for part in body.parts:
        _add_urdf_mesh(link, "collision", body.path(part))
    _write_xml(path, robot)


def write_mjcf(
    path: Path, bodies: Sequence[RigidBody], up: Float[np.ndarray, " 3"], floors: Sequence[Floor] = ()
) -> None:
    """Write the bodies, free to move, in a world whose gravity pulls against `up`, above the floors."""
    root = ElementTree.Element("mujoco", model=_identifier(path.stem))
    ElementTree.SubElement(root, "compiler", angle="radian", meshdir=".", texturedir=".")
    ElementTree.SubElement(root, "option", gravity=_numbers(-GRAVITY * np.asarray(up)))
    assets, world = ElementTree.SubElement(root, "asset"), ElementTree.SubElement(root, "worldbody")
    ElementTree.SubElement(world, "light", pos=_numbers(5 * np.asarray(up)), dir=_numbers(-np.asarray(up)))
    for number, floor in enumerate(floors):
        ElementTree.SubElement(
            world, "geom", name=f"floor_{number}", type="plane", size="0 0 0.05",
            pos=_numbers(floor.point), quat=_numbers(_turning_z_to(floor.up)),
        )  # fmt: skip
    for number, body in enumerate(bodies):
        _add_mjcf_body(assets, world, body, f"{_identifier(body.name)}_{number}" if len(bodies) > 1 else "object")
    _write_xml(path, root)


def _add_urdf_mesh(link: ElementTree.Element, kind: str, file: str) -> None:
    element = ElementTree.SubElement(link, kind)
    ElementTree.SubElement(element, "origin", xyz="0 0 0", rpy="0 0 0")
    ElementTree.SubElement(ElementTree.SubElement(element, "geometry"), "mesh", filename=file, scale="1 1 1")


def _add_mjcf_body(assets: ElementTree.Element, world: ElementTree.Element, body: RigidBody, key: str) -> None:
    """Add the body with its meshes and texture, under names that begin with the key."""
    ElementTree.SubElement(assets, "texture", name=f"{key}_texture", type="2d", file=body.path(body.texture))
    ElementTree.SubElement(assets, "material", name=f"{key}_material", texture=f"{key}_texture", specular="0")
    ElementTree.SubElement(assets, "mesh", name=f"{key}_visual", file=body.path(body.shown))
    element = ElementTree.SubElement(
        world,
        "body",
        name=key,
        pos=_numbers(body.T_world_body.translation.tolist()),
        quat=_numbers(_quaternion(body.T_world_body)),
    )
    ElementTree.SubElement(element, "freejoint")
    tensor = body.inertia.tensor
    ElementTree.SubElement(
        element, "inertial", pos=_numbers(body.inertia.center), mass=_numbers([body.inertia.mass]),
        fullinertia=_numbers([tensor[0, 0], tensor[1, 1], tensor[2, 2], tensor[0, 1], tensor[0, 2], tensor[1, 2]]),
    )  # fmt: skip
    ElementTree.SubElement(
        element, "geom", type="mesh", mesh=f"{key}_visual", material=f"{key}_material",
        contype="0", conaffinity="0", group=SHOWN,
    )  # fmt: skip
    for number, part in enumerate(body.parts):
        name = f"{key}_part_{number:02d}"
        ElementTree.SubElement(assets, "mesh", name=name, file=body.path(part))
        ElementTree.SubElement(element, "geom", type="mesh", mesh=name, group=COLLIDED)


def _write_part(path: Path, vertices: Float[np.ndarray, "v 3"], faces: np.ndarray) -> None:
    lines = [f"v {x:.9g} {y:.9g} {z:.9g}" for x, y, z in vertices.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (faces + 1).tolist()]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_xml(path: Path, root: ElementTree.Element) -> None:
    ElementTree.indent(root)
    path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _identifier(name: str) -> str:
    """A name of letters, digits and underscores."""
    return "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in name) or "object"


def _numbers(values: Iterable[float]) -> str:
    return " ".join(f"{float(value):.9g}" for value in values)


def _turning_z_to(up: Float[np.ndarray, " 3"]) -> Float64[np.ndarray, " 4"]:
    """The quaternion wxyz of a rotation that takes z to a direction."""
    rotation = Rotation.align_vectors(np.asarray(up, np.float64)[None], np.array([[0.0, 0.0, 1.0]]))[0]
    return rotation.as_quat()[[3, 0, 1, 2]]


def _quaternion(motion: Similarity) -> Float64[np.ndarray, " 4"]:
    """The motion's rotation as a quaternion wxyz."""
    return Rotation.from_matrix(motion.rotation.numpy()).as_quat()[[3, 0, 1, 2]]
