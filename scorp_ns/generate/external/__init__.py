"""Generators outside this process: programs and servers, and the jobs they are given."""
