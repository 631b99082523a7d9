"""The schedule of a run: pure arithmetic on fractions of its length, so any length makes sense."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass
class ScheduleConfig:
    """Moments and periods of a run, each a fraction of all its iterations."""

    densify_from: float = 1 / 60
    """From when on Gaussians are split, duplicated and pruned."""
    densify_until: float = 0.5
    """Until when Gaussians are split, duplicated and pruned."""
    densify_every: float = 1 / 300
    """Period of densification; no shorter than one look at every training view (100 at the most) if the run allows."""
    reset_opacity_every: float = 0.1
    """Period of making all Gaussians nearly transparent again, which lets floaters die; 1 or more means never."""
    clear_free_space_every: float = 1 / 40
    """Period of removing what hangs in the air before the cameras, where `free_space_share` asks for it."""
    limit_screen_size_until: float = 2 / 15
    """Until when Gaussians that cover much of an image are split or removed."""
    add_sh_degree_every: float = 1 / 30
    """Period after which colours may vary with one more degree of spherical harmonics."""
    lift_at: float = 0.8
    """The moment of lifting objects out of the scene, where the capture has object masks; more than 1 means never."""
    propose_at: float = 0.8
    """The moment of generating proxies, no earlier than these are lifted; more than 1 means never."""
    place_at: float = 0.8
    """The moment of placing proxies, no earlier than they are generated; more than 1 means never."""
    refine_for: float = 0.02
    """For how long, from when proxies found their places, only these places learn; 0 for not at all."""
    compose_at: float = 0.9
    """The moment of composing objects with their proxies, no earlier than these are placed; more than 1 means never.

    From then on only colours learn."""
    double_resolution_every: float = 0.1
    """Period after which training at reduced resolution doubles it, until the images' own is reached."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value >= 0:
                raise ValueError(f"schedule.{field.name} is {value}; it must be a fraction of the run, 0 or more.")


@dataclass(frozen=True)
class DensificationSteps:
    """The densification part of a schedule in iterations, as gsplat's strategies want it."""

    start: int
    stop: int
    every: int
    reset_every: int
    pause_after_reset: int
    limit_screen_size_until: int


@dataclass(frozen=True)
class Schedule:
    """A `ScheduleConfig` put on a run of `num_iterations`."""

    config: ScheduleConfig
    num_iterations: int

    def steps(self, fraction: float) -> int:
        """A fraction of the run in iterations, at least one."""
        return max(1, round(fraction * self.num_iterations))

    def sh_degree(self, step: int, max_degree: int) -> int:
        """The highest degree of spherical harmonics in use at `step`."""
        return min(step // self.steps(self.config.add_sh_degree_every), max_degree)

    @property
    def lift_start(self) -> int | None:
        """The iteration after which objects are lifted; None where no run of this schedule lifts any."""
        return self._start(self.config.lift_at)

    @property
    def propose_start(self) -> int | None:
        """The iteration after which proxies are generated: no earlier than objects are lifted."""
        return self._start(self.config.lift_at, self.config.propose_at)

    @property
    def place_start(self) -> int | None:
        """The iteration after which proxies are placed: no earlier than they are generated."""
        return self._start(self.config.lift_at, self.config.propose_at, self.config.place_at)

    @property
    def compose_start(self) -> int | None:
        """The iteration after which the scene is composed: no earlier than proxies are placed, if they are at all."""
        config = self.config
        place_at = config.place_at if config.place_at <= 1 else 0.0
        return self._start(config.lift_at, config.propose_at, place_at, config.compose_at)

    @property
    def refinement(self) -> range:
        """The iterations in which placed proxies' poses may learn: after placing, and before composing."""
        if self.place_start is None:
            return range(0)
        config = self.config
        place_at = max(config.lift_at, config.propose_at, config.place_at)
        stop = min(round((place_at + config.refine_for) * self.num_iterations), self.num_iterations)
        compose_start = self._start(place_at, config.compose_at)
        return range(self.place_start + 1, stop if compose_start is None else min(stop, compose_start + 1))

    def refinement_left(self, step: int) -> float:
        """The share of that time still to come at `step`: 1 in the first of its iterations, nearly 0 in the last."""
        iterations = self.refinement
        return (iterations.stop - step) / len(iterations) if step in iterations else 1.0

    def _start(self, *moments: float) -> int | None:
        """The iteration of the latest moment, the last one for a moment that a run just misses; None above 1."""
        moment = max(moments)
        return min(round(moment * self.num_iterations), self.num_iterations - 1) if moment <= 1 else None

    def downscale_factor(self, step: int, num_downscales: int) -> int:
        """By how much training images are shrunk at `step`: a power of two."""
        num_doublings = step // self.steps(self.config.double_resolution_every)
        return 2 ** max(num_downscales - num_doublings, 0)

    def densification(self, num_train_views: int) -> DensificationSteps:
        """The iterations at which gsplat's strategy may change the set of Gaussians."""
        start, stop = self.steps(self.config.densify_from), self.steps(self.config.densify_until)
        every = max(self.steps(self.config.densify_every), min(num_train_views, 100, (stop - start) // 4))
        # Opacities need time to recover, and the scene to densify after that: a run too short for both has no resets.
        reset_every = self.steps(self.config.reset_opacity_every)
        resets = self.config.reset_opacity_every < 1 and reset_every >= 3 * every
        return DensificationSteps(
            start=start,
            stop=stop,
            every=every,
            reset_every=reset_every if resets else self.num_iterations + 1,
            pause_after_reset=min(num_train_views + every, reset_every // 3) if resets else 0,
            limit_screen_size_until=self.steps(self.config.limit_screen_size_until),
        )
