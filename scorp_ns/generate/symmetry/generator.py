"""The built-in generator: completes an object from its own views, without a trained model."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from scorp_ns.errors import GenerationError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.generate.symmetry.colors import LEAST_WEIGHT, partner_colors, photographed_colors, spread_colors
from scorp_ns.generate.symmetry.extraction import extract_object, without_floaters
from scorp_ns.generate.symmetry.frames import UprightFrame
from scorp_ns.generate.symmetry.hypotheses import Hypothesis, by_mirrors, by_revolution, by_visual_hull, choose
from scorp_ns.generate.symmetry.shrink_unseen import hollow_underside, shrink_unseen
from scorp_ns.generate.symmetry.symmetry_score import SymmetryEvidence, symmetry_evidence
from scorp_ns.generate.symmetry.thin_parts import add_thin_parts, observed_points
from scorp_ns.generate.symmetry.view_evidence import ViewEvidence, gather_view_evidence, render_virtual_windows
from scorp_ns.generate.symmetry.visual_hull import find_grid, fuse_views
from scorp_ns.products import VISIBLE, ProxyAsset, ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh

LEAST_SEEN = 60
"""With fewer points of a seen surface, no symmetry has evidence."""


class SymmetryGenerator:
    """Completes objects by mirror planes, by revolution, or by their visual hull."""

    def __init__(self, cells: int) -> None:
        self.cells = cells

    def fingerprint(self, request: ProxyRequest) -> str | None:
        """None: the reply costs seconds."""
        return None

    def generate(self, request: ProxyRequest, work: Work) -> ProxyAsset:
        """The object completed by the symmetry hypothesis that agrees best with its views."""
        work.check(request.name)
        work.report(0.0, "fusing the views")
        frame = UprightFrame.of(request)
        windows = [window for window in request.windows if bool((window.trimap == VISIBLE).any())]
        if not windows:
            windows = render_virtual_windows(request.gaussians, frame)
        views = gather_view_evidence(windows, request.gaussians, frame)
        if not views:
            raise GenerationError(
                f"No view shows '{request.name}', and its {len(request.gaussians)} Gaussians are faint.",
                "An object is completed from its views.",
                "Check its masks on the contact sheet, or give the object an asset of its own.",
            )
        grid = find_grid(views, frame.low, frame.high, self.cells, frame.floor)
        volume = fuse_views(views, grid, frame.diagonal, frame.floor)
        evidence = symmetry_evidence(volume, frame.diagonal)
        hypotheses = list(self._hypotheses(evidence, request.name, work))
        best = choose(hypotheses)
        work.report(0.8, f"colouring: {best.name}")
        return self._asset(best, evidence, views, frame, request)

    def _hypotheses(self, evidence: SymmetryEvidence, name: str, work: Work) -> Iterator[Hypothesis]:
        yield by_visual_hull(evidence)
        if len(evidence.seen) < LEAST_SEEN:
            return
        for share, text, search in ((0.4, "mirror planes", by_mirrors), (0.6, "revolution", by_revolution)):
            work.check(name)
            work.report(share, text)
            yield from search(evidence)
        work.check(name)

    def _asset(
        self,
        best: Hypothesis,
        evidence: SymmetryEvidence,
        views: list[ViewEvidence],
        frame: UprightFrame,
        request: ProxyRequest,
    ) -> ProxyAsset:
        volume, distances = evidence.volume, best.distances
        points_per_view = [best.worth_keeping(points, evidence) for points in observed_points(views, evidence)]
        if frame.floor is not None:
            distances = hollow_underside(distances, volume, frame.diagonal)
        seen = np.concatenate([evidence.seen, *points_per_view])
        known = np.concatenate([seen, *(motion(seen) for motion in best.motions)])
        shown = largest = without_floaters(distances, volume.grid, known)
        # The walls of vessels have their true thickness, seen or not.
        if best.fog is None:
            shown = without_floaters(shrink_unseen(distances, known, volume, frame.diagonal), volume.grid, known)
        vertices, faces = extract_object(add_thin_parts(shown, points_per_view, evidence, largest), volume.grid)
        if not len(faces):
            raise GenerationError(
                f"The views of '{request.name}' leave no room for an object.",
                "Its masks have to agree with each other and with the cameras' poses.",
                "Check its masks on the contact sheet, or give the object an asset of its own.",
            )
        vertices = vertices.astype(np.float64)
        normals = vertex_normals(vertices, faces)
        colors, weights = photographed_colors(vertices, normals, views, frame.diagonal)
        is_seen = weights > LEAST_WEIGHT
        colors, has_color = partner_colors(vertices, normals, colors, is_seen, best.motions, frame.diagonal)
        colors = spread_colors(colors, has_color, faces)
        shape = ColoredMesh(
            vertices=frame.to_capture(vertices).astype(np.float32),
            faces=faces,
            colors=np.clip(colors, 0, 1).astype(np.float32),
        )
        x, y, z = frame.rotation[:, 2].tolist()
        return ProxyAsset(
            shape=shape,
            made_by="symmetry",
            T_capture_asset=Similarity.identity(),
            is_in_place=True,
            up=(x, y, z),
            evidence={
                "hypothesis": best.name,
                "explained": round(best.explained, 4),
                "space_filled": round(best.left, 4),
                "surface_unseen": round(float(1 - is_seen.mean()), 4),
            },
        )


def vertex_normals(vertices: Float[np.ndarray, "v 3"], faces: np.ndarray) -> Float[np.ndarray, "v 3"]:
    """Unit vertex normals, the area-weighted mean of the triangles around."""
    corners = vertices[faces].astype(np.float64)
    crosses = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.stack(
        [np.bincount(faces.ravel(), np.repeat(crosses[:, axis], 3), len(vertices)) for axis in range(3)], axis=1
    )
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
