"""Poses of complete proxies: the search for rotation, scale and translation from partial views."""
