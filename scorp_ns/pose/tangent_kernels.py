"""Compiled: the pose at which a proxy's hull touches given planes, for many rotations at once."""

from __future__ import annotations

import numpy as np

from scorp_ns.pose.fit_kernels import solve, turn
from scorp_ns.render.cpu.jit import kernel

TURNS, RELAXATIONS = 4, 3
"""Rounds in which also the rotation moves, and rounds before in which it does not."""

SOFT = 0.05
"""A residual so large counts half as much."""


@kernel
def outermost(R, normal, corners):
    """The support of the turned hull along a normal, and the number of its corner."""
    x = R[0, 0] * normal[0] + R[1, 0] * normal[1] + R[2, 0] * normal[2]
    y = R[0, 1] * normal[0] + R[1, 1] * normal[1] + R[2, 1] * normal[2]
    z = R[0, 2] * normal[0] + R[1, 2] * normal[1] + R[2, 2] * normal[2]
    best, place = -1e30, 0
    for j in range(len(corners)):
        value = corners[j, 0] * x + corners[j, 1] * y + corners[j, 2] * z
        if value > best:
            best, place = value, j
    return best, place


@kernel
def touch_planes(R, planes, corners, touched):
    """Write the turned corner that reaches furthest along each plane's normal."""
    for i in range(len(planes)):
        _, place = outermost(R, planes[i], corners)
        for k in range(3):
            touched[i, k] = R[k, 0] * corners[place, 0] + R[k, 1] * corners[place, 1] + R[k, 2] * corners[place, 2]


@kernel
def cost_of_touch(R, s, t, corners, planes, offsets):
    """The robust distance of the planes from touching the hull: 0 where all touch, 1 where none nearly does."""
    cost = 0.0
    for i in range(len(planes)):
        reach, _ = outermost(R, planes[i], corners)
        r = offsets[i] - (s * reach + planes[i, 0] * t[0] + planes[i, 1] * t[1] + planes[i, 2] * t[2])
        cost += r * r / (r * r + SOFT * SOFT)
    return cost / len(planes)


@kernel
def fit_tangents(chunk, num_chunks, rotations, corners, planes, offsets, low, high, scales, translations, costs):
    """Scales, translations and (changed in place) rotations at which the hull touches the planes, with their costs.

    A plane of normal m at offset e is touched where s h(R^T m) + m t = e, with the hull's support function h: linear
    in s and t, and as exact under perspective, as the planes through a camera that touch a mask.
    """
    num, m = len(rotations), len(planes)
    H, g, b = np.zeros((7, 7)), np.zeros(7), np.zeros(7)
    touched, weights = np.zeros((m, 3)), np.ones(m)
    for index in range(num * chunk // num_chunks, num * (chunk + 1) // num_chunks):
        R, s = rotations[index], 1.0
        t = translations[index]
        weights[:] = 1.0
        for step in range(RELAXATIONS + TURNS):
            size = 4 if step < RELAXATIONS else 7
            H[:] = 0
            g[:] = 0
            if step == 0 or step >= RELAXATIONS:
                touch_planes(R, planes, corners, touched)
            for i in range(m):
                a0, a1, a2 = planes[i, 0], planes[i, 1], planes[i, 2]
                q0, q1, q2 = touched[i, 0], touched[i, 1], touched[i, 2]
                r = offsets[i] - s * (a0 * q0 + a1 * q1 + a2 * q2) - a0 * t[0] - a1 * t[1] - a2 * t[2]
                if step > 0:
                    weights[i] = 1.0 / (1.0 + (r / SOFT) ** 2) ** 2
                b[0] = a0 * q0 + a1 * q1 + a2 * q2
                b[1], b[2], b[3] = a0, a1, a2
                b[4] = s * (q1 * a2 - q2 * a1)
                b[5] = s * (q2 * a0 - q0 * a2)
                b[6] = s * (q0 * a1 - q1 * a0)
                w = weights[i]
                for j in range(size):
                    g[j] += w * b[j] * r
                    for k in range(j + 1):
                        H[j, k] += w * b[j] * b[k]
            # Scale and distance are hard to tell apart by one view; it shall stay near the lifted object's size.
            H[0, 0] += 0.001 * m
            g[0] += 0.001 * m * (1.15 - s)
            for j in range(size):
                H[j, j] += 1e-3 + (0.02 * m if j > 3 else 0.0)
            if not solve(H, g, size):
                break
            s = min(max(s + g[0], low), high)
            for k in range(3):
                t[k] += g[1 + k]
            if size == 7:
                turn(R, g[4], g[5], g[6])
        scales[index] = s
        costs[index] = cost_of_touch(R, s, t, corners, planes, offsets)
