"""The public surface for stages, beside `scorp_ns.api`: all that packages with a stage import.

Names in here stay; modules below may move. It is a module of its own since a run loads nerfstudio, which other plug-ins
need not. docs/stages.md says how to use it.
"""

from scorp_ns.gaussians.transform import transform_gaussians
from scorp_ns.products import LiftedObject, Proxy
from scorp_ns.report.kit.facts import Facts, Real, Text, Texts, Value, Whole
from scorp_ns.report.of_run.facts import DONE, FAILED, SKIPPED, StageFacts, StageText, Told
from scorp_ns.run.contract import check_stage
from scorp_ns.run.example_run import example_run
from scorp_ns.run.plugin_stage import PluginStage, StageConfig
from scorp_ns.run.run import Run
from scorp_ns.scene.records import Placed, Refused, Unplaced
from scorp_ns.schedule import Schedule

__all__ = [
    "DONE",
    "FAILED",
    "SKIPPED",
    "Facts",
    "LiftedObject",
    "Placed",
    "PluginStage",
    "Proxy",
    "Real",
    "Refused",
    "Run",
    "Schedule",
    "StageConfig",
    "StageFacts",
    "StageText",
    "Text",
    "Texts",
    "Told",
    "Unplaced",
    "Value",
    "Whole",
    "check_stage",
    "example_run",
    "transform_gaussians",
]
