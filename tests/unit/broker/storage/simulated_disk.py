"""A disk that remembers what is safe, and can show every folder that a loss of power may leave.

Not here: what the journal must make of such a folder (`test_crashes.py`).
"""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from warren.broker.storage.disk import Disk


@dataclass
class File:
    """The content of a file as of now, as it was when it was last safe, and what was appended since."""

    data: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    is_lost: bool = False  # a flush failed: the kernel forgot what was not safe, and later flushes say nothing


@dataclass
class State:
    """Files by name: as of now, and those sure to be there; with the changes in between, in order."""

    names: dict[str, File] = field(default_factory=dict)
    safe_names: dict[str, File] = field(default_factory=dict)
    unsafe: list[tuple[str, File | None]] = field(default_factory=list)

    def set(self, name: str, file: File | None) -> None:
        self.unsafe.append((name, file))
        _set(self.names, name, file)

    def crashed(self, dice: random.Random) -> dict[str, bytes]:
        """Return a folder that may be left if the power fails now: anything goes for what is not safe."""
        names = dict(self.safe_names)
        for name, file in self.unsafe:
            if dice.random() < 0.5:
                _set(names, name, file)
        return {name: _crashed(file, dice) for name, file in names.items()}

    def killed(self) -> dict[str, bytes]:
        """Return the folder as a killed process leaves it."""
        return {name: bytes(file.data) for name, file in self.names.items()}


def _set(names: dict[str, File], name: str, file: File | None) -> None:
    if file is None:
        names.pop(name, None)
    else:
        names[name] = file


def _crashed(file: File, dice: random.Random) -> bytes:
    if bytes(file.data[: len(file.safe)]) != file.safe:
        return dice.choice([file.safe, bytes(file.data)])  # cut, and that is not safe
    tail = bytearray(file.data[len(file.safe) :])
    match dice.randrange(4) if tail else 0:
        case 0:
            tail.clear()
        case 1:
            del tail[dice.randrange(len(tail)) :]
        case 2:
            tail[dice.randrange(len(tail))] ^= 1 << dice.randrange(8)
        case 3:
            start = dice.randrange(len(tail))
            tail[start:] = bytes(len(tail) - start)
    return file.safe + bytes(tail)


class SimulatedDisk(Disk):
    """The real file system, watched. `fail` is asked before each operation, and may raise or return a shorter size."""

    def __init__(self, folder: Path) -> None:
        self.state = State()
        self.fail: Callable[[str, int], int] = lambda operation, size: size
        self._open: dict[int, File] = {}
        for path in folder.glob("*"):
            file = File(bytearray(path.read_bytes()), path.read_bytes())
            self.state.names[path.name] = self.state.safe_names[path.name] = file

    def create(self, path: Path) -> int:
        self.fail("create", 0)
        fd = super().create(path)
        self._open[fd] = File()
        self.state.set(path.name, self._open[fd])
        return fd

    def open(self, path: Path) -> int:
        self.fail("open", 0)
        fd = super().open(path)
        self._open[fd] = self.state.names[path.name]
        return fd

    def write(self, fd: int, parts: Sequence[bytes | memoryview]) -> int:
        data = b"".join(parts)
        data = data[: self.fail("write", len(data))]
        written = super().write(fd, [data])
        self._open[fd].data += data[:written]
        return written

    def flush(self, fd: int) -> None:
        file = self._open[fd]
        try:
            self.fail("flush", 0)
        except OSError:
            file.is_lost = True
            raise
        if not file.is_lost:
            file.safe = bytes(file.data)

    def truncate(self, fd: int, size: int) -> None:
        self.fail("truncate", size)
        super().truncate(fd, size)
        del self._open[fd].data[size:]

    def replace(self, source: Path, target: Path) -> None:
        self.fail("replace", 0)
        super().replace(source, target)
        file = self.state.names[source.name]
        self.state.set(source.name, None)
        self.state.set(target.name, file)

    def remove(self, path: Path) -> None:
        self.fail("remove", 0)
        super().remove(path)
        if path.name in self.state.names:
            self.state.set(path.name, None)

    def flush_folder(self, folder: Path) -> None:
        self.fail("flush_folder", 0)
        self.state.safe_names = dict(self.state.names)
        self.state.unsafe.clear()

    def free(self, folder: Path) -> int:
        return self.fail("free", 1 << 40)


def no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def input_output_error() -> OSError:
    return OSError(errno.EIO, os.strerror(errno.EIO))
