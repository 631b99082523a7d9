"""Captures in: photographs, cameras and label maps, as batches for training."""
