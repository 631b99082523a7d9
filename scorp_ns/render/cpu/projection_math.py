"""One Gaussian seen by one camera, in double precision: the formulas both projection passes share.

Notation: M = R(quat) diag(scales), J = the derivative of the pinhole projection, W = the rotation world to camera,
P = J W M; the image covariance is P P^T. (EWA splatting, Zwicker et al. 2001, eq. 31.)
"""

from __future__ import annotations

import math

from scorp_ns.render.cpu.jit import device_function


@device_function
def rotation_of_quaternion(w, x, y, z):
    """The nine entries, row by row, of the rotation of a unit quaternion."""
    return (
        1.0 - 2.0 * (y * y + z * z),
        2.0 * (x * y - w * z),
        2.0 * (x * z + w * y),
        2.0 * (x * y + w * z),
        1.0 - 2.0 * (x * x + z * z),
        2.0 * (y * z - w * x),
        2.0 * (x * z - w * y),
        2.0 * (y * z + w * x),
        1.0 - 2.0 * (x * x + y * y),
    )


@device_function
def unit_quaternion(quats, g):
    """Quaternion g divided by its length, and one over that length (infinite or NaN if it has none)."""
    w, x, y, z = float(quats[g, 0]), float(quats[g, 1]), float(quats[g, 2]), float(quats[g, 3])
    inverse = 1.0 / math.sqrt(w * w + x * x + y * y + z * z)
    return w * inverse, x * inverse, y * inverse, z * inverse, inverse


@device_function
def camera_point(view, means, g):
    """Gaussian g's centre in the camera's frame."""
    x, y, z = float(means[g, 0]), float(means[g, 1]), float(means[g, 2])
    return (
        view[0, 0] * x + view[0, 1] * y + view[0, 2] * z + view[0, 3],
        view[1, 0] * x + view[1, 1] * y + view[1, 2] * z + view[1, 3],
        view[2, 0] * x + view[2, 1] * y + view[2, 2] * z + view[2, 3],
    )


@device_function
def clamped_slopes(lens, x, y, z):
    """The point's slopes x/z and y/z held within 15 % of the image's width and height beyond its borders.

    Further out the linearised projection would blow a Gaussian up over the whole image.
    """
    return min(lens[4], max(lens[5], x / z)), min(lens[6], max(lens[7], y / z))


@device_function
def image_rows_of_world(view, lens, u, v, z):
    """The two rows of J W, six numbers: how the image point moves with the world point."""
    ax, ay = lens[0] / z, lens[1] / z
    return (
        ax * (view[0, 0] - u * view[2, 0]),
        ax * (view[0, 1] - u * view[2, 1]),
        ax * (view[0, 2] - u * view[2, 2]),
        ay * (view[1, 0] - v * view[2, 0]),
        ay * (view[1, 1] - v * view[2, 1]),
        ay * (view[1, 2] - v * view[2, 2]),
    )


@device_function
def image_axes(T, R, sx, sy, sz):
    """P = J W R diag(s), six numbers: the Gaussian's three axes as they lie in the image, row by row."""
    return (
        (T[0] * R[0] + T[1] * R[3] + T[2] * R[6]) * sx,
        (T[0] * R[1] + T[1] * R[4] + T[2] * R[7]) * sy,
        (T[0] * R[2] + T[1] * R[5] + T[2] * R[8]) * sz,
        (T[3] * R[0] + T[4] * R[3] + T[5] * R[6]) * sx,
        (T[3] * R[1] + T[4] * R[4] + T[5] * R[7]) * sy,
        (T[3] * R[2] + T[4] * R[5] + T[5] * R[8]) * sz,
    )


@device_function
def covariance_of_axes(P):
    """The image covariance's xx, xy and yy."""
    return (
        P[0] * P[0] + P[1] * P[1] + P[2] * P[2],
        P[0] * P[3] + P[1] * P[4] + P[2] * P[5],
        P[3] * P[3] + P[4] * P[4] + P[5] * P[5],
    )


@device_function
def quaternion_gradient(w, x, y, z, inverse_length, G):
    """The gradient of an unnormalised quaternion from that of its rotation's nine entries.

    The rotation depends on the direction of the quaternion only, so the part along it is taken out.
    """
    gw = 2.0 * (x * (G[7] - G[5]) + y * (G[2] - G[6]) + z * (G[3] - G[1]))
    gx = 2.0 * (-2.0 * x * (G[4] + G[8]) + y * (G[1] + G[3]) + z * (G[2] + G[6]) + w * (G[7] - G[5]))
    gy = 2.0 * (x * (G[1] + G[3]) - 2.0 * y * (G[0] + G[8]) + z * (G[5] + G[7]) + w * (G[2] - G[6]))
    gz = 2.0 * (x * (G[2] + G[6]) + y * (G[5] + G[7]) - 2.0 * z * (G[0] + G[4]) + w * (G[3] - G[1]))
    along = gw * w + gx * x + gy * y + gz * z
    return (
        (gw - along * w) * inverse_length,
        (gx - along * x) * inverse_length,
        (gy - along * y) * inverse_length,
        (gz - along * z) * inverse_length,
    )


@device_function
def covariance_gradient(ca, cb, cc, compensation, eps2d, g_a, g_b, g_c, g_compensation):
    """The gradient of the unblurred covariance's xx, (each) xy and yy from those of conic and compensation.

    With K the conic matrix: dK = -K dS K, and d(det S / det(S + eps I)) = (1 - c^2) K - eps det(K) I for c the
    compensation.
    """
    half = 0.5 * g_b
    ka, kb = ca * g_a + cb * half, ca * half + cb * g_c
    kc, kd = cb * g_a + cc * half, cb * half + cc * g_c
    v_a, v_b, v_c = -(ka * ca + kb * cb), -(ka * cb + kb * cc), -(kc * cb + kd * cc)
    # Written so that NaN, from an opacity that is none and was not drawn, fails the test.
    if abs(g_compensation) > 0.0 and compensation > 0.0:
        slope = 0.5 * g_compensation / (compensation + 1e-6)
        rest, blur = 1.0 - compensation * compensation, eps2d * (ca * cc - cb * cb)
        v_a += slope * (rest * ca - blur)
        v_b += slope * rest * cb
        v_c += slope * (rest * cc - blur)
    return v_a, v_b, v_c
