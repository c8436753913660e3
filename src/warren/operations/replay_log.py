"""What of a file has been replayed, noted beside it, so that a killed replay goes on where it ended.

Not here: the replay itself (`replay.py`), or the lines (`capture.py`).

A line is noted by its digest, once its copy is confirmed, and the note is on disk before the next ones are. So the
file may be edited, sorted or grow between two runs: what is the same line is not sent again, what is new or changed is.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from warren.errors import ConfigurationError, WarrenError
from warren.operations.captures import open_locked, write_all

__all__ = ["ReplayLog", "digest_of", "log_beside"]

_DIGITS: Final = 32


def log_beside(path: Path) -> Path:
    """Name the log of a file: `dead.ndjson.replayed`."""
    return path.with_name(path.name + ".replayed")


def digest_of(line: bytes) -> str:
    """Name a line by its content."""
    return hashlib.sha256(line.rstrip(b"\r\n")).hexdigest()[:_DIGITS]


class ReplayLog:
    """The notes of one file, open for more of them and nobody else's meanwhile. Use it as a context manager.

    `done` are the notes of former runs: how often each line was sent.
    """

    def __init__(self, path: Path, descriptor: int, done: Counter[str]) -> None:
        self.path = path
        self._descriptor = descriptor
        self.done = done

    @classmethod
    def open(cls, file: Path) -> ReplayLog:
        """Open the log of `file`, or begin one. Raises `ConfigurationError`."""
        path = log_beside(file)
        descriptor = open_locked(path)
        try:
            return cls(path, descriptor, _read(path))
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def peek(cls, file: Path) -> Counter[str]:
        """Return the notes on `file` without opening them for more."""
        path = log_beside(file)
        return _read(path) if path.exists() else Counter()

    def __repr__(self) -> str:
        return f"<ReplayLog {self.path}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)

    def note(self, digests: Iterable[str]) -> None:
        """Note lines as sent, on disk. Raises `WarrenError`."""
        # A line feed first: it ends what a killed run left half written.
        data = "".join(f"\n{digest}" for digest in digests).encode()
        try:
            write_all(self._descriptor, data)
        except OSError as error:
            raise WarrenError(
                f"cannot write to {self.path}: {error.strerror}; free some room, and run it again"
            ) from error


def _read(path: Path) -> Counter[str]:
    try:
        words = path.read_text().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from error
    if any(len(word) > _DIGITS for word in words):
        raise ConfigurationError(f"{path} holds something else than what was replayed; move it away")
    return Counter(word for word in words if len(word) == _DIGITS)
