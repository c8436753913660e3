"""The layout of the journal's files, in bytes: file headers, batches, and what is in a batch.

Not here: which file a batch goes to (`segment.py`), or what is done with what was read (`recovery.py`).

A file is a header and batches. A batch is written with one write and made safe with one fdatasync; its checksum covers
all of it, so that it counts as a whole or not at all. In a batch, in this order:

    publishes   messages, with the queues that have them
    moves       messages of an older segment, written again so that its file can go
    gone        positions of messages no queue has any more
    facts       position, queue, and how often delivery failed (GONE: the queue does not have it any more)
    delivered   position, queue: only in the batch that ends a clean close

The position of a message, segment << 32 | offset, is its name for ever, also after it was moved. None of gone and facts
is ever taken back, so their order does not matter. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Sequence
from struct import Struct
from typing import BinaryIO, Final, NamedTuple, TypeAlias
from zlib import crc32

from warren.errors import ConfigurationError

__all__ = [
    "BATCH",
    "CHECKSUM",
    "CLEAN",
    "COMPLETE",
    "FACT",
    "FILE",
    "GONE",
    "HEAD",
    "IS_DEAD_LETTERED",
    "IS_MOVED",
    "IS_PERSISTENT",
    "IS_SHARED",
    "LARGEST_FIXED",
    "MARK",
    "OFFSET",
    "ORIGIN",
    "PUBLISH",
    "VERSION",
    "Batch",
    "Fact",
    "FileKind",
    "Record",
    "batch_bytes",
    "file_header",
    "parse_file_header",
    "parse_record",
    "read_batch",
    "record_bytes",
    "records",
    "sealed",
]

VERSION: Final = 1
_MAGIC: Final = b"WARRENJL"


class FileKind:
    """What a file is, as its header says."""

    SEGMENT: Final = 1
    FACTS: Final = 2
    DEFINITIONS: Final = 3


FILE: Final = Struct("<8sHHIII")
"""Magic, version, kind, segment, offset in the segment at which the file begins, checksum of the rest."""

CHECKSUM: Final = Struct("<I")

BATCH: Final = Struct("<IQdIIIIIII")
"""After the checksum: bytes after this header, position, time, bytes of publishes and of moves, numbers of gone, facts
and delivered, flags, and the segment that the moves come from."""

HEAD: Final = CHECKSUM.size + BATCH.size
"""Bytes before the payload of a batch."""

CLEAN: Final = 1
"""Flag of a batch: the broker was closed after it."""

COMPLETE: Final = 2
"""Flag of a batch: with these moves all survivors of the segment they come from are moved; its file is void."""

PUBLISH: Final = Struct("<IBIQ")
"""Bytes of the record, flags, bytes of the header, queue (or with IS_SHARED the number of queues that follow)."""

IS_PERSISTENT: Final = 1
IS_SHARED: Final = 2  # in several queues
IS_MOVED: Final = 4  # the origin follows
IS_DEAD_LETTERED: Final = 8  # the x-death in the header is the broker's own

ORIGIN: Final = Struct("<Qd")
"""Position and time of a moved message."""

FACT: Final = Struct("<QQI")
Fact: TypeAlias = tuple[int, int, int]
"""Position, queue, deliveries or GONE."""

MARK: Final = Struct("<QQ")
GONE: Final = 0xFFFFFFFF
OFFSET: Final = 0xFFFFFFFF
"""The part of a position that is the offset."""

LARGEST_FIXED: Final = PUBLISH.size + ORIGIN.size + 2 * 256
"""Bytes before the header of a message in one queue, at most."""


# -- files --------------------------------------------------------------------------------


def file_header(kind: int, segment: int = 0, start: int = 0) -> bytes:
    head = FILE.pack(_MAGIC, VERSION, kind, segment, start, 0)[:-4]
    return head + crc32(head).to_bytes(4, "little")


def parse_file_header(data: bytes) -> tuple[int, int, int] | None:
    """Return kind, segment and start; None for a header that was not written to its end.

    Raises ConfigurationError for a file that another version wrote.
    """
    if len(data) < FILE.size or crc32(data[: FILE.size - 4]) != int.from_bytes(
        data[FILE.size - 4 : FILE.size], "little"
    ):
        return None
    magic, version, kind, segment, start, _ = FILE.unpack(data[: FILE.size])
    if magic != _MAGIC:
        return None
    if version != VERSION:
        raise ConfigurationError(
            f"the data folder has format {version}, and this version of Warren reads format {VERSION}: "
            "use the version that wrote it, or another folder"
        )
    return kind, segment, start


# -- batches ------------------------------------------------------------------------------


class Batch(NamedTuple):
    """A batch that was read; its checksum was right."""

    position: int
    time: float
    publishes: bytes
    moves: bytes
    gone: tuple[int, ...]
    facts: tuple[tuple[int, int, int], ...]
    delivered: tuple[tuple[int, int], ...]
    flags: int
    source: int
    size: int  # bytes in the file


def batch_bytes(
    position: int,
    time: float,
    *,
    publishes: Sequence[bytes] = (),
    published: int = 0,
    moves: Sequence[bytes] = (),
    source: int = 0,
    gone: Sequence[int] = (),
    facts: Iterable[tuple[int, int, int]] = (),
    delivered: Iterable[tuple[int, int]] = (),
    flags: int = 0,
) -> bytes:
    """Return a batch without its checksum. `published`: bytes of all `publishes`."""
    moved = b"".join(moves)
    known = b"".join([FACT.pack(*fact) for fact in facts])
    marks = b"".join([MARK.pack(*mark) for mark in delivered])
    left = struct.pack(f"<{len(gone)}Q", *gone)
    head = BATCH.pack(
        published + len(moved) + len(left) + len(known) + len(marks),
        position,
        time,
        published,
        len(moved),
        len(gone),
        len(known) // FACT.size,
        len(marks) // MARK.size,
        flags,
        source,
    )
    return b"".join((head, *publishes, moved, left, known, marks))


def sealed(batch: bytes) -> tuple[bytes, bytes]:
    """Return the checksum of a batch, and the batch: what is written."""
    return CHECKSUM.pack(crc32(batch)), batch


def read_batch(file: BinaryIO) -> Batch | None:
    """Read the next batch; None at the end of the file and where no whole batch follows."""
    head = file.read(HEAD)
    if len(head) < HEAD:
        return None
    (checksum,) = CHECKSUM.unpack_from(head)
    length, position, time, published, moved, gone, facts, delivered, flags, source = BATCH.unpack_from(
        head, CHECKSUM.size
    )
    if length != published + moved + gone * 8 + facts * FACT.size + delivered * MARK.size:
        return None
    payload = file.read(length)
    if len(payload) < length or crc32(payload, crc32(head[CHECKSUM.size :])) != checksum:
        return None
    at = published + moved
    return Batch(
        position,
        time,
        payload[:published],
        payload[published:at],
        struct.unpack_from(f"<{gone}Q", payload, at),
        tuple(FACT.iter_unpack(payload[at + gone * 8 : length - delivered * MARK.size])),
        tuple(MARK.iter_unpack(payload[length - delivered * MARK.size :])),
        flags,
        source,
        len(head) + length,
    )


# -- messages -----------------------------------------------------------------------------


class Record(NamedTuple):
    """A message that was read, still in parts."""

    position: int  # its name; where it was first written
    time: float
    is_persistent: bool
    is_dead_lettered: bool
    queues: tuple[int, ...]
    wire: bytes  # exchange and routing key
    header: bytes
    body: bytes


def record_bytes(
    flags: int, queues: Sequence[int], wire: bytes, header: bytes, body: bytes, origin: bytes = b""
) -> bytes:
    """Return a record; the journal writes the usual case, one queue and no origin, without this call."""
    shared = struct.pack(f"<{len(queues)}Q", *queues) if len(queues) != 1 else b""
    size = PUBLISH.size + len(shared) + len(origin) + len(wire) + len(header) + len(body)
    if shared or not queues:
        fixed = PUBLISH.pack(size, flags | IS_SHARED, len(header), len(queues))
    else:
        fixed = PUBLISH.pack(size, flags, len(header), queues[0])
    return b"".join((fixed, shared, origin, wire, header, body))


def records(section: bytes, position: int, time: float) -> Iterator[tuple[int, Record]]:
    """Yield the messages of a section that begins at `position`, each with where it is."""
    at = 0
    while at < len(section):
        size = int.from_bytes(section[at : at + 4], "little")
        yield position + at, parse_record(section, at, position + at, time)
        at += size


def parse_record(data: bytes, at: int, position: int, time: float) -> Record:
    size, flags, header_size, queue = PUBLISH.unpack_from(data, at)
    end = at + size
    at += PUBLISH.size
    queues: tuple[int, ...] = (queue,)
    if flags & IS_SHARED:
        queues = struct.unpack_from(f"<{queue}Q", data, at)
        at += queue * 8
    if flags & IS_MOVED:
        position, time = ORIGIN.unpack_from(data, at)
        at += ORIGIN.size
    header = at + 1 + data[at]  # after the exchange
    header += 1 + data[header]  # and the routing key
    body = header + header_size
    return Record(
        position,
        time,
        bool(flags & IS_PERSISTENT),
        bool(flags & IS_DEAD_LETTERED),
        queues,
        data[at:header],
        data[header:body],
        data[body:end],
    )
