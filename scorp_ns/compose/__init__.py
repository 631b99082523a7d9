"""Composing: the parts of an object that are kept as photographed, and those that its proxy fills in."""
