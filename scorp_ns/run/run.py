"""A run as its stages and the viewer get it: model, capture and files, and while it trains, what training has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

from nerfstudio.utils.rich_utils import CONSOLE
from rich.markup import escape
from torch.optim import Optimizer

from scorp_ns.data.datamanager import ScorpDataManager
from scorp_ns.generate.generator import Work
from scorp_ns.host.progress_bar import progress_bar
from scorp_ns.model import ScorpModel
from scorp_ns.products import CapturedView, LiftedObject, ObjectInfo
from scorp_ns.run.requests import RequestQueue
from scorp_ns.run.stage_clock import StageClock
from scorp_ns.run.views import ObjectViews
from scorp_ns.scene.picks import Pick
from scorp_ns.schedule import Schedule

FOLDER = "scorp"
"""The folder of objects' files within a run's own."""


@dataclass
class Training:
    """The part of a run that exists while it is trained, or could be trained on."""

    schedule: Schedule
    seed: int
    experiment: str
    method: str
    folder: Path
    """The run's own folder."""
    save_objects: bool
    """Whether objects' files are written to the run's folder."""
    optimizers: Mapping[str, Optimizer]
    """By the names of parameter groups."""
    lock: AbstractContextManager[object]
    """Held by whoever changes the model."""
    save_checkpoint: Callable[[int], None]
    regenerate: set[str]
    """Objects whose proxies are to be generated anew."""
    recompose: set[str]
    """Objects to be composed again, as their proxies are new or stand elsewhere."""
    picks: tuple[Pick, ...] = ()
    """Clicks of the run that this one goes on with, not grown yet."""
    just_placed: set[str] = field(default_factory=set)
    """Objects whose proxies were placed by the search, and whose poses are not refined yet."""


@dataclass(frozen=True)
class RunningWork:
    """The work on one object's proxy that goes on now."""

    name: str
    cancelled: Event
    """Setting it stops the work."""
    share: float = 0.0
    """The share that is done, as far as known."""
    text: str = ""
    """The current step."""


class Run:
    """One run, in training or loaded to be looked at."""

    def __init__(self, model: ScorpModel, data: ScorpDataManager) -> None:
        self.model, self.data = model, data
        self.requests, self.clock = RequestQueue(), StageClock()
        self.folder = Path(FOLDER)
        """The folder of objects' files; who opens the run says where."""
        self.training: Training | None = None
        """None for a run that is only looked at."""
        self.running: RunningWork | None = None
        self.listeners: list[Callable[[], None]] = []
        """Called when work on an object begins, goes on or ends."""
        self.warnings: list[str] = []
        """Warnings since this process began, once each."""
        self.views = ObjectViews(self.captured_views, lambda: model.scene_before, model.config.rasterize_mode)

    @property
    def in_training(self) -> Training:
        """The training part; stages work only while a run is trained."""
        assert self.training is not None
        return self.training

    @property
    def masked_objects(self) -> tuple[ObjectInfo, ...]:
        """The objects of the capture's masks and boxes."""
        masks = self.data.object_masks
        return () if masks is None else masks.objects

    def captured_views(self) -> list[CapturedView]:
        """The training images, with the poses that training arrived at."""
        return self.data.captured_views(self.model.camera_optimizer, self.model.device)

    def own_objects(self, names: Collection[str] | None = None) -> list[LiftedObject]:
        """The objects as they were lifted, all or those with these names, in the order of their labels."""
        store = self.model.scene_objects
        found = [store.object(name) for name in store.names if names is None or name in names]
        return [self.model.scene_composite.own(one) for one in found if one is not None]

    def warn(self, text: str) -> None:
        """Tell people what went otherwise than they may expect, now and in the report."""
        CONSOLE.print(text, style="yellow", markup=False)
        if text not in self.warnings:
            self.warnings.append(text)

    @contextmanager
    def work_on(self, name: str, title: str) -> Iterator[Work]:
        """The work of a stage on one object, which people see, may stop, and whose time counts for the object."""
        running = RunningWork(name, Event())
        with progress_bar() as bar, self.clock.of_object(name):
            task = bar.add_task(f"{title} {escape(name)}", total=None)

            def progress(share: float | None, text: str) -> None:
                bar.update(task, total=1, completed=share, description=f"{title} {escape(name)}: {escape(text)}")
                self._set_running(replace(running, share=share or 0.0, text=text))

            self._set_running(running)
            try:
                yield Work(progress, running.cancelled, self.warn)
            finally:
                self._set_running(None)

    def _set_running(self, running: RunningWork | None) -> None:
        self.running = running
        for listener in self.listeners:
            listener()
