"""The search: zlib's settings, which to try next, and the ranking of results."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

STRATEGIES = {
    "default": zlib.Z_DEFAULT_STRATEGY,
    "filtered": zlib.Z_FILTERED,
    "huffman_only": zlib.Z_HUFFMAN_ONLY,
    "rle": zlib.Z_RLE,
    "fixed": zlib.Z_FIXED,
}
RANGES: dict[str, range] = {"level": range(10), "wbits": range(9, 16), "memLevel": range(1, 10)}
SETTING_NAMES = (*RANGES, "strategy")
SIZE_PREFIX = "size/"
MAX_RESULTS = 10
NEIGHBOUR_PROBABILITY = 0.7


@dataclass(frozen=True, slots=True, order=True)
class Settings:
    """One combination of zlib's settings."""

    level: int
    wbits: int
    mem_level: int
    strategy: str

    def to_dict(self) -> dict[str, Any]:
        """The settings by zlib's own names, which are also the names of the session's variables."""
        return {
            "level": self.level,
            "wbits": self.wbits,
            "memLevel": self.mem_level,
            "strategy": self.strategy,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """The settings in the output of ``to_dict``."""
        return cls(values["level"], values["wbits"], values["memLevel"], values["strategy"])

    @property
    def memory(self) -> int:
        """Memory of a compressor in bytes, by the formula in zlib's manual."""
        return (1 << (self.wbits + 2)) + (1 << (self.mem_level + 9))

    @property
    def size_name(self) -> str:
        """The name of the variable for the size measured with these settings."""
        return SIZE_PREFIX + ",".join(f"{name}={value}" for name, value in self.to_dict().items())


ZLIB_DEFAULT = Settings(level=6, wbits=15, mem_level=8, strategy="default")
SPACE = tuple(
    Settings(level, wbits, mem_level, strategy)
    for level, wbits, mem_level, strategy in product(
        RANGES["level"], RANGES["wbits"], RANGES["memLevel"], STRATEGIES
    )
)
BY_SIZE_NAME = {settings.size_name: settings for settings in SPACE}


def compressed_size(files: Iterable[bytes], settings: Settings) -> int:
    """The total size in bytes of ``files``, each compressed with ``settings``."""
    return sum(_compressed_size_of_one(data, settings) for data in files)


def _compressed_size_of_one(data: bytes, settings: Settings) -> int:
    compressor = zlib.compressobj(
        settings.level,
        zlib.DEFLATED,
        settings.wbits,
        settings.mem_level,
        STRATEGIES[settings.strategy],
    )
    return len(compressor.compress(data)) + len(compressor.flush())


def distance(one: Settings, other: Settings) -> int:
    """The number of single steps between two settings; another strategy is two steps."""
    steps = (
        abs(one.level - other.level)
        + abs(one.wbits - other.wbits)
        + abs(one.mem_level - other.mem_level)
    )
    return steps + (2 if one.strategy != other.strategy else 0)


def propose(best: Settings, untried: Sequence[Settings], chance: random.Random) -> Settings | None:
    """The settings to measure next: usually near ``best``, sometimes any; None if none are left."""
    if not untried:
        return None
    if chance.random() < NEIGHBOUR_PROBABILITY:
        return min(untried, key=lambda settings: (distance(best, settings), chance.random()))
    return chance.choice(untried)


def share(worker: int, workers: int) -> list[Settings]:
    """The settings that one of ``workers`` tries first, so that no two measure the same."""
    return list(SPACE[worker::workers])


def with_result(
    best: Mapping[str, Any] | None, settings: Settings, size: int, found_by: str
) -> dict[str, Any] | None:
    """The document ``best`` with a new result; None if the result is not among the best ones.

    The smallest is at the top, the next ones are under ``runners_up``. Of equal sizes, the one that
    takes less memory comes first.
    """
    entry = {"size": size, "settings": settings.to_dict(), "found_by": found_by}
    results = sorted([*ranking(best), entry], key=_rank)[:MAX_RESULTS]
    if entry not in results:
        return None
    first, *others = results
    return {**first, "runners_up": others}


def _rank(result: Mapping[str, Any]) -> tuple[int, int, Settings]:
    settings = Settings.from_dict(result["settings"])
    return result["size"], settings.memory, settings


def ranking(best: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """The results in the document ``best``, smallest first."""
    if best is None:
        return []
    first = {name: value for name, value in best.items() if name != "runners_up"}
    return [first, *best["runners_up"]]


def lost_updates(
    acknowledged: Mapping[str, int], stored: Mapping[str, int], evaluations: int
) -> int:
    """Count lost updates: acknowledged sizes that are not stored, and missing increments.

    Args:
        acknowledged: the sizes that the workers reported as stored, by variable name.
        stored: all sizes in the file; each was counted in the transaction that stored it.
        evaluations: the shared counter in the file.
    """
    missing = sum(stored.get(name) != size for name, size in acknowledged.items())
    return missing + max(0, len(stored) - evaluations)
