"""How fast the library is, against hand-written statements on the same tables and against its peers: ``python -m benchmarks --help``."""
