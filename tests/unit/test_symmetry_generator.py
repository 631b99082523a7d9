"""Objects photographed from one side are completed by what speaks for it: shapes that are known to the last point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
import trimesh
from lifting_scenes import orbit_camera
from scipy.spatial import KDTree

from scorp_ns.errors import CancelledError
from scorp_ns.gaussians.seeding import SH_C0
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.generator import Work
from scorp_ns.generate.symmetry.bodies import find_body, find_plane
from scorp_ns.generate.symmetry.config import SymmetryConfig
from scorp_ns.generate.symmetry.extraction import extract_object, without_floaters
from scorp_ns.generate.symmetry.frames import UprightFrame
from scorp_ns.generate.symmetry.revolution import find_axes
from scorp_ns.generate.symmetry.symmetry_score import SymmetryEvidence, symmetry_evidence
from scorp_ns.generate.symmetry.view_evidence import gather_view_evidence
from scorp_ns.generate.symmetry.visual_hull import find_grid, fuse_views
from scorp_ns.products import BACKGROUND, OCCLUDER, VISIBLE, ObjectCrop, ObjectFrame, ProxyAsset, ProxyRequest, Support
from scorp_ns.surfaces.marching import Grid
from scorp_ns.surfaces.mesh import ColoredMesh
from scorp_ns.surfaces.queries import SurfaceQueries

SIDE, FOCAL = 144, 190.0
K = torch.tensor([[FOCAL, 0, SIDE / 2], [0, FOCAL, SIDE / 2], [0, 0, 1]], dtype=torch.float64)
UP = torch.tensor([0.0, 0.0, 1.0])
NEAR = 0.02
"""The share of the diagonal within which points agree."""
CELLS = 48
COARSE = 24
"""Cells where it is enough that there is a shape."""
SPACING = 0.008
"""How far apart Gaussians are."""


def box() -> trimesh.Trimesh:
    return trimesh.creation.box((0.5, 0.3, 0.4), trimesh.transformations.translation_matrix((0, 0, 0.2)))


def bottle() -> trimesh.Trimesh:
    profile = [(0, 0), (0.16, 0), (0.17, 0.3), (0.06, 0.42), (0.06, 0.55), (0, 0.55)]
    return trimesh.creation.revolve(np.array(profile, float), sections=64)


def mug() -> trimesh.Trimesh:
    """Solid, with a handle on the right of the cameras."""
    body = trimesh.creation.cylinder(0.17, 0.4, sections=64)
    handle = trimesh.creation.torus(0.11, 0.03)
    handle.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (1, 0, 0)))
    handle.apply_transform(trimesh.transformations.rotation_matrix(np.pi / 2, (0, 0, 1)))
    handle.apply_translation((0, 0.19, 0))
    joined = trimesh.util.concatenate([body, handle])
    joined.apply_translation((0, 0, 0.2))
    return joined


def staircase() -> trimesh.Trimesh:
    """Alike under no plane and no turn."""
    parts = []
    for center, size in (((0.05, 0.1, 0.1), (0.5, 0.2, 0.2)), ((0.2, -0.1, 0.25), (0.2, 0.25, 0.5))):
        parts.append(trimesh.creation.box(size, trimesh.transformations.translation_matrix(center)))
    return trimesh.util.concatenate(parts)


def colored(mesh: trimesh.Trimesh) -> ColoredMesh:
    """Orange, the darker the lower."""
    mesh = mesh.subdivide().subdivide()
    height = (mesh.vertices[:, 2:] / mesh.vertices[:, 2].max()).astype(np.float32)
    colors = np.array([[0.9, 0.5, 0.2]], np.float32) * (0.5 + 0.5 * height)
    return ColoredMesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces, np.int64), colors)


def cast_window(queries: SurfaceQueries, azimuth: float, elevation: float) -> tuple[ObjectCrop, np.ndarray]:
    """What a camera sees of an object on a white ground at z = 0, and the points, normals and colours it sees of it."""
    viewmat = orbit_camera(azimuth, elevation, distance=1.6).double()
    columns, rows = np.meshgrid(np.arange(SIDE) + 0.5 - SIDE / 2, np.arange(SIDE) + 0.5 - SIDE / 2)
    rays = np.stack([columns / FOCAL, rows / FOCAL, np.ones_like(rows)], axis=-1).reshape(-1, 3)
    R, center = viewmat[:3, :3].numpy(), -(viewmat[:3, :3].T @ viewmat[:3, 3]).numpy()
    directions = rays @ R
    hits = queries.cast(np.tile(center, (len(rays), 1)).astype(np.float32), directions.astype(np.float32))
    with np.errstate(divide="ignore"):
        ground = np.where(directions[:, 2] < 0, -center[2] / directions[:, 2], np.inf)
    is_object = np.isfinite(hits.distances)
    depth = np.where(is_object, hits.distances, ground).astype(np.float32).reshape(SIDE, SIDE)
    image = np.where(is_object[:, None], hits.colors, 1.0).reshape(SIDE, SIDE, 3)
    roles = np.where(is_object, VISIBLE, BACKGROUND).astype(np.uint8).reshape(SIDE, SIDE)
    window = ObjectCrop(f"{azimuth:.0f}", (255 * image).round().astype(np.uint8), roles, depth, viewmat, K)
    points = center + directions * np.where(is_object, hits.distances, 0)[:, None]
    return window, np.hstack([points, hits.normals, hits.colors])[is_object]


def request_of(mesh: ColoredMesh, num_views: int = 8, arc: float = 80.0) -> ProxyRequest:
    """What lifting would tell of an object that cameras see from the side of +x."""
    queries = SurfaceQueries(mesh)
    angles = np.linspace(-arc / 2, arc / 2, num_views)
    seen = [cast_window(queries, float(angle), 30.0 + 20.0 * (index % 2)) for index, angle in enumerate(angles)]
    surface = np.concatenate([points for _, points in seen])
    _, first = np.unique(np.floor(surface[:, :3] / SPACING), axis=0, return_index=True)
    points, normals, colors = torch.from_numpy(surface[first]).float().split(3, dim=1)
    low, high = points.amin(dim=0), points.amax(dim=0)
    number = len(points)
    gaussians = Gaussians(
        means=points,
        quats=turns_from_z(normals),
        scales=SPACING * torch.tensor([[0.6, 0.6, 0.06]]).repeat(number, 1),
        opacities=torch.full((number,), 0.95),
        harmonics=((colors - 0.5) / SH_C0)[:, None],
    )
    return ProxyRequest(
        name="thing",
        prompt="a thing",
        seed=0,
        views=(),
        frames=(),
        windows=tuple(one[0] for one in seen),
        gaussians=gaussians,
        visibility=torch.ones(number),
        frame=ObjectFrame(torch.eye(3), (low + high) / 2, high - low),
        support=Support(torch.zeros(3), UP),
        up=UP,
    )


def turns_from_z(normals: torch.Tensor) -> torch.Tensor:
    """Quaternions that turn z to the normals: about z x normal."""
    quats = torch.stack([1 + normals[:, 2], -normals[:, 1], normals[:, 0], torch.zeros(len(normals))], dim=1)
    quats[normals[:, 2] < -0.9999] = torch.tensor([0.0, 1.0, 0.0, 0.0])
    return quats


@cache
def request_for(make: Callable[[], trimesh.Trimesh]) -> ProxyRequest:
    """The request for one of the shapes above, which takes longer to make than some replies."""
    return request_of(colored(make()))


def completed(request: ProxyRequest, cells: int = CELLS) -> ProxyAsset:
    asset = SymmetryConfig(cells=cells).build().generate(request, Work())
    shape = asset.shape
    assert isinstance(shape, ColoredMesh)
    assert trimesh.Trimesh(shape.vertices, shape.faces, process=False).is_watertight
    assert shape.colors.min() >= 0 and shape.colors.max() <= 1
    return asset


def evidence_of(request: ProxyRequest) -> SymmetryEvidence:
    """What hypotheses of the object are judged by."""
    frame = UprightFrame.of(request)
    views = gather_view_evidence(request.windows, request.gaussians, frame)
    grid = find_grid(views, frame.low, frame.high, CELLS, frame.floor)
    return symmetry_evidence(fuse_views(views, grid, frame.diagonal, frame.floor), frame.diagonal)


@cache
def completion_of(make: Callable[[], trimesh.Trimesh]) -> ProxyAsset:
    """What the whole request for a shape gets, which several tests look at."""
    return completed(request_for(make))


def shares_within(truth: ColoredMesh, asset: ProxyAsset) -> tuple[float, float]:
    """Completeness and precision."""
    assert isinstance(asset.shape, ColoredMesh)
    true, found = truth.sample(8000).points, asset.shape.sample(8000).points
    limit = NEAR * truth.diagonal
    return float((KDTree(found).query(true)[0] < limit).mean()), float((KDTree(true).query(found)[0] < limit).mean())


def with_windows(
    request: ProxyRequest, change: Callable[[ObjectCrop], ObjectCrop], chosen: Sequence[int]
) -> ProxyRequest:
    windows = tuple(change(window) if index in chosen else window for index, window in enumerate(request.windows))
    return replace(request, windows=windows)


def test_the_unseen_half_of_a_box_is_found_by_mirroring():
    """The half that was seen lies within a cell; an error of the plane's place counts twice on the other side."""
    truth = colored(box())
    asset = completion_of(box)
    assert "mirror" in str(asset.evidence["hypothesis"]) and isinstance(asset.shape, ColoredMesh)
    true, found = truth.sample(8000).points, asset.shape.sample(8000).points
    missed, spilled = (KDTree(one).query(other)[0] / truth.diagonal for one, other in ((found, true), (true, found)))
    assert (missed[true[:, 0] > 0] < NEAR).mean() > 0.9
    assert (missed[true[:, 0] < 0] < 2 * NEAR).mean() > 0.95 and (spilled < 2 * NEAR).mean() > 0.95


def test_the_back_of_a_bottle_is_found_by_revolution_or_mirroring():
    truth = colored(bottle())
    asset = completion_of(bottle)
    c2, p2 = shares_within(truth, asset)
    assert asset.evidence["hypothesis"] != "visual hull"
    assert c2 > 0.85 and p2 > 0.85


def test_a_mug_keeps_its_one_handle():
    truth = colored(mug())
    asset = completed(request_for(mug))
    c2, p2 = shares_within(truth, asset)
    assert c2 > 0.65 and p2 > 0.7
    assert isinstance(asset.shape, ColoredMesh)
    inside = SurfaceQueries(asset.shape).is_inside(
        np.array([[0, 0.3, 0.2], [0, -0.3, 0.2], [0, 0.215, 0.2]], np.float32)
    )
    assert inside.tolist() == [True, False, False], "the handle, none opposite of it, and its hole"


def test_a_wall_that_seems_to_stick_out_does_not_decide_where_the_handle_goes():
    evidence = evidence_of(request_for(mug))
    body = find_body(find_axes(evidence)[0], evidence)
    azimuths = np.degrees(np.arctan2(evidence.seen[:, 1], evidence.seen[:, 0]))
    noisy = replace(body, apart=body.apart | ((azimuths > -80) & (azimuths < -40)))
    plane = find_plane(noisy, evidence)
    assert noisy.apart.sum() > 2 * body.apart.sum()
    assert abs(plane.normal[1]) < np.sin(np.radians(10)), "the handle lies in its mirror plane"


@pytest.mark.slow
def test_what_has_no_symmetry_is_at_least_what_was_seen_of_it():
    truth = colored(staircase())
    request = request_for(staircase)
    asset = completed(request)
    c2, _ = shares_within(truth, asset)
    lifted = KDTree(request.gaussians.means.numpy()).query(truth.sample(8000).points)[0] < NEAR * truth.diagonal
    assert c2 > lifted.mean()


def test_what_nobody_saw_has_the_colour_of_its_partner():
    truth = colored(bottle())
    shape = completion_of(bottle).shape
    assert isinstance(shape, ColoredMesh)
    behind = (shape.vertices[:, 0] < -0.1) & (np.abs(shape.vertices[:, 2] - 0.2) < 0.1)
    wanted = SurfaceQueries(truth).nearest(shape.vertices[behind]).colors
    assert np.abs(shape.colors[behind] - wanted).mean() < 0.05


def test_nothing_reaches_out_of_the_masks():
    request = request_for(box)
    shape = completion_of(box).shape
    assert isinstance(shape, ColoredMesh)
    spilt = total = 0
    for window in request.windows:
        own = recast(SurfaceQueries(shape), window)
        spilt += (own & (window.trimap == BACKGROUND)).sum()
        total += own.sum()
    assert spilt / total < 0.02


def recast(queries: SurfaceQueries, window: ObjectCrop) -> np.ndarray:
    """The silhouette of another surface in a sight."""
    columns, rows = np.meshgrid(np.arange(SIDE) + 0.5 - SIDE / 2, np.arange(SIDE) + 0.5 - SIDE / 2)
    rays = np.stack([columns / FOCAL, rows / FOCAL, np.ones_like(rows)], axis=-1).reshape(-1, 3)
    R, center = window.viewmat[:3, :3].numpy(), -(window.viewmat[:3, :3].T @ window.viewmat[:3, 3]).numpy()
    hits = queries.cast(np.tile(center, (len(rays), 1)).astype(np.float32), (rays @ R).astype(np.float32))
    return np.isfinite(hits.distances).reshape(SIDE, SIDE)


def test_the_same_request_gets_the_same_reply():
    request = request_for(box)
    one, other = completed(request, COARSE).shape, completed(request, COARSE).shape
    assert isinstance(one, ColoredMesh) and isinstance(other, ColoredMesh)
    assert np.array_equal(one.vertices, other.vertices) and np.array_equal(one.colors, other.colors)


def test_one_wrong_mask_among_many_does_not_cut_the_object():
    truth = colored(box())
    request = request_for(box)
    wrong = with_windows(request, lambda window: replace(window, trimap=np.roll(window.trimap, 45, axis=1)), [3])
    c2, _ = shares_within(truth, completed(wrong))
    assert c2 > 0.8


def without_depth(request: ProxyRequest) -> ProxyRequest:
    far = np.full((SIDE, SIDE), np.inf, np.float32)
    return with_windows(request, lambda window: replace(window, depth=far), range(99))


def hidden(request: ProxyRequest) -> ProxyRequest:
    occluded = np.full((SIDE, SIDE), OCCLUDER, np.uint8)
    return with_windows(request, lambda window: replace(window, trimap=occluded), range(99))


def cut(request: ProxyRequest) -> ProxyRequest:
    half = SIDE // 2
    return with_windows(
        request,
        lambda window: replace(
            window,
            trimap=window.trimap[:, :half],
            depth=window.depth[:, :half],
            photograph=window.photograph[:, :half],
        ),
        range(99),
    )


POOR = {
    "no support": lambda request: replace(request, support=None),
    "one view": lambda request: replace(request, windows=request.windows[:1]),
    "no views": lambda request: replace(request, windows=()),
    "nothing but occluders": hidden,
    "no depth": without_depth,
    "cut by the border": cut,
    "ten Gaussians": lambda request: replace(
        request, gaussians=request.gaussians[torch.arange(10)], visibility=torch.ones(10)
    ),
}


SLOW = {"no support", "nothing but occluders", "cut by the border"}
"""Those that are about as poor as others, which are left to the nightly checks."""


@pytest.mark.parametrize("name", [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOW)) for one in POOR])
def test_poor_requests_still_get_a_closed_shape_near_the_object(name: str):
    truth = colored(box())
    asset = completed(POOR[name](request_for(box)), COARSE)
    assert isinstance(asset.shape, ColoredMesh)
    low, high = asset.shape.bounds
    assert np.linalg.norm((low + high) / 2 - np.array([0, 0, 0.2])) < 2 * truth.diagonal


def test_room_that_is_left_behind_something_else_is_no_part_of_the_object():
    grid = Grid.around(np.zeros(3), np.array([2.0, 1.0, 1.0]), 0.05, 2)
    object_and_room = [
        np.linalg.norm(grid.points - center, axis=1) - 0.3 for center in ((0.5, 0.5, 0.5), (1.5, 0.5, 0.5))
    ]
    distances = np.minimum(*object_and_room).reshape(grid.shape)
    both, _ = extract_object(without_floaters(distances, grid, np.empty((0, 3))), grid)
    front = np.stack([np.full(9, 0.25), *np.indices((3, 3)).reshape(2, 9) * 0.1 + 0.4], axis=1)
    seen, _ = extract_object(without_floaters(distances, grid, np.vstack([front, [[1.2, 0.5, 0.5]]])), grid)
    assert both[:, 0].max() > 1.7 and seen[:, 0].max() < 0.9 and seen[:, 0].min() < 0.25


def test_cancelled_work_ends():
    work = Work()
    work.cancelled.set()
    with pytest.raises(CancelledError, match="thing"):
        SymmetryConfig().build().generate(request_for(box), work)


@pytest.mark.parametrize("cells", [4, 1000])
def test_grids_that_show_nothing_or_never_end_are_refused(cells: int):
    with pytest.raises(ValueError, match="cells"):
        SymmetryConfig(cells=cells)
