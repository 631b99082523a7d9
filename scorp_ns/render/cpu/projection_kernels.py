"""Projection of all Gaussians into all cameras, and its gradient; double precision inside, float32 outside."""

from __future__ import annotations

import math

import numpy as np

from scorp_ns.render.cpu.jit import device_function, kernel
from scorp_ns.render.cpu.projection_math import (
    axes_gradient,
    camera_point,
    clamped_slopes,
    covariance_of_axes,
    image_axes,
    image_rows_of_world,
    plus_rotation_gradient,
    plus_scale_gradient,
    plus_world_gradient,
    quaternion_gradient,
    rotation_of_quaternion,
    rows_gradient,
    scaled_axes,
    unit_quaternion,
)
from scorp_ns.render.cpu.tiles import A, B, C, X, Y

CHUNK = 2048
"""Gaussians a task works on. Fixed, because partial sums of pose gradients are added up chunk by chunk."""


@device_function
def footprint(means, quats, scales, g, view, lens, limits):
    """Centre, depth, conic, compensation and radius of Gaussian g in one image; radius 0 if it is not to be drawn."""
    nothing = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0)
    near, far, radius_clip, eps2d, width, height = limits
    x, y, z = camera_point(view, means, g)
    # Written so that NaN fails every test: a Gaussian that is not finite is not drawn.
    if not (near <= z <= far and z > 0.0):
        return nothing
    w, qx, qy, qz, _ = unit_quaternion(quats, g)
    u, v = clamped_slopes(lens, x, y, z)
    T = image_rows_of_world(view, lens, u, v, z)
    R = rotation_of_quaternion(w, qx, qy, qz)
    xx, xy, yy = covariance_of_axes(image_axes(T, R, float(scales[g, 0]), float(scales[g, 1]), float(scales[g, 2])))
    det_sharp = xx * yy - xy * xy
    xx, yy = xx + eps2d, yy + eps2d
    det = xx * yy - xy * xy
    if not (0.0 < det < np.inf):
        return nothing
    middle = 0.5 * (xx + yy)
    radius = math.ceil(3.0 * math.sqrt(middle + math.sqrt(max(0.01, middle * middle - det))))
    px, py = lens[0] * x / z + lens[2], lens[1] * y / z + lens[3]
    if radius <= radius_clip or not (-radius < px < width + radius and -radius < py < height + radius):
        return nothing
    compensation = math.sqrt(max(0.0, det_sharp / det))
    # A radius is a 32-bit integer in the answer; anything beyond is as good as covering everything.
    return px, py, z, yy / det, -xy / det, xx / det, compensation, int(min(radius, 1e9))


@kernel
def project(
    chunk, num_chunks, means, quats, scales, views, lenses, limits,
    radii, means2d, depths, conics, compensations, splats,
):  # fmt: skip
    """Fill the outputs, all [cameras, gaussians, ...], for one chunk of Gaussians."""
    for camera in range(views.shape[0]):
        for g in range(chunk * CHUNK, min((chunk + 1) * CHUNK, means.shape[0])):
            px, py, z, a, b, c, compensation, radius = footprint(
                means, quats, scales, g, views[camera], lenses[camera], limits
            )
            radii[camera, g] = radius
            means2d[camera, g, 0], means2d[camera, g, 1] = px, py
            depths[camera, g] = z
            conics[camera, g, 0], conics[camera, g, 1], conics[camera, g, 2] = a, b, c
            compensations[camera, g] = compensation
            splat = splats[camera, g]
            splat[X], splat[Y], splat[A], splat[B], splat[C] = px, py, a, b, c


@device_function
def point_gradient(lens, x, y, z, T_gradient, view, u, v, g_px, g_py, g_depth):
    """The gradient of the camera-frame centre: through the image point, the depth and the Jacobian J."""
    fx, fy, rz = lens[0], lens[1], 1.0 / z
    gx, gy = fx * rz * g_px, fy * rz * g_py
    gz = g_depth - (fx * x * g_px + fy * y * g_py) * rz * rz
    # J's rows are fx/z (1, 0, -u) and fy/z (0, 1, -v), with slopes u, v that only move while they are not clamped.
    j0 = T_gradient[0] * view[0, 0] + T_gradient[1] * view[0, 1] + T_gradient[2] * view[0, 2]
    j2 = T_gradient[0] * view[2, 0] + T_gradient[1] * view[2, 1] + T_gradient[2] * view[2, 2]
    k1 = T_gradient[3] * view[1, 0] + T_gradient[4] * view[1, 1] + T_gradient[5] * view[1, 2]
    k2 = T_gradient[3] * view[2, 0] + T_gradient[4] * view[2, 1] + T_gradient[5] * view[2, 2]
    gz -= (fx * (j0 - u * j2) + fy * (k1 - v * k2)) * rz * rz
    if lens[5] <= x * rz <= lens[4]:
        gx -= fx * j2 * rz * rz
        gz += fx * j2 * u * rz * rz
    if lens[7] <= y * rz <= lens[6]:
        gy -= fy * k2 * rz * rz
        gz += fy * k2 * v * rz * rz
    return gx, gy, gz


@device_function
def add_pose_gradient(sums, lens, T_gradient, u, v, z, gx, gy, gz, means, g):
    """Add one Gaussian's share to the gradient of the camera's [R | t], twelve numbers row by row."""
    ax, ay = lens[0] / z, lens[1] / z
    for k in range(3):
        position = float(means[g, k])
        sums[k] += ax * T_gradient[k] + gx * position
        sums[4 + k] += ay * T_gradient[3 + k] + gy * position
        sums[8 + k] += -ax * u * T_gradient[k] - ay * v * T_gradient[3 + k] + gz * position
    sums[3] += gx
    sums[7] += gy
    sums[11] += gz


@kernel
def project_backward(
    chunk, num_chunks, means, quats, scales, views, lenses, eps2d, radii,
    g_means2d, g_depths, g_conics, g_compensations,
    out_means, out_quats, out_scales, out_views,
):  # fmt: skip
    """Fill the gradients of one chunk of Gaussians, summed over the cameras, and the chunk's share of the poses'."""
    for g in range(chunk * CHUNK, min((chunk + 1) * CHUNK, means.shape[0])):
        mean, scale = (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)
        rotation = (0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        seen = False
        for camera in range(views.shape[0]):
            if radii[camera, g] <= 0:
                continue
            seen = True
            view, lens = views[camera], lenses[camera]
            x, y, z = camera_point(view, means, g)
            w, qx, qy, qz, _ = unit_quaternion(quats, g)
            sx, sy, sz = float(scales[g, 0]), float(scales[g, 1]), float(scales[g, 2])
            u, v = clamped_slopes(lens, x, y, z)
            T = image_rows_of_world(view, lens, u, v, z)
            R = rotation_of_quaternion(w, qx, qy, qz)
            P_gradient = axes_gradient(
                image_axes(T, R, sx, sy, sz), eps2d,
                float(g_conics[camera, g, 0]), float(g_conics[camera, g, 1]), float(g_conics[camera, g, 2]),
                float(g_compensations[camera, g]),
            )  # fmt: skip
            TR_gradient = scaled_axes(P_gradient, sx, sy, sz)
            T_gradient = rows_gradient(TR_gradient, R)
            rotation = plus_rotation_gradient(rotation, T, TR_gradient)
            scale = plus_scale_gradient(scale, image_axes(T, R, 1.0, 1.0, 1.0), P_gradient)
            gx, gy, gz = point_gradient(
                lens, x, y, z, T_gradient, view, u, v,
                float(g_means2d[camera, g, 0]), float(g_means2d[camera, g, 1]), float(g_depths[camera, g]),
            )  # fmt: skip
            mean = plus_world_gradient(mean, view, gx, gy, gz)
            add_pose_gradient(out_views[chunk, camera], lens, T_gradient, u, v, z, gx, gy, gz, means, g)
        if not seen:
            continue
        w, qx, qy, qz, inverse_length = unit_quaternion(quats, g)
        out_quats[g, 0], out_quats[g, 1], out_quats[g, 2], out_quats[g, 3] = quaternion_gradient(
            w, qx, qy, qz, inverse_length, rotation
        )
        out_means[g, 0], out_means[g, 1], out_means[g, 2] = mean
        out_scales[g, 0], out_scales[g, 1], out_scales[g, 2] = scale
