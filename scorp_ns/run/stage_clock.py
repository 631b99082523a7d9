"""The cost of each stage of a run: seconds, and the most memory in use."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import torch

from scorp_ns.json_files import write_json

SAMPLE_EVERY_S = 0.1
"""The time between looks at main memory; shorter peaks may be missed."""

MEGABYTE = 1e6


class StageClock:
    """Stages may be nested: time and memory count for the innermost one."""

    def __init__(self) -> None:
        self.costs: dict[str, dict[str, float]] = {}
        self.of_objects: dict[str, dict[str, float]] = {}
        """Per object, the seconds that each stage spent on it alone."""
        self._running: list[str] = []
        self._since = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count what happens in the block as this stage's; a stage that runs again adds to its time."""
        self._settle()
        self._running.append(name)
        self.costs.setdefault(name, {"seconds": 0.0, "peak_mb": 0.0})
        try:
            with self._watching_memory(name):
                yield
        finally:
            self._settle()
            self._running.pop()

    @contextmanager
    def of_object(self, name: str) -> Iterator[None]:
        """Count the time of the block as this object's too, in the stage that is running."""
        stage, began = self._running[-1], time.perf_counter()
        try:
            yield
        finally:
            seconds = self.of_objects.setdefault(name, {})
            seconds[stage] = seconds.get(stage, 0.0) + time.perf_counter() - began

    @property
    def running(self) -> str | None:
        """The stage that time counts for now."""
        return self._running[-1] if self._running else None

    def state(self) -> dict[str, dict[str, float]]:
        """The costs up to now, for a checkpoint."""
        self._settle()
        return {name: dict(cost) for name, cost in self.costs.items()}

    def load_state(
        self, costs: Mapping[str, Mapping[str, float]], of_objects: Mapping[str, Mapping[str, float]]
    ) -> None:
        """Go on from the costs of an interrupted run."""
        self.costs = {name: dict(cost) for name, cost in costs.items()}
        self.of_objects = {name: dict(seconds) for name, seconds in of_objects.items()}

    def _settle(self) -> None:
        """Give the time since the last look, and the GPU's peak, to the stage that is running."""
        now = time.perf_counter()
        if self._running:
            cost = self.costs[self._running[-1]]
            cost["seconds"] += now - self._since
            if torch.cuda.is_initialized():
                cost["peak_gpu_mb"] = max(cost.get("peak_gpu_mb", 0.0), torch.cuda.max_memory_allocated() / MEGABYTE)
                torch.cuda.reset_peak_memory_stats()
        self._since = now

    @contextmanager
    def _watching_memory(self, name: str) -> Iterator[None]:
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(name, ended), daemon=True)
        watch.start()
        try:
            yield
        finally:
            ended.set()
            watch.join()

    def _watch(self, name: str, ended: threading.Event) -> None:
        process = psutil.Process(os.getpid())
        while True:
            if self._running and self._running[-1] == name:
                cost = self.costs[name]
                cost["peak_mb"] = max(cost["peak_mb"], process.memory_info().rss / MEGABYTE)
            if ended.wait(SAMPLE_EVERY_S):
                return


def write_costs(costs: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Write the costs of all stages as JSON; where nothing can be written, the run is no worse for it."""
    rounded = {name: {kind: round(value, 2) for kind, value in cost.items()} for name, cost in costs.items()}
    with suppress(OSError):
        write_json(path, rounded)


def read_costs(path: Path) -> dict[str, dict[str, float]]:
    """The costs that a run wrote; none where it wrote nothing."""
    return json.loads(path.read_text()) if path.is_file() else {}
