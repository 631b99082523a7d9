"""A training run: its stages, what they share, and when each of them works."""
