"""Canonical shapes: any asset as a closed surface of unit size."""
