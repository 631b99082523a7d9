"""Settings of the model: its Gaussians, and each stage that objects go through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from nerfstudio.cameras.camera_optimizers import CameraOptimizerConfig
from nerfstudio.models.base_model import ModelConfig

from scorp_ns.appearance.config import TuneConfig
from scorp_ns.compose.config import ComposeConfig
from scorp_ns.fields.config import FieldConfig
from scorp_ns.lift.config import LiftConfig
from scorp_ns.plugins.generators import GeneratorChoice
from scorp_ns.plugins.matchers import MatcherChoice
from scorp_ns.pose.config import SearchConfig
from scorp_ns.schedule import ScheduleConfig

BEFORE, AFTER, OBJECTS = "before", "after", "objects"
"""The parts that can be shown, beside single objects by their names."""


@dataclass
class ModelSettings(ModelConfig):
    """Settings of the scene, and of each stage that objects go through."""

    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    """The moments of the run, in fractions of it."""
    sh_degree: int = 3
    """Highest degree of spherical harmonics for view-dependent colour, 0 to 3."""
    random_init: bool = False
    """Start from random points even where the capture has seed points."""
    num_random: int = 50000
    """Number of Gaussians of a random start."""
    fill_views: bool = False
    """Add seed points where the capture's own leave parts of a training image empty, as on plain walls."""
    free_space_share: float = 0.0
    """Gaussians are removed around and between cameras up to this share of the way to a seed point; 0 keeps all."""
    background_color: Literal["random", "black", "white"] = "random"
    """The colour where nothing is; random keeps Gaussians from imitating it."""
    num_downscales: int = 2
    """Training starts at 1/2^n of the resolution."""
    ssim_lambda: float = 0.2
    """Weight of 1 - SSIM in the loss; the rest is L1."""
    rasterize_mode: Literal["classic", "antialiased"] = "classic"
    """`antialiased` keeps thin things right at other resolutions, but other programs cannot show its exports well."""
    cull_alpha_thresh: float = 0.1
    """Gaussians with less opacity are removed when the scene densifies."""
    reset_alpha: float = 0.2
    """Making all Gaussians nearly transparent again leaves them this opacity at the most."""
    cull_scale_thresh: float = 0.5
    """Gaussians larger than this, in world units, are removed when the scene densifies."""
    cull_screen_size: float = 0.15
    """Gaussians that cover more of an image than this fraction are removed, early in the run."""
    split_screen_size: float = 0.05
    """Gaussians that cover more of an image than this fraction are split, early in the run."""
    densify_grad_thresh: float = 0.0008
    """Gaussians whose mean image gradient exceeds this are split or duplicated."""
    densify_size_thresh: float = 0.01
    """Gaussians smaller than this, in world units, are duplicated rather than split."""
    use_absgrad: bool = True
    """Sum absolute instead of signed image gradients when deciding where to densify."""
    max_gauss_ratio: float = 10.0
    """Gaussians longer than this times their width are pulled back when `use_scale_regularization` is on."""
    use_scale_regularization: bool = False
    """Keep Gaussians from becoming needles."""
    camera_optimizer: CameraOptimizerConfig = field(default_factory=lambda: CameraOptimizerConfig(mode="off"))
    """Correct the training cameras' poses along with the scene."""
    lift: LiftConfig = field(default_factory=LiftConfig)
    """Lifting objects out of the scene."""
    generator: GeneratorChoice = field(default_factory=GeneratorChoice)
    """The generators of complete proxies of the lifted objects."""
    proxy: FieldConfig = field(default_factory=FieldConfig)
    """The form of proxies."""
    place: SearchConfig = field(default_factory=SearchConfig)
    """The search for a proxy's pose."""
    matcher: MatcherChoice = field(default_factory=MatcherChoice)
    """The matcher of photographs with renders of a proxy, for poses to start from."""
    tune: TuneConfig = field(default_factory=TuneConfig)
    """Tuning proxies' colours to the photographs."""
    compose: ComposeConfig = field(default_factory=ComposeConfig)
    """Composing objects with their proxies."""
    show: str = AFTER
    """The part of a finished run that tools show: `after` composing, `before` it, `objects`, or one object's name."""

    def __post_init__(self) -> None:
        if not 0 <= self.sh_degree <= 3:
            raise ValueError(f"sh_degree is {self.sh_degree}; it must be 0, 1, 2 or 3.")
        if not 0 <= self.free_space_share < 1:
            raise ValueError(f"free_space_share is {self.free_space_share}; it must be 0 or more and less than 1.")
        if not 0 <= self.ssim_lambda <= 1:
            raise ValueError(f"ssim_lambda is {self.ssim_lambda}; it must lie between 0 and 1.")
        if not self.cull_alpha_thresh < self.reset_alpha <= 1:
            raise ValueError(
                f"reset_alpha is {self.reset_alpha}; it must be more than cull_alpha_thresh, which is "
                f"{self.cull_alpha_thresh}, or all Gaussians might be removed after a reset, and 1 or less."
            )
