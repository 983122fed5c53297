"""Benchmarks against hand-written statements and peers: ``python -m benchmarks --help``."""
