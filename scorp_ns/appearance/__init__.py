"""Colours of proxies that match the photographs."""
