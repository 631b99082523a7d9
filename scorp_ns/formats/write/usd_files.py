"""Textured meshes as USD and USDZ files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from scorp_ns.errors import OutputError
from scorp_ns.formats.write.mesh_files import write_textures
from scorp_ns.optional_packages import optional_module
from scorp_ns.surfaces.textured_mesh import TexturedMesh

PURPOSE = "USD and USDZ files"

ROOT = "/World"
"""The prim that holds all others."""


def write_usd(path: Path, meshes: Sequence[TexturedMesh]) -> list[Path]:
    """Write a stage with one mesh per object, z up, one unit a metre; the paths of it and of its textures."""
    (Tf,) = _modules("Tf")
    textures = write_textures(path, meshes)
    try:
        _write_stage(path, meshes, [texture.name for texture in textures])
    except Tf.ErrorException as error:
        raise _cut_short(path) from error
    return [path, *textures]


def write_usdz(path: Path, stage: Path) -> None:
    """Pack a USD file with its textures into one file."""
    Tf, UsdUtils = _modules("Tf", "UsdUtils")
    try:
        is_written = UsdUtils.CreateNewUsdzPackage(str(stage), str(path))
    except Tf.ErrorException as error:
        raise _cut_short(path) from error
    # The library does not notice a full disk.
    if not is_written or not _is_whole(path):
        raise _cut_short(path)


def _is_whole(package: Path) -> bool:
    """True if all files in a package can be read."""
    try:
        with ZipFile(package) as file:
            return file.testzip() is None
    except (OSError, BadZipFile):
        return False


def _modules(*names: str) -> list[ModuleType]:
    """Modules of the USD library."""
    return [optional_module(f"pxr.{name}", PURPOSE) for name in names]


def _write_stage(path: Path, meshes: Sequence[TexturedMesh], textures: Sequence[str]) -> None:
    Kind, Tf, Usd, UsdGeom = _modules("Kind", "Tf", "Usd", "UsdGeom")
    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    root = UsdGeom.Xform.Define(stage, ROOT)
    stage.SetDefaultPrim(root.GetPrim())
    Usd.ModelAPI(root).SetKind(Kind.Tokens.component if len(meshes) == 1 else Kind.Tokens.assembly)
    taken: set[str] = set()
    for mesh, texture in zip(meshes, textures, strict=True):
        name = Tf.MakeValidIdentifier(mesh.name)
        while name in taken:
            name += "_"
        taken.add(name)
        _add_mesh(stage, f"{ROOT}/{name}", mesh, texture)
    stage.GetRootLayer().Save()


def _add_mesh(stage: Any, place: str, mesh: TexturedMesh, texture: str) -> None:
    Sdf, UsdGeom, UsdShade, Vt = _modules("Sdf", "UsdGeom", "UsdShade", "Vt")
    points, faces = mesh.surface.vertices, mesh.surface.faces
    prim = UsdGeom.Mesh.Define(stage, place)
    prim.GetPrim().SetDisplayName(mesh.name)
    prim.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(points)))
    prim.CreateFaceVertexCountsAttr(Vt.IntArray.FromNumpy(np.full(len(faces), 3, np.int32)))
    prim.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(faces.astype(np.int32).ravel()))
    prim.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    prim.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([points.min(axis=0), points.max(axis=0)])))
    prim.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(mesh.normals)))
    prim.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    coordinates = UsdGeom.PrimvarsAPI(prim).CreatePrimvar(
        "st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying
    )
    coordinates.Set(Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(mesh.uvs)))
    coordinates.SetIndices(Vt.IntArray.FromNumpy(mesh.faces.astype(np.int32).ravel()))
    UsdShade.MaterialBindingAPI.Apply(prim.GetPrim()).Bind(_material(stage, f"{place}/Material", texture))


def _material(stage: Any, place: str, texture: str) -> Any:
    """A matt material whose colour is the texture's, through the coordinates `st`."""
    Sdf, UsdShade = _modules("Sdf", "UsdShade")
    kinds = Sdf.ValueTypeNames
    material = UsdShade.Material.Define(stage, place)
    reader = UsdShade.Shader.Define(stage, f"{place}/Coordinates")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", kinds.String).Set("st")
    picture = UsdShade.Shader.Define(stage, f"{place}/Texture")
    picture.CreateIdAttr("UsdUVTexture")
    picture.CreateInput("file", kinds.Asset).Set(Sdf.AssetPath(f"./{texture}"))
    picture.CreateInput("sourceColorSpace", kinds.Token).Set("sRGB")
    picture.CreateInput("wrapS", kinds.Token).Set("clamp")
    picture.CreateInput("wrapT", kinds.Token).Set("clamp")
    picture.CreateInput("st", kinds.Float2).ConnectToSource(reader.CreateOutput("result", kinds.Float2))
    shader = UsdShade.Shader.Define(stage, f"{place}/Surface")
    shader.CreateIdAttr("UsdPreviewSurface")
    shader.CreateInput("roughness", kinds.Float).Set(1.0)
    shader.CreateInput("metallic", kinds.Float).Set(0.0)
    shader.CreateInput("diffuseColor", kinds.Color3f).ConnectToSource(picture.CreateOutput("rgb", kinds.Float3))
    material.CreateSurfaceOutput().ConnectToSource(shader.CreateOutput("surface", kinds.Token))
    return material


def _cut_short(path: Path) -> OutputError:
    return OutputError(
        f"{path.name} came out cut short.",
        "A place in a folder that can be written and has room is needed.",
        "Free some space, mend the folder's permissions or choose another --output-dir.",
    )
