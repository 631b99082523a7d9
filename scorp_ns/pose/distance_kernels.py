"""Compiled: lookups in a grid of distances, and where rays come nearest to a surface."""

from __future__ import annotations

import numpy as np

from scorp_ns.render.cpu.jit import device_function

MOST_STEPS = 32
"""Steps along a ray."""


@device_function
def look_up(field, origin, spacing, x, y, z, out):
    """The distance at a point into out[3], its gradient into out[:3]; beyond the grid it goes on growing."""
    u, v, w = (x - origin[0]) / spacing, (y - origin[1]) / spacing, (z - origin[2]) / spacing
    nx, ny, nz = field.shape
    cu, cv, cw = min(max(u, 0.0), nx - 1.001), min(max(v, 0.0), ny - 1.001), min(max(w, 0.0), nz - 1.001)
    i, j, k = int(cu), int(cv), int(cw)
    a, b, c = cu - i, cv - j, cw - k
    f000, f001, f010, f011 = field[i, j, k], field[i, j, k + 1], field[i, j + 1, k], field[i, j + 1, k + 1]
    f100, f101, f110, f111 = (
        field[i + 1, j, k], field[i + 1, j, k + 1], field[i + 1, j + 1, k], field[i + 1, j + 1, k + 1],
    )  # fmt: skip
    near0, near1 = f000 + (f001 - f000) * c, f010 + (f011 - f010) * c
    far0, far1 = f100 + (f101 - f100) * c, f110 + (f111 - f110) * c
    near, far = near0 + (near1 - near0) * b, far0 + (far1 - far0) * b
    out[0] = (far - near) / spacing
    out[1] = ((near1 - near0) * (1 - a) + (far1 - far0) * a) / spacing
    low = (f001 - f000) * (1 - b) + (f011 - f010) * b
    high = (f101 - f100) * (1 - b) + (f111 - f110) * b
    out[2] = (low * (1 - a) + high * a) / spacing
    out[3] = near + (far - near) * a
    du, dv, dw = (u - cu) * spacing, (v - cv) * spacing, (w - cw) * spacing
    beyond = np.sqrt(du * du + dv * dv + dw * dw)
    if beyond > 0.05:
        out[0], out[1], out[2] = du / beyond, dv / beyond, dw / beyond
    out[3] += beyond


@device_function
def invert(pose, inverse):
    """The inverse of the linear part, row by row."""
    a, b, c, d, e, f, g, h, i = pose[0], pose[1], pose[2], pose[3], pose[4], pose[5], pose[6], pose[7], pose[8]
    inverse[0], inverse[1], inverse[2] = e * i - f * h, c * h - b * i, b * f - c * e
    inverse[3], inverse[4], inverse[5] = f * g - d * i, a * i - c * g, c * d - a * f
    inverse[6], inverse[7], inverse[8] = d * h - e * g, b * g - a * h, a * e - b * d
    determinant = a * inverse[0] + b * inverse[3] + c * inverse[6]
    for k in range(9):
        inverse[k] /= determinant


@device_function
def to_proxy(pose, inverse, x, y, z, out):
    """A point in the proxy's frame."""
    a, b, c = x - pose[9], y - pose[10], z - pose[11]
    for k in range(3):
        out[k] = inverse[3 * k] * a + inverse[3 * k + 1] * b + inverse[3 * k + 2] * c


@device_function
def deepest(field, origin, spacing, start, direction, end, out, best):
    """The deepest point of a ray within the proxy, or the nearest: its length into best[0]; `out` as of `look_up`."""
    middle = -(start[0] * direction[0] + start[1] * direction[1] + start[2] * direction[2])
    square = start[0] ** 2 + start[1] ** 2 + start[2] ** 2 - middle * middle
    half = np.sqrt(max(0.3 - square, 0.0))
    low, high = max(middle - half, 0.0), min(middle + half, end)
    best[0] = min(max(middle, 0.0), end)
    if half == 0.0 or high <= low:
        look_up(
            field, origin, spacing, start[0] + best[0] * direction[0], start[1] + best[0] * direction[1],
            start[2] + best[0] * direction[2], out,
        )  # fmt: skip
        return
    least, length, step = 1e30, low, 0.0
    reach = 0.0
    for _ in range(MOST_STEPS):
        look_up(
            field, origin, spacing, start[0] + length * direction[0], start[1] + length * direction[1],
            start[2] + length * direction[2], out,
        )  # fmt: skip
        if out[3] < least:
            least, best[0], reach = out[3], length, max(step, 0.02)
        step = max(0.02, 0.9 * abs(out[3]))
        # Nothing nearer than what is known can come before the distance has been walked down to it.
        if least < 1e29 and out[3] > least:
            step = max(step, 0.9 * (out[3] - max(least, 0.0)))
        length += step
        if length > high:
            break
    for _ in range(3):
        look_up(
            field, origin, spacing, start[0] + best[0] * direction[0], start[1] + best[0] * direction[1],
            start[2] + best[0] * direction[2], out,
        )  # fmt: skip
        slope = out[0] * direction[0] + out[1] * direction[1] + out[2] * direction[2]
        reach *= 0.5
        best[0] = min(max(best[0] - (reach if slope > 0 else -reach), 0.0), end)
    look_up(
        field, origin, spacing, start[0] + best[0] * direction[0], start[1] + best[0] * direction[1],
        start[2] + best[0] * direction[2], out,
    )  # fmt: skip
