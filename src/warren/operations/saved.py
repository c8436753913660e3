"""Reads a file of drained messages, line by line, as if they were taken from their queues.

Not here: a line's content (`capture.py`), or writing the file (`captures.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from warren.errors import ConfigurationError
from warren.operations.capture import read_line
from warren.operations.lease import Held

__all__ = ["Saved", "check_saved", "saved_messages"]


class Saved(NamedTuple):
    """A line, the queue its message was taken from, and the message; its tag is the number of the line."""

    line: bytes
    queue: str
    held: Held


def saved_messages(path: Path, *, lines: int | None = None) -> Iterator[Saved]:
    """Yield the messages of a file, of its first `lines` lines. Empty lines count for nothing.

    Raises `ConfigurationError` for a line that cannot be read, except for a torn last one: it is passed over, because
    the message it was to hold is still in its queue.
    """
    try:
        with path.open("rb") as file:
            read = 0
            for number, line in enumerate(file, start=1):
                if read == lines:
                    return
                if not line.strip():
                    continue
                try:
                    captured = read_line(line)
                except ValueError as error:
                    if not line.endswith(b"\n"):
                        return
                    raise ConfigurationError(f"{path} line {number}: {error}; nothing of it was sent") from error
                read += 1
                held = Held(
                    number,
                    captured.redelivered,
                    captured.exchange,
                    captured.routing_key,
                    captured.properties,
                    captured.raw_properties,
                    captured.body,
                )
                yield Saved(line, captured.queue, held)
    except OSError as error:
        raise ConfigurationError(f"cannot read {path}: {error.strerror}") from error


def check_saved(path: Path) -> int:
    """Read a whole file; return how many messages it has. Raises `ConfigurationError` where one cannot be read."""
    return sum(1 for _ in saved_messages(path))
