"""Proxy fields: signed distance and colour as functions of a point."""
