"""Finished runs, loaded without their captures, and what leaves them as files."""
