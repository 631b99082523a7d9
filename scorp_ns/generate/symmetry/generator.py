"""The built-in generator: completes an object from its own evidence, without weights."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from scorp_ns.errors import GenerationError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.generate.symmetry.colors import LEAST_WEIGHT, partner_colors, photographed_colors, spread_colors
from scorp_ns.generate.symmetry.config import SymmetryConfig
from scorp_ns.generate.symmetry.extraction import extract_object, settled
from scorp_ns.generate.symmetry.frames import UprightFrame
from scorp_ns.generate.symmetry.hypotheses import Hypothesis, by_hull, by_mirrors, by_revolution, choose
from scorp_ns.generate.symmetry.shrink_unseen import drawn_in
from scorp_ns.generate.symmetry.standing import hollow_underside
from scorp_ns.generate.symmetry.symmetry_score import Evidence, gather_evidence
from scorp_ns.generate.symmetry.thin_parts import seen_points, with_skin
from scorp_ns.generate.symmetry.view_evidence import Observation, imagine_sights, observe
from scorp_ns.generate.symmetry.visual_hull import find_grid, measure_space
from scorp_ns.products import VISIBLE, ProxyAsset, ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh

LEAST_SEEN = 60
"""With fewer points of a seen surface, no symmetry has evidence."""


class SymmetryGenerator:
    """Completes objects by mirror planes, by revolution, or by what the views leave possible."""

    def __init__(self, config: SymmetryConfig) -> None:
        self.config = config

    def fingerprint(self, request: ProxyRequest) -> str | None:
        """None: the reply costs seconds."""
        return None

    def generate(self, request: ProxyRequest, work: Work) -> ProxyAsset:
        """The object completed by the hypothesis that agrees best with its views."""
        work.check(request.name)
        work.report(0.0, "looking at what was seen")
        frame = UprightFrame.of(request)
        sights = [sight for sight in request.windows if bool((sight.trimap == VISIBLE).any())]
        if not sights:
            sights = imagine_sights(request.gaussians, frame)
        observations = observe(sights, request.gaussians, frame)
        if not observations:
            raise GenerationError(
                f"No view shows '{request.name}', and its {len(request.gaussians)} Gaussians are faint.",
                "An object is completed from what was seen of it.",
                "Check its masks on the contact sheet, or give the object an asset of its own.",
            )
        grid = find_grid(observations, frame.low, frame.high, self.config.cells, frame.floor)
        space = measure_space(observations, grid, frame.diagonal, frame.floor)
        evidence = gather_evidence(space, frame.diagonal)
        hypotheses = list(self._hypotheses(evidence, request.name, work))
        best = choose(hypotheses)
        work.report(0.8, f"colouring: {best.name}")
        return self._asset(best, evidence, observations, frame, request)

    def _hypotheses(self, evidence: Evidence, name: str, work: Work) -> Iterator[Hypothesis]:
        yield by_hull(evidence)
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
        evidence: Evidence,
        observations: list[Observation],
        frame: UprightFrame,
        request: ProxyRequest,
    ) -> ProxyAsset:
        space, distances = evidence.space, best.distances
        views = [best.worth_keeping(points, evidence) for points in seen_points(observations, evidence)]
        if frame.floor is not None:
            distances = hollow_underside(distances, space, frame.diagonal)
        seen = np.concatenate([evidence.seen, *views])
        known = np.concatenate([seen, *(motion(seen) for motion in best.motions)])
        shown = largest = settled(distances, space.grid, known)
        # The walls of vessels are as thick as walls are, seen or not.
        if best.fog is None:
            shown = settled(drawn_in(distances, known, space, frame.diagonal), space.grid, known)
        vertices, faces = extract_object(with_skin(shown, views, evidence, largest), space.grid)
        if not len(faces):
            raise GenerationError(
                f"The views of '{request.name}' leave no room for an object.",
                "Its masks have to agree with each other and with the cameras' poses.",
                "Check its masks on the contact sheet, or give the object an asset of its own.",
            )
        vertices = vertices.astype(np.float64)
        normals = vertex_normals(vertices, faces)
        colors, weights = photographed_colors(vertices, normals, observations, frame.diagonal)
        is_seen = weights > LEAST_WEIGHT
        colors, has_color = partner_colors(vertices, normals, colors, is_seen, best.motions, frame.diagonal)
        colors = spread_colors(colors, has_color, faces)
        shape = ColoredMesh(
            vertices=frame.to_capture(vertices).astype(np.float32),
            faces=faces,
            colors=np.clip(colors, 0, 1).astype(np.float32),
        )
        up = frame.rotation[:, 2]
        evidence_texts = {
            "hypothesis": best.name,
            "explained": round(best.explained, 4),
            "space_filled": round(best.left, 4),
            "surface_unseen": round(float(1 - is_seen.mean()), 4),
        }
        return ProxyAsset(
            shape=shape,
            made_by="symmetry",
            T_capture_asset=Similarity.identity(),
            is_in_place=True,
            up=(float(up[0]), float(up[1]), float(up[2])),
            evidence=evidence_texts,
        )


def vertex_normals(vertices: Float[np.ndarray, "v 3"], faces: np.ndarray) -> Float[np.ndarray, "v 3"]:
    """Unit normals, the mean of those of the triangles around by their areas."""
    corners = vertices[faces].astype(np.float64)
    crosses = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.stack(
        [np.bincount(faces.ravel(), np.repeat(crosses[:, axis], 3), len(vertices)) for axis in range(3)], axis=1
    )
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
