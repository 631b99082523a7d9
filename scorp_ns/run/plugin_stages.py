"""The stages of a run: scorp's own, with those of other packages that were chosen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from scorp_ns.errors import ScorpError
from scorp_ns.messages import all_of
from scorp_ns.plugins import registry
from scorp_ns.run.guarded_stage import GuardedStage
from scorp_ns.run.masks import MaskStage
from scorp_ns.run.plugin_checks import fault_of
from scorp_ns.run.plugin_stage import PluginStage
from scorp_ns.run.stage import STAGES, Stage

OPTION, OPTIONS = "--pipeline.stages", "--pipeline.stage-options"


def stages_with(names: Sequence[str], options: Mapping[str, str]) -> tuple[Stage, ...]:
    """scorp's stages with these of installed packages, each behind the one that it follows.

    `options` has settings of these stages by `<stage>.<setting>`.
    """
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ScorpError(f"{OPTION} has {all_of(twice)} twice.", "A stage is there once.", "Leave one out.")
    plugins = [plugin_stage(name, of_stage) for name, of_stage in _options_by_stage(names, options).items()]
    stages = tuple(stage for own in STAGES for stage in _with_followers(own, own, plugins))
    placed = {stage.name for stage in stages}
    for one in plugins:
        if one.text.name not in placed or one.after == MaskStage.name:
            known = [stage.name for stage in stages if stage.name != MaskStage.name]
            raise ScorpError(
                f"The stage '{one.text.name}' follows '{one.after}'.",
                f"It can follow {all_of(known)}.",
                f"Add what it follows to {OPTION}, or ask its author to correct its 'after'.",
            )
    return stages


def plugin_stage(name: str, options: dict[str, str]) -> PluginStage:
    """The stage of an installed package with these settings; a ScorpError if it is none that a run can use."""
    config = registry.load_plugin(registry.STAGES, name)
    config = registry.with_options(config, options, f"stage '{name}'", "stage-options")
    try:
        stage = config.build()
    except ScorpError:
        raise
    except (Exception, SystemExit) as error:  # Code of other packages may raise anything.
        raise ScorpError(
            f"The stage '{name}' cannot be built ({type(error).__name__}: {error}).",
            "It has to be ready before training begins.",
            f"Leave it out of {OPTION}, or ask its author to mend it.",
        ) from error
    if fault := fault_of(name, stage):
        raise ScorpError(
            f"The stage '{name}' is none that a run can use: {fault}.",
            "It has to be a PluginStage as docs/stages.md describes it.",
            f"Leave it out of {OPTION}, or ask its author to mend it.",
        )
    return stage


def _options_by_stage(names: Sequence[str], options: Mapping[str, str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {name: {} for name in names}
    for key, value in options.items():
        name, _, setting = key.partition(".")
        if name not in found or not setting:
            chosen = f"{OPTION} has {all_of(list(names))}" if names else f"{OPTION} has none"
            raise ScorpError(
                f"{OPTIONS} has '{key}'.",
                f"Options are called <stage>.<setting>, of a stage that is chosen; {chosen}.",
                f"Correct it, or add the stage to {OPTION}.",
            )
        found[name][setting] = value
    return found


def _with_followers(stage: Stage, own: Stage, plugins: Sequence[PluginStage]) -> Iterator[Stage]:
    """A stage, and behind it the plug-ins that follow it, each with those that follow that one."""
    yield stage
    for plugin in plugins:
        if plugin.after == stage.name:
            behind = {one.name for one in STAGES[: STAGES.index(own) + 1]}
            yield from _with_followers(GuardedStage(plugin, stage, behind), own, plugins)
