"""The machine on which the figures were measured, without names."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

PACKAGES = ("SQLAlchemy", "psycopg", "numpy")
CPU_INFO = Path("/proc/cpuinfo")
MEMORY_INFO = Path("/proc/meminfo")
SYNCS = 50


def described() -> dict[str, str]:
    """CPU, cores, memory, operating system and versions of the packages."""
    facts = {
        "CPU": _field(CPU_INFO, "model name") or platform.processor() or platform.machine(),
        "cores": str(os.cpu_count()),
        "memory": _memory(),
        "sync of the disk": f"{_sync() * 1000:.2f} ms",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "SQLite": sqlite3.sqlite_version,
    }
    for package in PACKAGES:
        version = installed_version(package)
        if version is not None:
            facts[package] = version
    return facts


def installed_version(package: str) -> str | None:
    """The version of a package; None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _memory() -> str:
    kilobytes = (_field(MEMORY_INFO, "MemTotal") or "").split()
    return f"{int(kilobytes[0]) / 2**20:.0f} GiB" if kilobytes else "unknown"


def _sync() -> float:
    """The seconds, the median, that the disk of the temporary files takes to sync 4 KiB."""
    taken = []
    with tempfile.TemporaryFile() as file:
        for _ in range(SYNCS):
            file.write(bytes(4096))
            file.flush()
            started = perf_counter()
            os.fsync(file.fileno())
            taken.append(perf_counter() - started)
    return statistics.median(taken)


def _field(path: Path, name: str) -> str | None:
    """The first value of a file of ``name : value`` lines."""
    if not path.exists():
        return None
    for line in path.read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return None
