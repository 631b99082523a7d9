"""Compiled: poses of a proxy fitted to observed points, outlines, free space and colours, by Levenberg-Marquardt.

A pose is nine numbers of the map's linear part, three of its translation, its scale, how much deeper depths are than
the surface, and five of a stretch that keeps the volume: proxies are never quite the object, and without it they turn
to make up for that. Damping is scaled by the curvature (Marquardt 1963). Residuals are robust (Geman-McClure 1987):
each costs r^2 / (r^2 + k^2), between 0 and 1.
"""

from __future__ import annotations

import numpy as np

from scorp_ns.pose.distance_kernels import deepest, invert, look_up, to_proxy
from scorp_ns.render.cpu.jit import device_function, kernel

POINTS, OUTLINES, FREE, COLORS = 0, 1, 2, 3
"""The parts of a pose's cost."""

WEIGHTS = (0.5, 1.0, 1.0, 0.4)
"""The cost of each part where nothing agrees: masks are known to a pixel, depths of trained scenes are not."""

COLOR_SOFTNESS = 0.15
"""A difference of colours that costs half as much as any larger one."""

TYPICAL_DEPTH_ERROR, DEPTH_PRICE = 0.01, 0.03
"""Depths of trained scenes are all off by about the first, which costs the second."""

LEAST_GAIN, MOST_GAIN = 0.5, 1.8
"""Bounds of the factor between the proxy's colours and the photographs'."""

RIGID, STRETCHED = 8, 13
"""Numbers of unknowns, without and with a stretch."""

TYPICAL_STRETCH, STRETCH_PRICE, MOST_STRETCH = 0.03, 0.008, 0.15
"""Proxies are stretched by about the first, which costs the second, and by at most the third."""


@device_function
def solve(A, g, n):
    """Solves A x = g in place by Cholesky; g becomes x. False where A is not positive definite."""
    for i in range(n):
        for j in range(i + 1):
            total = A[i, j]
            for k in range(j):
                total -= A[i, k] * A[j, k]
            if i == j:
                if total <= 1e-14:
                    return False
                A[i, i] = np.sqrt(total)
            else:
                A[i, j] = total / A[j, j]
    for i in range(n):
        for k in range(i):
            g[i] -= A[i, k] * g[k]
        g[i] /= A[i, i]
    for i in range(n - 1, -1, -1):
        for k in range(i + 1, n):
            g[i] -= A[k, i] * g[k]
        g[i] /= A[i, i]
    return True


@device_function
def turn(R, x, y, z):
    """Turns R, in place, by a rotation vector in the target's frame."""
    angle = np.sqrt(x * x + y * y + z * z)
    if angle < 1e-12:
        return
    x, y, z = x / angle, y / angle, z / angle
    c, s = np.cos(angle), np.sin(angle)
    for k in range(3):
        a, b, d = R[0, k], R[1, k], R[2, k]
        dot = (x * a + y * b + z * d) * (1 - c)
        R[0, k] = a * c + (y * d - z * b) * s + x * dot
        R[1, k] = b * c + (z * a - x * d) * s + y * dot
        R[2, k] = d * c + (x * b - y * a) * s + z * dot


@device_function
def add_equation(H, g, b, size, q0, q1, q2, n0, n1, n2, r, w, depth):
    """One residual r that falls by n v where the proxy's surface at q (from its centre) moves by v."""
    b[0] = -(n0 * q0 + n1 * q1 + n2 * q2)
    b[1], b[2], b[3] = -n0, -n1, -n2
    b[4] = -(q1 * n2 - q2 * n1)
    b[5] = -(q2 * n0 - q0 * n2)
    b[6] = -(q0 * n1 - q1 * n0)
    b[7] = depth
    b[8], b[9] = n2 * q2 - n0 * q0, n2 * q2 - n1 * q1
    b[10], b[11], b[12] = -(n0 * q1 + n1 * q0), -(n0 * q2 + n2 * q0), -(n1 * q2 + n2 * q1)
    for j in range(size):
        g[j] -= w * b[j] * r
        for k in range(j + 1):
            H[j, k] += w * b[j] * b[k]


@device_function
def add_points(pose, inverse, size, field, origin, spacing, points, towards, softness, H, g, b, out, x, agreement):
    """The cost of observed points that are not on the surface."""
    total, num = 0.0, len(points)
    s, k2 = pose[12], softness * softness
    for i in range(num):
        d0, d1, d2 = towards[i, 0], towards[i, 1], towards[i, 2]
        p0, p1, p2 = points[i, 0] + pose[13] * d0, points[i, 1] + pose[13] * d1, points[i, 2] + pose[13] * d2
        to_proxy(pose, inverse, p0, p1, p2, x)
        look_up(field, origin, spacing, x[0], x[1], x[2], out)
        n0 = s * (inverse[0] * out[0] + inverse[3] * out[1] + inverse[6] * out[2])
        n1 = s * (inverse[1] * out[0] + inverse[4] * out[1] + inverse[7] * out[2])
        n2 = s * (inverse[2] * out[0] + inverse[5] * out[1] + inverse[8] * out[2])
        facing = n0 * d0 + n1 * d1 + n2 * d2
        r = s * out[3]
        agreement[i] = k2 / (r * r + k2)
        total += 1.0 - agreement[i]
        w = WEIGHTS[POINTS] / num * k2 / (r * r + k2) ** 2
        q0, q1, q2 = p0 - r * n0 - pose[9], p1 - r * n1 - pose[10], p2 - r * n2 - pose[11]
        add_equation(H, g, b, size, q0, q1, q2, n0, n1, n2, r, w, facing)
    return total / num


@device_function
def add_colors(pose, inverse, size, field, origin, spacing, points, towards, seen, agreement, H, g, b, out, x, painted):
    """The cost of colours that differ by more than one gain and bias for each channel."""
    num = len(points)
    k2, total, whole = COLOR_SOFTNESS * COLOR_SOFTNESS, 0.0, 1e-9
    for i in range(num):
        whole += agreement[i]
    for channel in range(3):
        mean_p, mean_o, square, product = 0.0, 0.0, 0.0, 0.0
        for i in range(num):
            to_proxy(
                pose, inverse, points[i, 0] + pose[13] * towards[i, 0], points[i, 1] + pose[13] * towards[i, 1],
                points[i, 2] + pose[13] * towards[i, 2], x,
            )  # fmt: skip
            look_up(field[channel], origin, spacing, x[0], x[1], x[2], out)
            painted[i, 0], painted[i, 1], painted[i, 2], painted[i, 3] = out[0], out[1], out[2], out[3]
            mean_p += agreement[i] * out[3]
            mean_o += agreement[i] * seen[i, channel]
            square += agreement[i] * out[3] * out[3]
            product += agreement[i] * out[3] * seen[i, channel]
        mean_p /= whole
        mean_o /= whole
        variance = square / whole - mean_p * mean_p + 4e-4
        gain = (product / whole - mean_p * mean_o + 4e-4) / variance
        gain = min(max(gain, LEAST_GAIN), MOST_GAIN)
        bias = mean_o - gain * mean_p
        for i in range(num):
            r = gain * painted[i, 3] + bias - seen[i, channel]
            cost = r * r / (r * r + k2)
            total += cost * agreement[i]
            w = WEIGHTS[COLORS] / (3 * whole) * agreement[i] * k2 / (r * r + k2) ** 2
            a0, a1, a2 = gain * painted[i, 0], gain * painted[i, 1], gain * painted[i, 2]
            n0 = inverse[0] * a0 + inverse[3] * a1 + inverse[6] * a2
            n1 = inverse[1] * a0 + inverse[4] * a1 + inverse[7] * a2
            n2 = inverse[2] * a0 + inverse[5] * a1 + inverse[8] * a2
            q0, q1, q2 = points[i, 0] - pose[9], points[i, 1] - pose[10], points[i, 2] - pose[11]
            add_equation(H, g, b, size, q0, q1, q2, n0, n1, n2, r, w, 0.0)
    return total / (3 * whole)


@device_function
def add_rays(
    pose, inverse, size, field, origin, spacing, origins, directions, ends, softness, H, g, b, out, x, d, best, costs
):
    """The costs of outlines that do not touch the surface, and of surface in free space."""
    s, k2 = pose[12], softness * softness
    num_outlines, num_free, outlines, free = 0, 0, 0.0, 0.0
    for i in range(len(ends)):
        if ends[i] == np.inf:
            num_outlines += 1
        else:
            num_free += 1
    for i in range(len(ends)):
        to_proxy(pose, inverse, origins[i, 0], origins[i, 1], origins[i, 2], x)
        for k in range(3):
            d[k] = inverse[3 * k] * directions[i, 0] + inverse[3 * k + 1] * directions[i, 1]
            d[k] += inverse[3 * k + 2] * directions[i, 2]
        stride = np.sqrt(d[0] * d[0] + d[1] * d[1] + d[2] * d[2])
        for k in range(3):
            d[k] /= stride
        deepest(field, origin, spacing, x, d, ends[i] * stride, out, best)
        r = s * out[3]
        is_outline = ends[i] == np.inf
        if not is_outline and r >= 0.0:
            continue
        cost = r * r / (r * r + k2)
        if is_outline:
            outlines += cost
            w = WEIGHTS[OUTLINES] / num_outlines
        else:
            free += cost
            w = WEIGHTS[FREE] / num_free
        n0 = s * (inverse[0] * out[0] + inverse[3] * out[1] + inverse[6] * out[2])
        n1 = s * (inverse[1] * out[0] + inverse[4] * out[1] + inverse[7] * out[2])
        n2 = s * (inverse[2] * out[0] + inverse[5] * out[1] + inverse[8] * out[2])
        length = best[0] / stride
        q0 = origins[i, 0] + length * directions[i, 0] - pose[9] - r * n0
        q1 = origins[i, 1] + length * directions[i, 1] - pose[10] - r * n1
        q2 = origins[i, 2] + length * directions[i, 2] - pose[11] - r * n2
        add_equation(H, g, b, size, q0, q1, q2, n0, n1, n2, r, w * k2 / (r * r + k2) ** 2, 0.0)
    costs[OUTLINES] = outlines / max(num_outlines, 1)
    costs[FREE] = free / max(num_free, 1)


@device_function
def move(pose, new, g, size, low, high):
    """The pose after a step of the unknowns: swelling, shift, turn, depth, stretch."""
    for k in range(len(pose)):
        new[k] = pose[k]
    turn(new[:9].reshape(3, 3), g[4], g[5], g[6])
    swelling = min(max(pose[12] * (1 + min(max(g[0], -0.3), 0.3)), low), high) / pose[12]
    for k in range(9):
        new[k] *= swelling
    for k in range(3):
        new[9 + k] = pose[9 + k] + g[1 + k]
    new[12] = pose[12] * swelling
    new[13] = min(max(pose[13] + g[7], -0.05), 0.05)
    if size == RIGID:
        return
    for k in range(5):
        new[14 + k] = min(max(pose[14 + k] + g[8 + k], -MOST_STRETCH), MOST_STRETCH)
    e0, e1, e2 = new[14] - pose[14], new[15] - pose[15], new[16] - pose[16]
    e3, e4 = new[17] - pose[17], new[18] - pose[18]
    for k in range(3):
        x, y, z = new[k], new[3 + k], new[6 + k]
        new[k] = x + e0 * x + e2 * y + e3 * z
        new[3 + k] = y + e2 * x + e1 * y + e4 * z
        new[6 + k] = z + e3 * x + e4 * y - (e0 + e1) * z
    shrinking = (1 + e0) * (1 + e1) * (1 - e0 - e1)
    for k in range(9):
        new[k] *= shrinking ** (-1.0 / 3.0)


@kernel
def fit_poses(
    chunk, num_chunks, poses, distances, origin, spacing, colors, color_origin, color_spacing, points, towards, seen,
    origins, directions, ends, first_softness, last_softness, num_rounds, size, low, high, costs,
):  # fmt: skip
    """Moves poses, in place, to where they cost least near by; what their parts cost there into `costs`."""
    H, g, b, out, x, inverse = np.zeros((13, 13)), np.zeros(13), np.zeros(13), np.zeros(4), np.zeros(3), np.zeros(9)
    A, rhs, d, best, trial, part = np.zeros((13, 13)), np.zeros(13), np.zeros(3), np.zeros(1), np.zeros(19), np.zeros(4)
    agreement, painted = np.zeros(len(points)), np.zeros((len(points), 4))
    for index in range(len(poses) * chunk // num_chunks, len(poses) * (chunk + 1) // num_chunks):
        pose = poses[index]
        damping, least = 1e-2, 1e30
        trial[:] = pose
        for step in range(num_rounds + 1):
            share = step / max(num_rounds, 1)
            softness = max(last_softness, first_softness * (1 - 1.5 * share) + last_softness * 1.5 * share)
            invert(trial, inverse)
            A[:] = 0
            rhs[:] = 0
            part[POINTS] = add_points(
                trial, inverse, size, distances, origin, spacing, points, towards, softness, A, rhs, b, out, x,
                agreement,
            )  # fmt: skip
            add_rays(
                trial, inverse, size, distances, origin, spacing, origins, directions, ends, softness, A, rhs, b, out,
                x, d, best, part,
            )  # fmt: skip
            part[COLORS] = add_colors(
                trial, inverse, size, colors, color_origin, color_spacing, points, towards, seen, agreement, A, rhs, b,
                out, x, painted,
            )  # fmt: skip
            A[7, 7] += DEPTH_PRICE / TYPICAL_DEPTH_ERROR**2
            rhs[7] -= DEPTH_PRICE * trial[13] / TYPICAL_DEPTH_ERROR**2
            cost = DEPTH_PRICE * (trial[13] / TYPICAL_DEPTH_ERROR) ** 2
            for k in range(8, size):
                A[k, k] += STRETCH_PRICE / TYPICAL_STRETCH**2
                rhs[k] -= STRETCH_PRICE * trial[6 + k] / TYPICAL_STRETCH**2
                cost += STRETCH_PRICE * (trial[6 + k] / TYPICAL_STRETCH) ** 2
            for k in range(4):
                cost += WEIGHTS[k] * part[k]
            # While the softness shrinks costs grow by themselves, so that a step is only judged at the end of it.
            if cost < least or softness > 1.001 * last_softness:
                least = cost
                damping = max(damping * 0.3, 1e-3)
                pose[:] = trial
                H[:] = A
                g[:] = rhs
                costs[index, :] = part
            else:
                damping *= 6
            if step == num_rounds:
                break
            A[:] = H
            rhs[:] = g
            for k in range(size):
                A[k, k] = H[k, k] * (1 + damping) + 1e-3
            if not solve(A, rhs, size):
                break
            move(pose, trial, rhs, size, low, high)
