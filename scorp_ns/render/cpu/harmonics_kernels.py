"""View-dependent colours from spherical harmonics up to degree 3, and their gradient.

The real basis with the Condon-Shortley sign, in gsplat's order: degree by degree, m from -l to l.
"""

from __future__ import annotations

import math

from scorp_ns.render.cpu.jit import device_function, kernel

CHUNK = 2048
"""Gaussians a task works on. Fixed, because partial sums of camera gradients are added up chunk by chunk."""

C0 = 0.28209479177387814
C1 = 0.48860251190291992
C2 = (1.0925484305920792, 0.31539156525252001, 0.54627421529603959)
C3 = (0.59004358992664352, 2.8906114426405538, 0.45704579946446572, 0.3731763325901154, 1.4453057213202769)


@device_function
def basis(degree, x, y, z, out):
    """Fill `out` with the (degree + 1)^2 basis values at a unit direction."""
    out[0] = C0
    if degree >= 1:
        out[1], out[2], out[3] = -C1 * y, C1 * z, -C1 * x
    if degree >= 2:
        out[4], out[5] = C2[0] * x * y, -C2[0] * y * z
        out[6] = C2[1] * (3.0 * z * z - 1.0)
        out[7], out[8] = -C2[0] * x * z, C2[2] * (x * x - y * y)
    if degree >= 3:
        out[9], out[10] = -C3[0] * y * (3.0 * x * x - y * y), C3[1] * x * y * z
        out[11], out[12] = -C3[2] * y * (5.0 * z * z - 1.0), C3[3] * z * (5.0 * z * z - 3.0)
        out[13], out[14] = -C3[2] * x * (5.0 * z * z - 1.0), C3[4] * z * (x * x - y * y)
        out[15] = -C3[0] * x * (x * x - 3.0 * y * y)


@device_function
def direction_gradient(degree, x, y, z, g):
    """The gradient of the unit direction from that of the basis values."""
    gx = gy = gz = 0.0
    if degree >= 1:
        gx, gy, gz = -C1 * g[3], -C1 * g[1], C1 * g[2]
    if degree >= 2:
        gx += C2[0] * (y * g[4] - z * g[7]) + 2.0 * C2[2] * x * g[8]
        gy += C2[0] * (x * g[4] - z * g[5]) - 2.0 * C2[2] * y * g[8]
        gz += -C2[0] * (y * g[5] + x * g[7]) + 6.0 * C2[1] * z * g[6]
    if degree >= 3:
        band, squares = 5.0 * z * z - 1.0, x * x - y * y
        gx += -6.0 * C3[0] * x * y * g[9] + C3[1] * y * z * g[10] - C3[2] * band * g[13]
        gx += 2.0 * C3[4] * x * z * g[14] - 3.0 * C3[0] * squares * g[15]
        gy += -3.0 * C3[0] * squares * g[9] + C3[1] * x * z * g[10] - C3[2] * band * g[11]
        gy += -2.0 * C3[4] * y * z * g[14] + 6.0 * C3[0] * x * y * g[15]
        gz += C3[1] * x * y * g[10] - 10.0 * C3[2] * z * (y * g[11] + x * g[13])
        gz += 3.0 * C3[3] * band * g[12] + C3[4] * squares * g[14]
    return gx, gy, gz


@device_function
def view_direction(means, g, centre):
    """The unit vector from the camera to Gaussian g, and one over the distance."""
    x, y, z = float(means[g, 0]) - centre[0], float(means[g, 1]) - centre[1], float(means[g, 2]) - centre[2]
    inverse = 1.0 / math.sqrt(x * x + y * y + z * z)
    return x * inverse, y * inverse, z * inverse, inverse


@kernel
def harmonics(chunk, num_chunks, degree, means, centres, coefficients, radii, values, colors):
    """Fill `colors` [cameras, gaussians, 3] = max(SH + 0.5, 0) for a chunk; Gaussians not drawn stay black.

    `coefficients` is [cameras or 1, gaussians, K, 3]; `values` [chunks, 16] is scratch.
    """
    weights = values[chunk]
    for camera in range(centres.shape[0]):
        table = coefficients[camera if coefficients.shape[0] > 1 else 0]
        for g in range(chunk * CHUNK, min((chunk + 1) * CHUNK, means.shape[0])):
            red = green = blue = 0.0
            if radii[camera, g] > 0:
                x, y, z, _ = view_direction(means, g, centres[camera])
                basis(degree, x, y, z, weights)
                red = green = blue = 0.5
                for k in range((degree + 1) ** 2):
                    red += weights[k] * table[g, k, 0]
                    green += weights[k] * table[g, k, 1]
                    blue += weights[k] * table[g, k, 2]
            # Comparisons in this order keep a NaN, which binning then leaves out of the image.
            colors[camera, g, 0] = 0.0 if red < 0.0 else red
            colors[camera, g, 1] = 0.0 if green < 0.0 else green
            colors[camera, g, 2] = 0.0 if blue < 0.0 else blue


@kernel
def harmonics_backward(
    chunk, num_chunks, degree, means, centres, coefficients, radii, values, colors, g_colors,
    out_means, out_coefficients, out_centres,
):  # fmt: skip
    """Add to the gradients of one chunk of Gaussians, and fill the chunk's share of the camera centres'.

    `values` [chunks, 2, 16] is scratch; `out_means` and `out_coefficients` come zeroed.
    """
    weights, slopes = values[chunk, 0], values[chunk, 1]
    for camera in range(centres.shape[0]):
        source = camera if coefficients.shape[0] > 1 else 0
        table, out_table = coefficients[source], out_coefficients[source]
        sum_x = sum_y = sum_z = 0.0
        for g in range(chunk * CHUNK, min((chunk + 1) * CHUNK, means.shape[0])):
            if radii[camera, g] <= 0:
                continue
            # A colour clamped to zero does not answer to its coefficients.
            red = float(g_colors[camera, g, 0]) if colors[camera, g, 0] > 0.0 else 0.0
            green = float(g_colors[camera, g, 1]) if colors[camera, g, 1] > 0.0 else 0.0
            blue = float(g_colors[camera, g, 2]) if colors[camera, g, 2] > 0.0 else 0.0
            # Often nothing is asked for; and what was left out for being no number must not come back as 0 * NaN.
            if red == 0.0 and green == 0.0 and blue == 0.0:
                continue
            x, y, z, inverse = view_direction(means, g, centres[camera])
            basis(degree, x, y, z, weights)
            for k in range((degree + 1) ** 2):
                out_table[g, k, 0] += weights[k] * red
                out_table[g, k, 1] += weights[k] * green
                out_table[g, k, 2] += weights[k] * blue
                slopes[k] = red * table[g, k, 0] + green * table[g, k, 1] + blue * table[g, k, 2]
            gx, gy, gz = direction_gradient(degree, x, y, z, slopes)
            # Only the part across the direction turns it; the distance does not matter.
            along = gx * x + gy * y + gz * z
            gx, gy, gz = (gx - along * x) * inverse, (gy - along * y) * inverse, (gz - along * z) * inverse
            out_means[g, 0] += gx
            out_means[g, 1] += gy
            out_means[g, 2] += gz
            sum_x, sum_y, sum_z = sum_x - gx, sum_y - gy, sum_z - gz
        out_centres[chunk, camera, 0], out_centres[chunk, camera, 1] = sum_x, sum_y
        out_centres[chunk, camera, 2] = sum_z
