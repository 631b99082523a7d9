"""How far results may be from what they are compared with: the one table of tolerances."""

IMAGE = 1e-4
"""Largest difference of a float32 image from the oracle's, relative to the oracle's largest value or to 1."""

CUTOFF_IMAGE = 5e-3
"""The same at pixels where a hard cut-off may go either way: one Gaussian of alpha 1/255 more or less, and rounding."""

GRADIENT = 1e-5
"""Relative L2 difference of float32 gradients from the oracle's, away from hard cut-offs."""

BACKEND_GRADIENT = 1e-3
"""Relative L2 difference of gradients between the CPU and CUDA backends, which sum float32 in different orders."""

UNSTEADY_PIXELS = 0.02
"""Largest share of pixels a comparison may leave out because float32 and float64 may decide differently there."""

REFERENCE = 1e-10
"""Largest difference between two float64 ways of writing the same formula."""

FINITE_DIFFERENCE = 1e-6
"""Relative difference of a float64 derivative from central differences."""

LOSS = 1e-6
"""Largest difference of a float32 photometric loss from its float64 value."""

LOSS_GRADIENT = 1e-5
"""Relative L2 difference of a float32 photometric gradient from its float64 value."""

ROUNDED_ONCE = 1e-6
"""Largest difference of numbers of about 1 that went through float32 once."""

VOTES = 1e-5
"""Relative L2 difference of float32 votes from the oracle's, and from those that are gradients."""

SHOWN = 0.05
"""Largest difference of the share shown, whose whole is an integral, from one whose whole is a sum over pixels."""
