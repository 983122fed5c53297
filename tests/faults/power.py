"""A disk that forgets what was not synced: programs run on it, and its power is cut.

A shim under the programs records every write and sync of a store's files, in their order, and the
programs record what was acknowledged to them. A cut at any point of the record gives the files that
a power failure may leave: all that a sync has covered, and some sectors of what was written since.
"""

from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SECTOR = 512
_HEADER = struct.Struct("<cQqq")
_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct __attribute__((packed)) header { char kind; uint64_t file; int64_t at, length; };

static void record(int fd, char kind, int64_t at, const void *data, int64_t length) {
    static int journal = -1;
    char link[64], path[4096];
    const char *store = getenv("POWER_STORE");
    struct stat found;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (store == NULL || size <= 0 || fstat(fd, &found) != 0) return;
    path[size] = 0;
    int is_log = strcmp(path + strlen(store), "-wal") == 0;
    if (strncmp(path, store, strlen(store)) != 0 || !(is_log || path[strlen(store)] == 0)) return;
    if (journal < 0) journal = open(getenv("POWER_JOURNAL"), O_WRONLY | O_APPEND | O_CLOEXEC);
    struct header header = {kind, is_log, at, length};
    struct iovec parts[] = {{&header, sizeof header}, {(void *) data, data ? length : 0}};
    if (writev(journal, parts, 2) < 0) abort();
}

#define ORIGINAL(result, name, ...) \
    static result (*original)(__VA_ARGS__); \
    if (original == NULL) *(void **) &original = dlsym(RTLD_NEXT, #name)

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    ORIGINAL(ssize_t, pwrite64, int, const void *, size_t, off64_t);
    ssize_t written = original(fd, data, length, at);
    if (written > 0) record(fd, 'W', at, data, written);
    return written;
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    return pwrite64(fd, data, length, at);
}
int ftruncate64(int fd, off64_t length) {
    ORIGINAL(int, ftruncate64, int, off64_t);
    int result = original(fd, length);
    if (result == 0) record(fd, 'T', length, NULL, 0);
    return result;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int fdatasync(int fd) {
    record(fd, 'B', gettid(), NULL, 0);
    usleep(300);
    record(fd, 'E', gettid(), NULL, 0);
    return 0;
}
int fsync(int fd) { return fdatasync(fd); }
"""


class NoCompilerError(Exception):
    """There is no C compiler to build the shim with."""


@dataclass(frozen=True)
class Event:
    """Something that a program did to a file (0: the database, 1: its log), or was told."""

    kind: str
    """W: a write, T: a cut, B and E: begin and end of a sync, A: an acknowledgement."""
    file: int
    """Of an acknowledgement: who got it."""
    at: int
    """Where it was written; the new size; the thread of a sync; what was acknowledged."""
    data: bytes


def recorded(folder: Path, program: str, *arguments: list[str]) -> list[Event]:
    """Run a program, once at the same time for each list of arguments, and return what was done.

    ``acknowledged(who, number)`` of this module is for the program; ``sys.argv[1]`` is the store.

    Raises:
        NoCompilerError: there is no C compiler.
    """
    shim, source, journal = folder / "shim.so", folder / "shim.c", folder / "journal"
    source.write_text(_SHIM)
    try:
        build = ["cc", "-shared", "-fPIC", "-o", str(shim), str(source), "-ldl"]
        subprocess.run(build, check=True, capture_output=True, timeout=100)
    except OSError as error:
        raise NoCompilerError from error
    journal.touch()
    environment = {
        **os.environ,
        "LD_PRELOAD": str(shim),
        "POWER_STORE": str(folder / "store.db"),
        "POWER_JOURNAL": str(journal),
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    command = [sys.executable, "-c", program, str(folder / "store.db")]
    running = [subprocess.Popen([*command, *each], env=environment) for each in arguments]
    assert [process.wait(100) for process in running] == [0] * len(running)
    return list(_events(journal.read_bytes()))


def acknowledged(who: int, number: int) -> None:
    """Record that ``who`` was told of the success of ``number``."""
    journal = os.open(os.environ["POWER_JOURNAL"], os.O_WRONLY | os.O_APPEND)
    os.write(journal, _HEADER.pack(b"A", who, number, 0))
    os.close(journal)


def _events(journal: bytes) -> Iterator[Event]:
    position = 0
    while position < len(journal):
        kind, file, at, length = _HEADER.unpack_from(journal, position)
        position += _HEADER.size
        yield Event(kind.decode(), file, at, journal[position : position + length])
        position += length


def cut(events: list[Event], target: Path) -> None:
    """Write the files that a power failure after ``events`` may leave."""
    for file, suffix in enumerate(("", "-wal")):
        content = bytearray()
        for event, durable in _surviving(events, file):
            if event.kind == "T":
                _resize(content, event.at)
            else:
                _write(content, event, whole=durable)
        Path(f"{target}{suffix}").write_bytes(content)


def _surviving(events: list[Event], file: int) -> Iterator[tuple[Event, bool]]:
    """The changes of a file that are on the disk, and some of the others; whether each is whole."""
    synced = _covered(events, file)
    chance = random.choice((0.0, 0.5, 0.9))
    for number, event in enumerate(events):
        if event.file == file and event.kind in "WT":
            if number < synced:
                yield event, True
            elif random.random() < chance:
                yield event, False


def _covered(events: list[Event], file: int) -> int:
    """Up to which event all changes of a file are covered by a sync that has ended."""
    begun: dict[int, int] = {}
    covered = 0
    for number, event in enumerate(events):
        if event.file == file and event.kind == "B":
            begun[event.at] = number
        elif event.file == file and event.kind == "E":
            covered = max(covered, begun[event.at])
    return covered


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))


def _write(content: bytearray, event: Event, *, whole: bool) -> None:
    end = event.at + len(event.data)
    if end > len(content):
        _resize(content, end)
    for start in range(0, len(event.data), SECTOR):
        if whole or random.random() < 0.7:
            piece = event.data[start : start + SECTOR]
            content[event.at + start : event.at + start + len(piece)] = piece
