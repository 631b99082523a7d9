"""The renderer for tensors that are not on a GPU: numba kernels behind the seam."""
