"""Compiled: small linear systems and rotations."""

from __future__ import annotations

import numpy as np

from scorp_ns.render.cpu.jit import device_function


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
