"""The search that the demo shares out: zlib's settings, what may be tried next, and what is worth keeping."""

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
KEPT = 10
SHARE_OF_NEIGHBOURS = 0.7


@dataclass(frozen=True, slots=True, order=True)
class Settings:
    """One choice of zlib's settings."""

    level: int
    wbits: int
    mem_level: int
    strategy: str

    def to_dict(self) -> dict[str, Any]:
        """The settings under zlib's own names, which are the names of the session's variables."""
        return {
            "level": self.level,
            "wbits": self.wbits,
            "memLevel": self.mem_level,
            "strategy": self.strategy,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Settings:
        """The settings that ``to_dict`` wrote."""
        return cls(values["level"], values["wbits"], values["memLevel"], values["strategy"])

    @property
    def memory(self) -> int:
        """Bytes that a compressor takes with these settings, by the formula in zlib's manual."""
        return (1 << (self.wbits + 2)) + (1 << (self.mem_level + 9))

    @property
    def size_name(self) -> str:
        """The name of the variable that holds the size measured with these settings."""
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
    """The size in bytes of ``files``, each compressed alone with ``settings``, added up."""
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
    """How many single steps lie between two settings; another strategy is two steps."""
    steps = (
        abs(one.level - other.level)
        + abs(one.wbits - other.wbits)
        + abs(one.mem_level - other.mem_level)
    )
    return steps + (2 if one.strategy != other.strategy else 0)


def propose(best: Settings, untried: Sequence[Settings], chance: random.Random) -> Settings | None:
    """What to measure next: mostly a neighbour of the best so far, at times anything; None if nothing is left."""
    if not untried:
        return None
    if chance.random() < SHARE_OF_NEIGHBOURS:
        return min(untried, key=lambda settings: (distance(best, settings), chance.random()))
    return chance.choice(untried)


def share(worker: int, workers: int) -> list[Settings]:
    """The settings that ``worker`` of ``workers`` tries first, so that no two measure the same."""
    return list(SPACE[worker::workers])


def with_result(
    best: Mapping[str, Any] | None, settings: Settings, size: int, found_by: str
) -> dict[str, Any] | None:
    """The document ``best`` with a measured result put in its place, or None if it is not among those kept.

    The smallest is at the top, the next ones under ``runners_up``; of equal sizes the one that
    takes least memory is ahead.
    """
    entry = {"size": size, "settings": settings.to_dict(), "found_by": found_by}
    kept = sorted([*ranking(best), entry], key=_rank)[:KEPT]
    if entry not in kept:
        return None
    first, *others = kept
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


def lost_updates(acknowledged: Mapping[str, int], held: Mapping[str, int], evaluations: int) -> int:
    """Count what was lost: sizes that a worker was told are stored and that the file does not hold so, and counts that are missing.

    Args:
        acknowledged: the sizes that the workers reported as stored, by variable name.
        held: all sizes in the file now; each was counted in the transaction that stored it.
        evaluations: the shared counter in the file now.
    """
    not_held = sum(held.get(name) != size for name, size in acknowledged.items())
    return not_held + max(0, len(held) - evaluations)
