"""Checks of stages of other packages, and of all that they give."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from scorp_ns.errors import ScorpError
from scorp_ns.messages import all_of
from scorp_ns.report.kit.facts import checked, plain_json
from scorp_ns.report.of_run.facts import DONE, FAILED, SKIPPED, ObjectEntry, StageFacts, StageText
from scorp_ns.report.of_run.outcome import told
from scorp_ns.run.plugin_stage import PluginStage
from scorp_ns.run.stage import STAGES

TAKEN = {"scene", "report", *vars(ObjectEntry), *ObjectEntry.__dataclass_fields__}
"""Names that clocks and reports use otherwise."""


def fault_of(name: str, stage: Any) -> str | None:
    """The reason why an object is no stage of this name; None for a stage."""
    text = getattr(stage, "text", None)
    if not isinstance(stage, PluginStage):
        return f"build() gave a {type(stage).__name__}"
    if type(stage).waiting is PluginStage.waiting or type(stage).work_on is PluginStage.work_on:
        return "it lacks waiting() or work_on()"
    if not isinstance(text, StageText) or not isinstance(getattr(stage, "after", None), str):
        return "it lacks a StageText as 'text', or a name as 'after'"
    if text.name != name:
        return f"it is registered as '{name}' and calls itself '{text.name}'"
    if not name.isidentifier() or name in TAKEN or name in {own.name for own in STAGES}:
        return "its name has to be a word of letters, digits and underscores that nothing else in a report has"
    if not issubclass(text.facts, StageFacts):
        return "its facts are no StageFacts"
    try:
        checked_facts(text.facts(state=SKIPPED), text)
    except Exception as error:  # Code of other packages may raise anything.
        return f"its facts cannot all be absent ({type(error).__name__}: {error})"
    return None


def checked_facts(facts: Any, text: StageText) -> StageFacts:
    """The facts as reports have them; a ScorpError if they are none of the stage's."""
    if type(facts) is not text.facts:
        raise _nonsense(f"work_on() gave a {type(facts).__name__}", f"{text.facts.__name__} are needed")
    plain = checked(plain_json(facts), text.facts, text.name)
    if plain.state not in (DONE, FAILED, SKIPPED):
        raise _nonsense(f"work_on() gave the state '{plain.state}'", f"It is one of {all_of([DONE, FAILED, SKIPPED])}")
    told(plain)
    if not all(isinstance(remark, str) for remark in plain.remarks()):
        raise _nonsense("remarks() gave no texts", "Sentences are needed")
    if list(plain.overview()) != list(text.facts(state=SKIPPED).overview()):
        raise _nonsense("The columns of overview() are others for other objects", "They are always the same")
    return plain


def checked_step(value: Any) -> int | None:
    """The iteration or None; a ScorpError if it is neither."""
    if value is not None and type(value) is not int:
        raise _nonsense(f"start() gave {value!r:.60}", "An iteration or None is needed")
    return value


def checked_state(value: Any) -> Any:
    """A copy of a value of plain types and tensors, as any checkpoint can hold it."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Tensor):
        return value.detach().clone()
    if type(value) in (list, tuple):
        return type(value)(map(checked_state, value))
    if type(value) is dict:
        return {checked_state(key): checked_state(one) for key, one in value.items()}
    raise _nonsense(
        f"state() gave something of type {type(value).__name__}", "For checkpoints, plain types and tensors are needed"
    )


def _nonsense(found: str, needed: str) -> ScorpError:
    return ScorpError(f"{found}.", f"{needed}.", "Ask the author of the stage to mend it.")
