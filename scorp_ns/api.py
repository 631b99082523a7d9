"""The public surface for plug-ins: all that generators, matchers and mask sources of other packages import.

Names in here stay; modules below may move. docs/generators.md, docs/matchers.md and docs/masks.md say how to use them.
"""

from scorp_ns.cameras import Camera
from scorp_ns.errors import CancelledError, GenerationError, MaskError, MatchingError, ScorpError
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.splats import Gaussians
from scorp_ns.generate.contract import check_generator
from scorp_ns.generate.example_request import example_request
from scorp_ns.generate.generator import Generator, GeneratorConfig, Work
from scorp_ns.generate.request_digest import request_digest
from scorp_ns.masks.contract import check_mask_source
from scorp_ns.masks.source import Frame, MaskRequest, MaskSourceConfig
from scorp_ns.match.contract import check_matcher
from scorp_ns.match.example_pair import ExamplePair, example_pair
from scorp_ns.match.matcher import Matcher, MatcherConfig, Matches
from scorp_ns.products import (
    BACKGROUND,
    OCCLUDER,
    UNKNOWN,
    VISIBLE,
    LabelMap,
    ObjectBox,
    ObjectCrop,
    ObjectFrame,
    ObjectInfo,
    ObjectMasks,
    ObjectView,
    ProxyAsset,
    ProxyRequest,
    Support,
)
from scorp_ns.surfaces.mesh import ColoredMesh

__all__ = [
    "BACKGROUND",
    "OCCLUDER",
    "UNKNOWN",
    "VISIBLE",
    "Camera",
    "CancelledError",
    "ColoredMesh",
    "ExamplePair",
    "Frame",
    "Gaussians",
    "GenerationError",
    "Generator",
    "GeneratorConfig",
    "LabelMap",
    "MaskError",
    "MaskRequest",
    "MaskSourceConfig",
    "Matcher",
    "MatcherConfig",
    "Matches",
    "MatchingError",
    "ObjectBox",
    "ObjectCrop",
    "ObjectFrame",
    "ObjectInfo",
    "ObjectMasks",
    "ObjectView",
    "ProxyAsset",
    "ProxyRequest",
    "ScorpError",
    "Similarity",
    "Support",
    "Work",
    "check_generator",
    "check_mask_source",
    "check_matcher",
    "example_pair",
    "example_request",
    "request_digest",
]
