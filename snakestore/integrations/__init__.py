"""Frameworks on top of the store, one a file, each behind an optional extra; none is imported by the library itself."""
