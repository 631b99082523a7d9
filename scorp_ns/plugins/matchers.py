"""The choice of a matcher of photographs with renders of a proxy."""

from __future__ import annotations

from dataclasses import dataclass, field

from scorp_ns.match.config import MatchingConfig
from scorp_ns.match.keypoint_models import TransformersConfig
from scorp_ns.match.matcher import Matcher
from scorp_ns.match.sift import SiftConfig
from scorp_ns.plugins.registry import MATCHERS, load_plugin, with_options

NONE = "none"
"""The name that stands for no matcher."""

BUILT_IN = ("sift", "transformers")
"""The matchers whose settings are fields of the choice."""


@dataclass
class MatcherChoice:
    """The matcher of features, which gives the search for a proxy's pose more starts."""

    name: str = NONE
    """`none`, `sift` (no weights), `transformers`, or the name of an installed plugin."""
    options: dict[str, str] = field(default_factory=dict)
    """Settings of an installed plugin: pairs of a setting's name and its value."""
    sift: SiftConfig = field(default_factory=SiftConfig)
    """Features of OpenCV."""
    transformers: TransformersConfig = field(default_factory=TransformersConfig)
    """A network of the transformers package."""
    matching: MatchingConfig = field(default_factory=MatchingConfig)
    """The number of pictures matched, and the matches that a pose needs to be tried."""

    def build(self) -> Matcher | None:
        """The matcher, or None if there shall be none; a ScorpError if it is not installed or cannot work."""
        if self.name == NONE:
            return None
        if self.name in BUILT_IN:
            return getattr(self, self.name).build()
        config = load_plugin(MATCHERS, self.name)
        return with_options(config, self.options, f"matcher '{self.name}'", "model.matcher.options").build()
