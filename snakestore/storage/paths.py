"""Paths of files, without swallowing an exception of a signal handler.

``os.path`` ignores every OSError, and a job's TimeoutError is one; the system's have an ``errno``.
"""

from __future__ import annotations

import os


def real_path(path: str) -> str:
    """As ``os.path.realpath``: the path without symlinks, also of a missing file."""
    try:
        return os.path.realpath(path, strict=True)
    except OSError as error:
        if error.errno is None:
            raise
        return os.path.realpath(path)


def path_exists(path: str) -> bool:
    """As ``os.path.exists``: whether something is at the path."""
    try:
        os.stat(path)
    except OSError as error:
        if error.errno is None:
            raise
        return False
    return True
