"""A set of Gaussians as a renderer takes them: linear scales, opacities in [0, 1], spherical harmonics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from scorp_ns.gaussians.seeding import SH_C0, base_features


@dataclass(frozen=True)
class Gaussians:
    """Splats in one frame."""

    means: Float[Tensor, "n 3"]
    quats: Float[Tensor, "n 4"]
    """Rotations wxyz, of any length but 0."""
    scales: Float[Tensor, "n 3"]
    """Standard deviations along the Gaussian's own axes."""
    opacities: Float[Tensor, " n"]
    harmonics: Float[Tensor, "n k 3"]
    """Colour coefficients, 1, 4, 9 or 16 per channel; the constant one first."""

    def __post_init__(self) -> None:
        assert len({len(getattr(self, field.name)) for field in fields(self)}) == 1
        assert self.harmonics.shape[1] in (1, 4, 9, 16)

    def __len__(self) -> int:
        return len(self.means)

    def __getitem__(self, chosen: Bool[Tensor, " n"] | Int[Tensor, " m"]) -> Gaussians:
        return Gaussians(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def cpu(self) -> Gaussians:
        """The same Gaussians in the memory of the CPU."""
        return Gaussians(**{field.name: getattr(self, field.name).cpu() for field in fields(self)})

    def to(self, place: torch.device | str | Tensor) -> Gaussians:
        """The same, cut from any graph, on the device named, or on that of a tensor and in its precision."""
        return Gaussians(**{field.name: getattr(self, field.name).detach().to(place) for field in fields(self)})

    @property
    def sh_degree(self) -> int:
        """The degree of the spherical harmonics."""
        return round(self.harmonics.shape[1] ** 0.5) - 1

    @property
    def base_colors(self) -> Float[Tensor, "n 3"]:
        """Colours without what depends on the view, in [0, 1]."""
        return (0.5 + SH_C0 * self.harmonics[:, 0]).clamp(0, 1)


def join_gaussians(parts: Sequence[Gaussians]) -> Gaussians:
    """All of several sets in their order, with the colours of the highest degree among them."""
    most = max(part.harmonics.shape[1] for part in parts)
    harmonics = [torch.nn.functional.pad(part.harmonics, (0, 0, 0, most - part.harmonics.shape[1])) for part in parts]
    rest = {
        field.name: torch.cat([getattr(part, field.name) for part in parts])
        for field in fields(Gaussians)
        if field.name != "harmonics"
    }
    return Gaussians(**rest, harmonics=torch.cat(harmonics))


def gaussians_from_parameters(parameters: Mapping[str, Tensor], sh_degree: int) -> Gaussians:
    """The Gaussians that splatfacto's trained parameters stand for, cut from their graph."""
    values = {name: parameter.detach() for name, parameter in parameters.items()}
    if sh_degree > 0:
        harmonics = torch.cat([values["features_dc"][:, None], values["features_rest"]], dim=1)
    else:
        harmonics = ((torch.sigmoid(values["features_dc"]) - 0.5) / SH_C0)[:, None]
    return Gaussians(
        means=values["means"],
        quats=values["quats"],
        scales=torch.exp(values["scales"]),
        opacities=torch.sigmoid(values["opacities"])[:, 0],
        harmonics=harmonics,
    )


def parameters_from_gaussians(gaussians: Gaussians, sh_degree: int) -> dict[str, Tensor]:
    """Splatfacto's parameters that stand for the Gaussians; colours beyond the degree are left out.

    Opacities come no nearer to 0 and 1 than what can be told in eight bits.
    """
    harmonics = gaussians.harmonics[:, : (sh_degree + 1) ** 2]
    missing = (sh_degree + 1) ** 2 - harmonics.shape[1]
    harmonics = torch.nn.functional.pad(harmonics, (0, 0, 0, missing))
    return {
        "means": gaussians.means.clone(),
        "scales": torch.log(gaussians.scales),
        "quats": gaussians.quats.clone(),
        "features_dc": base_features(gaussians.base_colors, 0) if sh_degree == 0 else harmonics[:, 0].clone(),
        "features_rest": harmonics[:, 1:].clone(),
        "opacities": torch.logit(gaussians.opacities, eps=0.5 / 255)[:, None],
    }
