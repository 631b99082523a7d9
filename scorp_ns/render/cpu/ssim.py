"""SSIM plus L1 of two images with their gradient, in two passes over rows.

With p = x + y and q = x - y, means m and variances v under the Gaussian window, SSIM of x and y (Wang et al. 2004,
eq. 13) reads (m_p^2 - m_q^2 + 2 C1) / (m_p^2 + m_q^2 + 2 C1) times (v_p - v_q + 2 C2) / (v_p + v_q + 2 C2). That takes
four filtered maps instead of five, and 1 - SSIM comes out as a sum of small terms in q rather than as a difference of
near-equal ones. An image row is one run of 3 w numbers whose horizontal taps are 3 apart, so colours need no planes.
"""

from __future__ import annotations

import functools

import numpy as np
from jaxtyping import Float

from scorp_ns.render.cpu.jit import device_function, kernel, run_chunks

__all__ = ["WINDOW", "photometric", "structural_dissimilarity"]

WINDOW = 11
"""Pixels a side of the window; also the smallest image side these kernels take."""
_SIGMA = 1.5
"""Standard deviation of the window in pixels."""
_CHANNELS = 3
_REACH = (WINDOW - 1) * _CHANNELS
"""Numbers by which a row shrinks when it is filtered."""
_C1 = 0.01**2
_C2 = 0.03**2
_ROWS_PER_CHUNK = 16
"""Fixed, so that sums have the same order for any number of threads."""

_Image = Float[np.ndarray, "h w3"]


@functools.cache
def _taps(dtype: np.dtype) -> tuple[np.floating, ...]:
    """The window along one axis; a tuple, so that kernels keep it in registers."""
    weights = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / _SIGMA) ** 2)
    return tuple((weights / weights.sum()).astype(dtype))


@functools.cache
def _constants(dtype: np.dtype) -> tuple[np.floating, ...]:
    """2 C1, 2 C2, 1 and 2 in the images' own precision, since a float64 literal would make the kernels do doubles."""
    return tuple(np.array([2 * _C1, 2 * _C2, 1.0, 2.0], dtype))


@device_function
def _filter_down(x, y, top, sign, offset, taps, mean, square):
    """The window's weighted sums, down the columns from row `top` on, of v = x + sign * y + offset and of v^2."""
    for i in range(np.uint64(mean.shape[0])):
        value = x[top, i] + (sign * y[top, i] + offset)
        weighted = taps[0] * value
        total, total_square = weighted, weighted * value
        for k in range(np.uint64(1), np.uint64(WINDOW)):
            value = x[top + k, i] + (sign * y[top + k, i] + offset)
            weighted = taps[k] * value
            total += weighted
            total_square += weighted * value
        mean[i] = total
        square[i] = total_square


@device_function
def _filter_along(row, taps, out):
    """The window's weighted sums along a row of interleaved colours."""
    for i in range(np.uint64(out.shape[0])):
        total = taps[0] * row[i]
        for k in range(np.uint64(1), np.uint64(WINDOW)):
            total += taps[k] * row[i + np.uint64(_CHANNELS) * k]
        out[i] = total


@device_function
def _score_windows(shifted_p, mean_q, square_p, square_q, constants, slope_mean, slope_p, slope_q):
    """Sum of 1 - SSIM over a row of windows, and its derivatives by each window's mean of x, of p^2 and of q^2.

    The latter two carry the factor 2 of d(p^2)/dx = 2 p.
    """
    two_c1, two_c2, one, two = constants
    total = one - one
    for i in range(np.uint64(shifted_p.shape[0])):
        variance_p = square_p[i] - shifted_p[i] * shifted_p[i]
        variance_q = square_q[i] - mean_q[i] * mean_q[i]
        mean_p = shifted_p[i] + one
        per_brightness = one / (mean_p * mean_p + mean_q[i] * mean_q[i] + two_c1)
        per_contrast = one / (variance_p + variance_q + two_c2)
        dark = two * mean_q[i] * mean_q[i] * per_brightness
        flat = two * variance_q * per_contrast
        total += dark + flat - dark * flat
        by_variance_p = -two * (one - dark) * flat * per_contrast
        by_variance_q = two * (one - dark) * (two - flat) * per_contrast
        by_means = two * (one - flat) * per_brightness * (mean_q[i] * (two - dark) - mean_p * dark)
        slope_mean[i] = by_means - shifted_p[i] * by_variance_p - mean_q[i] * by_variance_q
        slope_p[i] = by_variance_p
        slope_q[i] = by_variance_q
    return total


@kernel
def _score_rows(chunk, num_chunks, x, y, taps, constants, with_gradient, spread, sums):
    """Sum of 1 - SSIM over the chunk's windows, and the slopes of each row of windows spread along that row.

    The images enter as p - 1 and q: variances do not care for the shift, but their rounding errors grow with the
    distance from zero. Every loop writes few arrays, because LLVM vectorises only what it can prove not to overlap.
    """
    rows, width, windows = x.shape[0] - (WINDOW - 1), x.shape[1], x.shape[1] - _REACH
    one = constants[2]
    columns = np.empty((4, width), x.dtype)
    means = np.empty((4, windows), x.dtype)
    # The zeros on both sides stand for the windows that do not fit; the window is symmetric, so spreading is filtering.
    slopes = np.zeros((3, width + _REACH), x.dtype)
    by_mean, by_p, by_q = slopes[0, _REACH:width], slopes[1, _REACH:width], slopes[2, _REACH:width]
    total = 0.0
    for row in range(chunk * rows // num_chunks, (chunk + 1) * rows // num_chunks):
        _filter_down(x, y, np.uint64(row), one, -one, taps, columns[0], columns[2])
        _filter_down(x, y, np.uint64(row), -one, one - one, taps, columns[1], columns[3])
        for i in range(4):
            _filter_along(columns[i], taps, means[i])
        total += _score_windows(means[0], means[1], means[2], means[3], constants, by_mean, by_p, by_q)
        if with_gradient:
            for i in range(3):
                _filter_along(slopes[i], taps, spread[row + WINDOW - 1, i])
    sums[chunk] = total


@device_function
def _down_column(spread, top, channel, i, taps):
    """The window's weighted sum down a column."""
    total = taps[0] * spread[top, channel, i]
    for k in range(np.uint64(1), np.uint64(WINDOW)):
        total += taps[k] * spread[top + k, channel, i]
    return total


@kernel
def _gather_rows(chunk, num_chunks, x, y, taps, constants, spread, weights, gradient, sums):
    """The loss's gradient with respect to x in the chunk's rows, and their sum of |x - y|."""
    rows, one = x.shape[0], constants[2]
    l1_weight, ssim_weight = weights
    zero = one - one
    total = 0.0
    for row in range(np.uint64(chunk * rows // num_chunks), np.uint64((chunk + 1) * rows // num_chunks)):
        row_total = zero
        for i in range(np.uint64(x.shape[1])):
            p, q = x[row, i] + (y[row, i] - one), x[row, i] - y[row, i]
            slope = _down_column(spread, row, np.uint64(0), i, taps)
            slope += p * _down_column(spread, row, np.uint64(1), i, taps)
            slope += q * _down_column(spread, row, np.uint64(2), i, taps)
            sign = l1_weight if q > zero else (-l1_weight if q < zero else zero)
            gradient[row, i] = sign + ssim_weight * slope
            row_total += abs(q)
        total += row_total
    sums[chunk] = total


def _num_chunks(rows: int) -> int:
    return -(-rows // _ROWS_PER_CHUNK)


def _score(x: _Image, y: _Image, spread: Float[np.ndarray, "rows 3 w3"], with_gradient: bool) -> float:
    """Mean of 1 - SSIM over all windows and channels; fills `spread` on request."""
    rows, windows = x.shape[0] - (WINDOW - 1), x.shape[1] - _REACH
    sums = np.zeros(_num_chunks(rows))
    shared = (_taps(x.dtype), _constants(x.dtype), with_gradient, spread, sums)
    run_chunks(_score_rows, len(sums), x, y, *shared)
    return float(sums.sum()) / (rows * windows)


def structural_dissimilarity(x: _Image, y: _Image) -> float:
    """Mean of 1 - SSIM over all windows that fit into the image, and all channels."""
    return _score(x, y, np.empty((0, 3, 0), x.dtype), with_gradient=False)


def photometric(x: _Image, y: _Image, ssim_weight: float) -> tuple[float, _Image]:
    """(1 - w) mean |x - y| + w mean (1 - SSIM), and its gradient with respect to x.

    Images are C-contiguous rows of interleaved RGB, of one dtype, with both sides at least `WINDOW` pixels.
    """
    # Rows that no window covers fully stay zero above and below.
    spread = np.empty((x.shape[0] + WINDOW - 1, 3, x.shape[1]), x.dtype)
    spread[: WINDOW - 1] = spread[x.shape[0] :] = 0
    dissimilarity = _score(x, y, spread, with_gradient=True)
    windows = (x.shape[0] - (WINDOW - 1)) * (x.shape[1] - _REACH)
    weights = tuple(np.array([(1 - ssim_weight) / x.size, ssim_weight / windows], x.dtype))
    gradient = np.empty_like(x)
    sums = np.zeros(_num_chunks(x.shape[0]))
    shared = (_taps(x.dtype), _constants(x.dtype), spread, weights, gradient, sums)
    run_chunks(_gather_rows, len(sums), x, y, *shared)
    return (1 - ssim_weight) * float(sums.sum()) / x.size + ssim_weight * dissimilarity, gradient
