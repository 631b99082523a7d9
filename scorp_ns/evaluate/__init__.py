"""Metrics, and the protocol of missing viewpoints."""
