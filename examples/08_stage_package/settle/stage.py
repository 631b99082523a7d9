"""A proxy that hovers or sinks by little is set down on the plane that its object stands on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated

from scorp_ns.api import ScorpError, Work
from scorp_ns.run.api import (
    DONE,
    SKIPPED,
    Placed,
    PluginStage,
    Real,
    Run,
    StageFacts,
    StageText,
    Told,
    transform_gaussians,
)

LOWEST = 0.001
"""Share of a proxy's Gaussians that may be below the plane: single ones stick out of its surface."""


@dataclass
class SettleConfig:
    """The settings, which users give as `--pipeline.stage-options settle.most 0.1`."""

    most: float = 0.05
    """Largest share of its diagonal that a proxy may be moved by; one further away stays where it is."""

    def build(self) -> Settle:
        """The stage; a ScorpError if it cannot work like this. Check here what would fail hours later."""
        if not 0 < self.most <= 1:
            raise ScorpError(f"settle.most is {self.most}.", "A share above 0, at most 1, is needed.", "Correct it.")
        return Settle(self)


@dataclass(frozen=True, kw_only=True)
class SettleFacts(StageFacts):
    """What reports tell: keys of report.json with their meaning, and names on the page."""

    moved: Annotated[
        Real, "share of the proxy's diagonal by which it was moved down", Told("moved down by", "{:.1%}".format)
    ] = None


class Settle(PluginStage):
    """Settling, once poses are refined and before colours are tuned there."""

    after = "refine"
    text = StageText("settle", "settled", "Its proxy stays at the height that was found.", SettleFacts)

    def __init__(self, config: SettleConfig) -> None:
        self._config = config

    def waiting(self, run: Run) -> Iterable[str]:
        """The objects whose proxies stand where no person put them."""
        proxies = run.model.scene_proxies
        placements = {name: proxies.record(name).placement for name in proxies.names}
        return [name for name, found in placements.items() if isinstance(found, Placed) and found.by != "person"]

    def work_on(self, run: Run, name: str, work: Work) -> SettleFacts:
        """Move the proxy of one object along the plane's normal."""
        (one,), proxies = run.own_objects({name}), run.model.scene_proxies
        if one.support is None:
            return SettleFacts(state=SKIPPED, reason="No plane was found that it stands on.")
        placement = proxies.record(name).placement
        assert isinstance(placement, Placed)
        surface = transform_gaussians(proxies.proxy(name).gaussians, placement.pose).means
        height = float(one.support.heights(surface).quantile(LOWEST))
        share = height / placement.pose.scale
        if abs(share) > self._config.most:
            return SettleFacts(state=SKIPPED, reason=f"It is {share:.1%} of its diagonal above the plane: too far.")
        down = -height * one.support.up.double().cpu()
        pose = replace(placement.pose, translation=placement.pose.translation + down)
        proxies.set_placement(name, replace(placement, pose=pose))
        return SettleFacts(state=DONE, moved=share)
