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
def scaled_axes(A, sx, sy, sz):
    """A diag(s) for two rows of three."""
    return A[0] * sx, A[1] * sy, A[2] * sz, A[3] * sx, A[4] * sy, A[5] * sz


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


@device_function
def axes_gradient(P, eps2d, g_a, g_b, g_c, g_compensation):
    """P's gradient, six numbers, from those of conic and compensation: twice the gradient of P P^T, times P."""
    xx, xy, yy = covariance_of_axes(P)
    det_sharp = xx * yy - xy * xy
    xx, yy = xx + eps2d, yy + eps2d
    det = xx * yy - xy * xy
    compensation = math.sqrt(max(0.0, det_sharp / det))
    v_a, v_b, v_c = covariance_gradient(
        yy / det, -xy / det, xx / det, compensation, eps2d, g_a, g_b, g_c, g_compensation
    )
    return (
        2.0 * (v_a * P[0] + v_b * P[3]),
        2.0 * (v_a * P[1] + v_b * P[4]),
        2.0 * (v_a * P[2] + v_b * P[5]),
        2.0 * (v_b * P[0] + v_c * P[3]),
        2.0 * (v_b * P[1] + v_c * P[4]),
        2.0 * (v_b * P[2] + v_c * P[5]),
    )


@device_function
def rows_gradient(G, R):
    """The gradient of T = J W, six numbers, from that of T R, called G: G R^T."""
    return (
        G[0] * R[0] + G[1] * R[1] + G[2] * R[2],
        G[0] * R[3] + G[1] * R[4] + G[2] * R[5],
        G[0] * R[6] + G[1] * R[7] + G[2] * R[8],
        G[3] * R[0] + G[4] * R[1] + G[5] * R[2],
        G[3] * R[3] + G[4] * R[4] + G[5] * R[5],
        G[3] * R[6] + G[4] * R[7] + G[5] * R[8],
    )


@device_function
def plus_rotation_gradient(sums, T, G):
    """The sums, nine numbers, and the gradient of R from that of T R, called G: T^T G."""
    return (
        sums[0] + T[0] * G[0] + T[3] * G[3],
        sums[1] + T[0] * G[1] + T[3] * G[4],
        sums[2] + T[0] * G[2] + T[3] * G[5],
        sums[3] + T[1] * G[0] + T[4] * G[3],
        sums[4] + T[1] * G[1] + T[4] * G[4],
        sums[5] + T[1] * G[2] + T[4] * G[5],
        sums[6] + T[2] * G[0] + T[5] * G[3],
        sums[7] + T[2] * G[1] + T[5] * G[4],
        sums[8] + T[2] * G[2] + T[5] * G[5],
    )


@device_function
def plus_scale_gradient(sums, A, P_gradient):
    """The sums, three numbers, and the gradient of the scales s in P = A diag(s)."""
    return (
        sums[0] + (A[0] * P_gradient[0] + A[3] * P_gradient[3]),
        sums[1] + (A[1] * P_gradient[1] + A[4] * P_gradient[4]),
        sums[2] + (A[2] * P_gradient[2] + A[5] * P_gradient[5]),
    )


@device_function
def plus_world_gradient(sums, view, gx, gy, gz):
    """The sums, three numbers, and a gradient of a point in the camera's frame turned into the world's."""
    return (
        sums[0] + (view[0, 0] * gx + view[1, 0] * gy + view[2, 0] * gz),
        sums[1] + (view[0, 1] * gx + view[1, 1] * gy + view[2, 1] * gz),
        sums[2] + (view[0, 2] * gx + view[1, 2] * gy + view[2, 2] * gz),
    )
