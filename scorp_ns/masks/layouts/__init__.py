"""The ways in which masks lie on disk, one file each."""
