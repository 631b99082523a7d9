"""Plug-ins by name: the entry points of this package and of others."""
