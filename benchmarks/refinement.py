"""Do places of proxies get better by learning from photographs through the renderer?

    python benchmarks/refinement.py CONFIG [CONFIG ...] [--step 1599] [--trials 3] [--turn 1.5] [--move 1] [--scale 1]

CONFIG is the config.yml of a run with the generator `asset`, of which a checkpoint from before objects are lifted is
kept, as `scorp bench` does; its capture has `gt/`, and its proxies their true poses beside them. Objects are lifted,
proxies made, placed and mended as in any run. Then places learn for as long as the schedule of the run says, in its
own iterations: once from where they were found, and from where they are put for each trial, which is off that by
`turn` degrees, `move` % of the diagonal, each in a random direction, and larger or smaller by `scale` %.

start, learned, kept: where learning began, where it ended, and which of both the search's measure chose. turn, scale,
move: errors in degrees, % and % of the diagonal, modulo true symmetries. chamfer: mean of the two mean distances
between the proxy's surface and the true one, in % of the diagonal: proxies are not quite the object, so that the true
pose need not be where most of the surface agrees. cost: the search's measure.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from nerfstudio.engine.callbacks import TrainingCallbackLocation

from scorp_ns.bench.poses import errors_of_pose
from scorp_ns.evaluate.geometry import nearest_distances
from scorp_ns.evaluate.meshes import Mesh, read_mesh
from scorp_ns.fields.surface_gaussians import mesh_of
from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.pose.refinement import MovingProxy
from scorp_ns.run.placing import place_proxies
from scorp_ns.run.refining import begin_refinement, finish_refinement
from scorp_ns.run.stage import STAGES
from scorp_ns.scene.records import Placed

SAMPLES = 20_000
"""Points on each of two surfaces whose distance is measured."""

STATES, NUMBERS = ("start", "learned", "kept"), ("turn", "scale", "move", "chamfer", "cost")


@dataclass(frozen=True)
class Trial:
    """How wrong one proxy's place was before and after it learned."""

    title: str
    is_put: bool
    """Whether it was put where it began, and not found there."""
    rows: dict[str, tuple[float, ...]]
    """The numbers of each state."""
    is_taken: bool
    """Whether the measure chose what was learned."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("configs", nargs="+", type=Path)
    parser.add_argument("--step", type=int, default=1599)
    parser.add_argument("--trials", type=int, default=3)
    for name, default in (("turn", 1.5), ("move", 1.0), ("scale", 1.0)):
        parser.add_argument(f"--{name}", type=float, default=default)
    arguments = parser.parse_args()
    trials: list[Trial] = []
    for config in arguments.configs:
        with tempfile.TemporaryDirectory() as folder:
            run = PlacedRun(config, arguments.step, Path(folder))
            random = np.random.default_rng(0)
            for number in range(arguments.trials + 1):
                offs = {name: np.zeros(7) for name in run.found}
                if number > 0:
                    offs = {name: _off(random, arguments.turn, arguments.move, arguments.scale) for name in run.found}
                for trial in run.refine(offs, number):
                    _print(trial)
                    trials.append(trial)
    for is_put, title in ((False, "from where it was found"), (True, "from where it was put")):
        _print_summary(title, [one for one in trials if one.is_put == is_put])


def _off(random: np.random.Generator, turn: float, move: float, scale: float) -> np.ndarray:
    """A change of place by so many degrees, % of the diagonal and %."""
    directions = random.normal(size=(2, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    swelling = np.log(1 + random.choice([-1, 1]) * scale / 100)
    return np.concatenate([np.radians(turn) * directions[0], move / 100 * directions[1], [swelling]])


class PlacedRun:
    """A run whose proxies were just placed and mended, and the course of its objects."""

    def __init__(self, config: Path, step: int, folder: Path) -> None:
        with _quietly():
            settings: Any = yaml.load(config.read_text(), Loader=yaml.Loader)
            settings.load_dir, settings.load_step = config.parent / "nerfstudio_models", step
            settings.output_dir, settings.vis = folder, "tensorboard"
            trainer: Any = settings.setup(local_rank=0, world_size=1)
            trainer.setup()
            self.trainer, self.run, self.model = trainer, trainer.pipeline.run, trainer.pipeline.model
            for stage in STAGES[: [stage.name for stage in STAGES].index("place")]:
                stage.work(self.run)
            names = place_proxies(self.run)
        self.assets, self.gt = self.model.config.generator.asset.folder, settings.data / "gt"
        self.title = f"{self.assets.parent.name:10} {settings.data.parent.name:32}"
        self.to_world = trainer.pipeline.datamanager.capture_to_world
        self.iterations = self.run.in_training.schedule.refinement
        if not self.iterations:
            raise SystemExit(f"{config}: in this run no places learn.")
        places = {name: self.model.scene_proxies.pose(name) for name in sorted(names)}
        self.found: dict[str, Similarity] = {name: place for name, place in places.items() if place is not None}

    def refine(self, offs: dict[str, np.ndarray], number: int) -> Iterator[Trial]:
        """Lets all places learn, each from so far off where it was found."""
        store, refinement = self.model.scene_proxies, self.model.scene_refinement
        for name, off in offs.items():
            moved = self._moved(name, self.found[name], torch.from_numpy(off))
            store.set_placement(name, Placed(moved, {}, "search"))
        with _quietly():
            begin_refinement(self.run, set(offs))
            starts = {name: refinement.start(name) for name in offs}
            for step in self.iterations:
                for callback in self.trainer.callbacks:
                    callback.run_callback_at_location(step, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
                self.trainer.train_iteration(step)
            ways = {name: refinement.change(name) for name in offs if not refinement.has_diverged(name)}
            learned = {name: self._moved(name, starts[name], way) for name, way in ways.items()}
            finish_refinement(self.run)
        for name in offs.keys() - learned.keys():
            print(f"{self.title} {name:16} {number} got lost, and keeps its place")
        for name in learned:
            placement = store.record(name).placement
            kept, facts = placement.pose, placement.confidence
            costs = facts["cost_found"], facts["cost_refined"]
            is_taken = not torch.equal(kept.matrix, starts[name].matrix)
            rows = {
                "start": (*self._errors(name, starts[name]), costs[0]),
                "learned": (*self._errors(name, learned[name]), costs[1]),
                "kept": (*self._errors(name, kept), costs[int(is_taken)]),
            }
            yield Trial(f"{self.title} {name:16} {number}", number > 0, rows, is_taken)

    def _moved(self, name: str, start: Similarity, change: torch.Tensor) -> Similarity:
        return MovingProxy.at(1, self.model.scene_proxies.proxy(name).gaussians, start).place(change)

    def _errors(self, name: str, place: Similarity) -> tuple[float, ...]:
        store = self.model.scene_proxies
        store.set_placement(name, replace(store.record(name).placement, pose=place))
        proxy, truth = store.proxy(name), self.gt / f"{name}.ply"
        errors = errors_of_pose(proxy, self.assets, truth, self.to_world)
        surface = mesh_of(proxy.field, 1 / 96).moved(self.to_world.inverse() @ place)
        true, placed = read_mesh(truth), Mesh(surface.vertices.astype(np.float64), surface.faces)
        one, other = nearest_distances(true.sample(SAMPLES, 0), placed.sample(SAMPLES, 1))
        chamfer = 50 * float(one.mean() + other.mean()) / true.diagonal
        return errors["rotation_deg"], errors["scale_pct"], errors["translation_pct"], chamfer


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _print(trial: Trial) -> None:
    columns = " -> ".join(" ".join(f"{number:6.3f}" for number in trial.rows[state]) for state in STATES[:2])
    print(f"{trial.title} {columns} {'taken' if trial.is_taken else 'left'}", flush=True)


def _print_summary(title: str, trials: list[Trial]) -> None:
    if not trials:
        return
    print(f"{title}: {len(trials)}, {sum(one.is_taken for one in trials)} of what was learned taken")
    table = {state: np.array([one.rows[state] for one in trials]) for state in STATES}
    for state, rows in table.items():
        medians, means = np.median(rows, axis=0), rows.mean(axis=0)
        parts = [f"{n} {a:.3f} ({b:.3f})" for n, a, b in zip(NUMBERS, medians, means, strict=True)]
        print(f"  {state:8} median (mean): " + ", ".join(parts))
    better = (table["kept"][:, 3] < table["start"][:, 3]).sum(), (table["kept"][:, 3] > table["start"][:, 3]).sum()
    print(f"  chamfer better after than before in {better[0]}, worse in {better[1]}")


if __name__ == "__main__":
    main()
