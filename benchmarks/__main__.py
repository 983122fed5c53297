"""``python -m benchmarks``."""

from __future__ import annotations

import sys

from benchmarks.app import main

if __name__ == "__main__":  # spawned processes import this module too
    sys.exit(main())
