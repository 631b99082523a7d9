"""Bounds of the alphas drawn; apart from the kernels, so that reading them loads no compiler."""

MIN_ALPHA = 1.0 / 255.0
"""The faintest contribution that is drawn."""

MAX_ALPHA = 0.999
"""The strongest a contribution can be."""
