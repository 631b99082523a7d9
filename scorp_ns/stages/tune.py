"""From a placed proxy to one in the photographs' colours: pose and shape stay as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from scorp_ns.appearance.color_map import ColorMap, fit_color_map
from scorp_ns.appearance.config import TuneConfig
from scorp_ns.appearance.exposure import fit_gains, mean_colors
from scorp_ns.appearance.residual import fit_residual, photographic_error, spread_residual
from scorp_ns.compose.evidence import gather_evidence
from scorp_ns.errors import CompositionError
from scorp_ns.fields.proxy_field import ProxyField
from scorp_ns.fields.surface_gaussians import mesh_of, on_surface
from scorp_ns.gaussians.seeding import SH_C0
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.lift.object_windows import object_windows
from scorp_ns.lift.scene_depths import SceneDepths
from scorp_ns.products import LiftedObject, ObjectCrop, Proxy, TunedColors

TOLERANCE = 0.03
"""A proxy's point is where the scene has its surface if it is no further off than this share of the diagonal."""

CELLS = 96
"""A proxy's diagonal is so many cells of the grid that the residual's mesh is made on."""

NUM_SAMPLES = 100_000
"""Points of that mesh that the field's residual is fitted to."""

WELL_SEEN = 0.5
"""The weight of sight at which a point's own pixels are believed half."""


def tune(
    depths: SceneDepths, one: LiftedObject, proxy: Proxy, capture_to_world: Similarity, config: TuneConfig
) -> TunedColors:
    """The colours of a placed proxy that match the photographs; a CompositionError says why there are none."""
    if proxy.T_world_proxy is None:
        raise CompositionError(
            f"The proxy of '{proxy.name}' has no place.",
            "A proxy needs its place before it can be compared with photographs.",
            "Use a generator that tells the place, or another proxy.",
        )
    own = depths.gaussians[one.indices.to(depths.gaussians.means.device)]
    sights = object_windows(depths, one, own, capture_to_world)
    if not sights:
        raise CompositionError(
            f"No photograph shows '{one.name}'.", "Photographs decide what its proxy looks like.", "Check its masks."
        )
    seen = _look(proxy, sights, capture_to_world.inverse() @ proxy.T_world_proxy, config)
    color_map = fit_color_map(seen.generated, seen.observed, (seen.trust > 0).float())
    mapped = color_map.apply(seen.generated)
    residual = fit_residual(seen.surface, mapped, seen.observed, seen.trust, sights, seen.gains, config)
    spread = seen.spread(residual, seen.points, seen.normals, config.reach)
    colors = (mapped + torch.where(seen.trust[:, None] > 0, residual, spread)).clamp(0, 1)
    return TunedColors(
        field=_tuned_field(proxy.field, color_map, seen, residual, config.reach),
        gaussians=replace(proxy.gaussians, harmonics=((colors - 0.5) / SH_C0)[:, None].to(proxy.gaussians.means)),
        color_map=torch.cat([color_map.matrix, color_map.offset[:, None]], dim=1),
        evidence=_evidence(seen, sights, {"generated": seen.generated, "mapped": mapped, "tuned": colors}),
    )


@dataclass(frozen=True)
class _Look:
    """A proxy's surface Gaussians in the photographs."""

    points: Float[Tensor, "n 3"]
    normals: Float[Tensor, "n 3"]
    """Both in the proxy's frame, on the surface."""
    surface: Gaussians
    """In the frame of the capture."""
    generated: Float[Tensor, "n 3"]
    """Colours as they were generated."""
    observed: Float[Tensor, "n 3"]
    """Mean colours in the photographs; black where none sees the point."""
    trust: Float[Tensor, " n"]
    """The weight with which photographs see the point together, from 0 to less than 1."""
    gains: Float[Tensor, "views 3"]
    """By how much each photograph is brighter than their mean."""

    def spread(
        self, residual: Float[Tensor, "n 3"], at: Float[Tensor, "m 3"], normals: Float[Tensor, "m 3"], reach: float
    ) -> Float[Tensor, "m 3"]:
        """The residual at other places of the surface."""
        return spread_residual(self.points, self.normals, residual, self.trust, at, normals, reach)


def _look(proxy: Proxy, sights: Sequence[ObjectCrop], placed: Similarity, config: TuneConfig) -> _Look:
    """Look at the proxy, which stands in the capture's frame, from all cameras."""
    gaussians = proxy.gaussians.to("cpu")
    field = deepcopy(proxy.field).cpu()
    points, normals = on_surface(field, gaussians.means)
    surface = transform_gaussians(gaussians, placed)
    turned = (normals.double() @ placed.rotation.T).float()
    looks = [gather_evidence(surface.means, turned, [sight], TOLERANCE * placed.scale) for sight in sights]
    colors = torch.stack([look.colors for look in looks])
    weights = torch.stack([look.color_weights for look in looks])
    gains = fit_gains(colors, weights) if config.even_exposure else torch.ones(len(sights), 3)
    total = weights.sum(dim=0)
    return _Look(
        points=points,
        normals=normals,
        surface=surface,
        generated=field.generated_color(points).detach(),
        observed=mean_colors(colors, weights, gains),
        trust=total / (total + WELL_SEEN),
        gains=gains,
    )


def _tuned_field(
    field: ProxyField, color_map: ColorMap, seen: _Look, residual: Float[Tensor, "n 3"], reach: float
) -> ProxyField:
    """The field with the colour map and the residual in it."""
    tuned = deepcopy(field).cpu()
    tuned.set_color_map(color_map.matrix, color_map.offset)
    samples = mesh_of(tuned, 1 / CELLS).sample(NUM_SAMPLES, seed=0)
    points, normals = torch.from_numpy(samples.points).float(), torch.from_numpy(samples.normals).float()
    tuned.fit_residual(points, seen.spread(residual, points, normals, reach))
    return tuned.to(field.low.device)


def _evidence(
    seen: _Look, sights: Sequence[ObjectCrop], colors: Mapping[str, Float[Tensor, "n 3"]]
) -> dict[str, float]:
    """The error of each step's colours, the share that photographs see, and the range of exposures."""
    return {
        **{f"error_{step}": photographic_error(seen.surface, of, sights, seen.gains) for step, of in colors.items()},
        "seen": float((seen.trust > 0).float().mean()),
        "exposure_range": float(seen.gains.amax() / seen.gains.amin()),
    }
