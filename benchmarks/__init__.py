"""Measurements of Stateline, each a program: `python -m benchmarks.NAME` from the repository."""
