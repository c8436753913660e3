"""The file that messages are drained to: whole lines, on disk before anything is acknowledged.

Not here: what a line holds (`capture.py`), or taking messages (`drain.py`).

Two runs must never write to one file at a time: what the second takes for the torn end of a killed run would be what
the first is about to acknowledge. So a file is locked while it is written.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Self

from warren.contracts.properties import EMPTY_HEADERS, Properties
from warren.errors import ConfigurationError, WarrenError
from warren.operations.capture import Captured, read_line
from warren.operations.lease import Held
from warren.transport.wire import encode_properties

__all__ = ["CaptureFile", "identity_of", "open_locked", "write_all"]

_TAIL: Final = 16 * 1024 * 1024  # bytes at the end among which messages are recognised
_BEGINNING: Final = b'{"v":1,"queue":'
_COUNTED_BY_BROKER: Final = frozenset({"x-delivery-count", "x-acquired-count"})


class CaptureFile:
    """A file open for appending, which nobody else appends to. Use it as a context manager.

    `torn` is how many bytes were cut: the beginning of a line that a killed run had not finished.

    A message that a killed run wrote is recognised when it comes again (`has`). With `note`, a file beside it that is
    there from `open` until `finish`, only what runs wrote that were not finished is: what a finished one wrote is gone
    from the queue, and what is the same to the last byte is another message.
    """

    def __init__(self, path: Path, descriptor: int, note: Path | None = None) -> None:
        self.path = path
        self.torn = 0
        self._note = note
        self._descriptor = descriptor
        self._size = 0
        self._known: Counter[bytes] = Counter()  # the last messages of former runs, by identity

    @classmethod
    def open(cls, path: Path, *, note: Path | None = None) -> CaptureFile:
        """Create a file, or go on with one of a former run. Raises `ConfigurationError` where neither is possible."""
        file = cls(path, open_locked(path), note)
        try:
            file._go_on()
        except OSError as error:
            file.close()
            raise ConfigurationError(f"cannot use {path}: {error.strerror}") from error
        except BaseException:
            file.close()
            raise
        return file

    def __repr__(self) -> str:
        return f"<CaptureFile {self.path}, {self._size:,} bytes>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, lines: Iterable[bytes]) -> None:
        """Write lines and wait until they are on disk.

        Raises `WarrenError` where they are not, and then none of them is in the file.
        """
        data = b"".join(lines)
        try:
            write_all(self._descriptor, data)
        except OSError as error:
            self._cut_back()
            raise WarrenError(
                f"cannot write to {self.path}: {error.strerror}; free some room, and run it again"
            ) from error
        self._size += len(data)

    def has(self, held: Held) -> bool:
        """Whether a former run wrote this message and ended before the broker had its acknowledgement.

        Only a redelivery under its own message id that is the same to the last byte counts; it does so once.
        """
        if not held.redelivered or held.properties.message_id is None or not self._known:
            return False
        identity = identity_of(held)
        if self._known[identity] <= 0:
            return False
        self._known[identity] -= 1
        return True

    @property
    def has_met_all(self) -> bool:
        """Whether all messages came again that former runs wrote and may not have acknowledged."""
        return not any(self._known.values())

    def finish(self) -> None:
        """Say that all that was written is acknowledged, for the next run. Raises `WarrenError`."""
        if self._note is None:
            return
        try:
            self._note.unlink(missing_ok=True)
            _sync_folder(self._note)
        except OSError as error:
            raise WarrenError(f"cannot remove {self._note}: {error.strerror}; remove it by hand") from error

    def close(self) -> None:
        """Close the file, which unlocks it."""
        os.close(self._descriptor)

    # -- going on with the file of a former run -----------------------------------------------

    def _go_on(self) -> None:
        size = os.fstat(self._descriptor).st_size
        start = max(0, size - _TAIL)
        tail = _read(self._descriptor, start, size - start)
        lines = tail.split(b"\n")
        rest = lines.pop()  # nothing, where the last line is whole
        head = _read(self._descriptor, 0, _TAIL).split(b"\n", 1) if start else [*lines, rest]
        self._check(head[0], is_whole=len(head) > 1)
        self._size = size
        if rest and _readable(rest):  # an editor that ends no last line
            self.append([b"\n"])
            lines.append(rest)
        elif rest:
            self.torn = len(rest)
            self._size = size - len(rest)
            os.ftruncate(self._descriptor, self._size)
            os.fsync(self._descriptor)
        known_from = self._find_or_leave_note()
        at = start
        for number, line in enumerate(lines):
            is_whole = number > 0 or start == 0
            captured = _readable(line) if is_whole and at >= known_from else None
            if captured is not None and captured.properties.message_id is not None:  # as `has` asks for
                self._known[identity_of(captured)] += 1
            at += len(line) + 1

    def _find_or_leave_note(self) -> int:
        """Return from where on the file is of runs that were not finished."""
        if self._note is None:
            return 0
        try:
            noted = int(self._note.read_text("ascii"))
        except (FileNotFoundError, ValueError):
            noted = self._size + 1
        if noted > self._size:  # there is none, or it is of another file
            noted = self._size
            descriptor = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            try:
                write_all(descriptor, b"%d\n" % noted)
            finally:
                os.close(descriptor)
            _sync_folder(self._note)
        return noted

    def _check(self, first: bytes, *, is_whole: bool) -> None:
        """Refuse to append to, and above all to cut, what is something else."""
        begun = not is_whole and first[: len(_BEGINNING)] == _BEGINNING[: len(first)]
        if first and not begun and _readable(first) is None:
            raise ConfigurationError(
                f"{self.path} is there and holds something else than drained messages; choose another file"
            )

    def _cut_back(self) -> None:
        """Leave no half line. Where even that fails the next run cuts it."""
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            pass


def open_locked(path: Path) -> int:
    """Open a file for appending, its own creation on disk and locked. Raises `ConfigurationError`."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        raise ConfigurationError(f"cannot write to {path}: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ConfigurationError(f"{path} is not a file that can be kept; choose another one")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _sync_folder(path)
    except BlockingIOError:
        os.close(descriptor)
        raise ConfigurationError(f"another warren writes to {path}; wait for it, or choose another file") from None
    except OSError as error:
        os.close(descriptor)
        raise ConfigurationError(f"cannot use {path}: {error.strerror}") from error
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def write_all(descriptor: int, data: bytes) -> None:
    """Write and wait until it is on disk; raises `OSError`."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(descriptor: int, start: int, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (part := os.pread(descriptor, size, start)):
        parts.append(part)
        start, size = start + len(part), size - len(part)
    return b"".join(parts)


def _readable(line: bytes) -> Captured | None:
    try:
        return read_line(line)
    except ValueError:
        return None


def identity_of(message: Captured | Held) -> bytes:
    """Name a message by all it holds, but for what the broker counts with each delivery."""
    digest = hashlib.sha256()
    own = _without_counts(message.properties)
    names = [name.encode("utf-8", "surrogateescape") for name in (message.exchange, message.routing_key)]
    for part in (*names, encode_properties(own), message.body):
        digest.update(len(part).to_bytes(8, "big"))
        digest.update(part)
    return digest.digest()


def _without_counts(properties: Properties) -> Properties:
    """Leave out what a broker counts, and the order of the headers: RabbitMQ sorts them when it counts."""
    headers = properties.headers
    if not headers:
        return properties._replace(headers=EMPTY_HEADERS)
    kept = {name: headers[name] for name in sorted(headers) if name not in _COUNTED_BY_BROKER}
    return properties._replace(headers=kept or EMPTY_HEADERS)
