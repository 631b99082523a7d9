"""Everything is a box: the one around what was lifted, in the colours that were seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scorp_ns.errors import GenerationError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.generate.generator import Work
from scorp_ns.generate.request_digest import request_digest
from scorp_ns.products import ProxyAsset, ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh

CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)], np.float32)
FACES = np.array(
    [
        *([0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5]),
        *([0, 4, 5], [0, 5, 1], [2, 3, 7], [2, 7, 6]),
        *([0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3]),
    ]
)


@dataclass(frozen=True)
class BoxesConfig:
    """The settings, which users give as `--pipeline.model.generator.options swelling 1.1`."""

    swelling: float = 1.0
    """How much larger than the object the box is."""

    def build(self) -> Boxes:
        """The generator; a ScorpError if it cannot work like this. Check here what would fail hours later."""
        if not self.swelling > 0:
            raise GenerationError(f"swelling is {self.swelling}.", "A number above 0 is needed.", "Correct it.")
        return Boxes(self)


class Boxes:
    """Makes boxes. A model would be loaded when it is first needed, not here."""

    def __init__(self, config: BoxesConfig) -> None:
        self._config = config

    def fingerprint(self, request: ProxyRequest) -> str:
        """What decides the reply. None would do for a generator that costs as little as this one."""
        return f"boxes 0.1 {self._config} {request_digest(request)}"

    def generate(self, request: ProxyRequest, work: Work) -> ProxyAsset:
        """A box in the capture's frame."""
        work.check(request.name)
        work.report(0.0, "folding")
        frame = request.frame
        local = CORNERS * frame.extent.cpu().numpy() * np.float32(self._config.swelling)
        vertices = local @ frame.rotation.cpu().numpy().T + frame.center.cpu().numpy()
        distances = ((vertices[:, None] - request.gaussians.means.cpu().numpy()) ** 2).sum(axis=2)
        colors = request.gaussians.base_colors.cpu().numpy()[distances.argmin(axis=1)]
        x, y, z = (float(value) for value in frame.rotation[:, 2])
        return ProxyAsset(
            shape=ColoredMesh(vertices.astype(np.float32), FACES, colors),
            made_by="boxes 0.1",
            T_capture_asset=Similarity.identity(),
            up=(x, y, z),
        )
