"""From any complete object to a closed surface of unit size."""
