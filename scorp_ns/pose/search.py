"""The search for the pose of a complete proxy from partial views: cheap tests of all poses, exact ones of few."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

import numpy as np
from jaxtyping import Float64

from scorp_ns.gaussians.similarity import Similarity
from scorp_ns.gaussians.umeyama import fit_similarity
from scorp_ns.pose.acceptance import judge, margin_of_turns, seen_distance
from scorp_ns.pose.config import SearchConfig
from scorp_ns.pose.distinct_poses import distinct
from scorp_ns.pose.fitting import Fitted, fit, touch
from scorp_ns.pose.local_starts import is_near, places_near
from scorp_ns.pose.observation import Observation, observe
from scorp_ns.pose.proxy_shape import ProxyShape, describe_proxy
from scorp_ns.pose.render_score import Agreement, compare, compare_leniently
from scorp_ns.pose.result import PoseCandidate, PoseSearchResult
from scorp_ns.pose.rotations import even_rotations, upright_rotations
from scorp_ns.products import ProxyRequest
from scorp_ns.surfaces.mesh import ColoredMesh


def ignore_progress(share: float, text: str) -> None:
    """Does nothing with progress."""


def search_pose(
    request: ProxyRequest,
    mesh: ColoredMesh,
    config: SearchConfig,
    starts: Sequence[Similarity] = (),
    report: Callable[[float, str], None] = ignore_progress,
    near: Similarity | None = None,
) -> PoseSearchResult:
    """The proxy's likely poses, from best to worst, and whether the best one is trusted.

    `mesh` is closed, its box is centred at the origin and has the diagonal 1. `starts` are poses to try besides.
    With `near`, a pose that a person gave, no others are tried but those around it, and the person is believed where
    the photographs do not tell which way round the proxy stands.
    """
    report(0.0, "looking at the photographs")
    observation = observe(request, config)
    if observation is None or observation.is_empty:
        return judge((), 0.0, 0.0, config)
    report(0.05, "measuring the proxy")
    shape = describe_proxy(mesh, config.num_resting_faces if request.support is not None else 0, config.seed)
    report(0.3, "trying rotations")
    if near is None:
        fitted = _try_rotations(shape, observation, config, starts)
    else:
        fitted = _try_near(shape, observation, config, near)
    report(0.6, "fitting poses")
    fitted = _fit_best(shape, observation, config, fitted)
    report(0.8, "comparing renders with photographs")
    poses, agreements = _compare_best(shape, observation, config, fitted)
    found = _candidates(shape, observation, poses, agreements)
    if near is not None:
        report(1.0, "done")
        found = tuple(one for one in found if is_near(near, one.T_capture_proxy))
        return judge(found, math.inf, observation.parallax_deg, replace(config, least_margin=0.0))
    turned = margin_of_turns(shape, observation, poses[0], agreements[0].cost, config)
    report(1.0, "done")
    return judge(found, turned, observation.parallax_deg, config)


def _try_rotations(
    shape: ProxyShape, observation: Observation, config: SearchConfig, starts: Sequence[Similarity]
) -> Fitted:
    """The most promising poses, fitted to a part of the evidence."""
    uprights = upright_rotations(shape.bottoms, observation.up, config.num_azimuths)
    rotations = np.concatenate([uprights, even_rotations(config.num_rotations)])
    poses = touch(shape, observation, rotations, config)
    T_observed_capture = observation.T_capture_observed.inverse()
    poses = np.concatenate([*(_as_pose(T_observed_capture @ start)[None] for start in starts), poses])
    few = observation.thinned(4)
    costs = fit(shape, few, poses, config, 0, (0.05, 0.05)).costs
    costs[: len(starts)] = -1.0
    chosen = np.argsort(costs, kind="stable")[: config.num_fitted + len(starts)]
    return fit(shape, few, poses[chosen], config, 8, (0.06, 0.03))


def _try_near(shape: ProxyShape, observation: Observation, config: SearchConfig, near: Similarity) -> Fitted:
    """Poses around one, fitted to a part of the evidence."""
    T_observed_proxy = observation.T_capture_observed.inverse() @ near
    poses = np.stack([_as_pose(place) for place in places_near(T_observed_proxy, config.seed)])
    return fit(shape, observation.thinned(4), poses, config, 8, (0.06, 0.03))


def _fit_best(shape: ProxyShape, observation: Observation, config: SearchConfig, fitted: Fitted) -> Fitted:
    """The best poses that look different, fitted to all the evidence."""
    chosen = distinct(shape, fitted.poses, fitted.costs, 2 * config.num_compared, 0.6)
    return fit(shape, observation, fitted.poses[chosen], config, 12, (0.04, 0.02), True)


def _compare_best(
    shape: ProxyShape, observation: Observation, config: SearchConfig, fitted: Fitted
) -> tuple[Float64[np.ndarray, "n 19"], list[Agreement]]:
    """Poses that look different, those first whose renders agree best; the first ones are fitted once more."""
    chosen = distinct(shape, fitted.poses, fitted.costs, config.num_compared, 0.6)
    poses = fitted.poses[chosen]
    agreements = [compare(shape, pose, observation.pixels) for pose in poses]
    order = np.argsort([one.cost for one in agreements], kind="stable")
    polished = fit(shape, observation, poses[order[: config.num_polished]], config, 30, (0.06, 0.015), True).poses
    for place, pose in zip(order[: config.num_polished], polished, strict=True):
        again = compare(shape, pose, observation.pixels)
        if again.cost < agreements[place].cost:
            poses[place], agreements[place] = pose, again
    costs = np.array([one.cost for one in agreements])
    kept = distinct(shape, poses, costs, config.num_compared, 1.0)
    return poses[kept], [agreements[index] for index in kept]


def _candidates(
    shape: ProxyShape, observation: Observation, poses: Float64[np.ndarray, "n 19"], agreements: list[Agreement]
) -> tuple[PoseCandidate, ...]:
    return tuple(
        PoseCandidate(
            T_capture_proxy=observation.T_capture_observed @ _as_similarity(shape, pose),
            cost=agreement.cost,
            distance=seen_distance(shape, observation, pose),
            **asdict(compare_leniently(shape, pose, observation.pixels)),
        )
        for pose, agreement in zip(poses, agreements, strict=True)
    )


def _as_pose(similarity: Similarity) -> Float64[np.ndarray, " 19"]:
    rotation, translation = similarity.rotation.numpy(), similarity.translation.numpy()
    return np.concatenate([similarity.scale * rotation.ravel(), translation, [similarity.scale], np.zeros(6)])


def _as_similarity(shape: ProxyShape, pose: Float64[np.ndarray, " 19"]) -> Similarity:
    """The similarity that takes the proxy's surface nearest to where the stretched pose takes it."""
    points = shape.skin.points.astype(np.float64)
    return fit_similarity(points, points @ pose[:9].reshape(3, 3).T + pose[9:12])
