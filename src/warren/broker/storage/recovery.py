"""The start: what the files of a data folder say, and what can go of them.

Not here: the layout of the files (`records.py`), or what happens after the start (`journal.py`).

First all files are read for what is known of messages (gone, facts, moves, the clean end), which checks every byte.
Then the messages are read in the order of their publishing, and those that are left are passed on one at a time.

A write that the last process did not finish is cut off. Only the last batch of the last segment can be such; a bad
batch elsewhere means that the disk lost what it had, which is told in `notes`: what follows it in its file is not
trusted.
"""

from __future__ import annotations

import os
from array import array
from collections import defaultdict
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from pathlib import Path

from warren.broker.storage.definitions import Definitions
from warren.broker.storage.disk import Disk
from warren.broker.storage.paging import Paging
from warren.broker.storage.port import Recovered
from warren.broker.storage.reading import BUFFER, batches
from warren.broker.storage.records import (
    CLEAN,
    COMPLETE,
    FILE,
    HEAD,
    OFFSET,
    Batch,
    FileKind,
    file_header,
    parse_file_header,
    read_batch,
    records,
)
from warren.broker.storage.replay import Messages
from warren.broker.storage.segment import Extent, Segment, parse_name
from warren.broker.storage.writer import DEFINITIONS_NAME, Writer, write_whole
from warren.clock import Clock
from warren.errors import ConfigurationError

__all__ = ["Start", "recover"]


@dataclass(frozen=True, slots=True)
class Start:
    """What the journal goes on with."""

    current: Segment
    void: list[Segment]  # whose messages are in other files by now; theirs can go
    recovered: Recovered


@dataclass(slots=True)
class _Scan:
    """What was read of all files except the messages themselves."""

    notes: list[str] = field(default_factory=list)
    files: dict[int, Segment] = field(default_factory=dict)
    bad: dict[Path, int] = field(default_factory=dict)  # where in a file what follows cannot be read
    ends: dict[Path, int] = field(default_factory=dict)  # offset in the segment up to which a file is good
    gone: dict[int, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("I")))
    facts: dict[int, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("Q")))
    # By host and source: home of each moved message, its offset there, and its place in the host.
    moves: dict[tuple[int, int], list[tuple[int, int, int]]] = field(default_factory=lambda: defaultdict(list))
    complete: set[tuple[int, int]] = field(default_factory=set)  # host and source
    last: Batch | None = None  # of the newest segment
    highest: int = 0  # number of a segment that was ever heard of

    def learn(self, batch: Batch) -> set[int]:
        """Note what a batch tells of messages; return their segments."""
        for position in batch.gone:
            self.gone[position >> 32].append(position & OFFSET)
        for fact in batch.facts:
            self.facts[fact[0] >> 32].extend(fact)
        return {position >> 32 for position in batch.gone} | {fact[0] >> 32 for fact in batch.facts}


def recover(
    folder: Path,
    clock: Clock,
    writer: Writer,
    segments: MutableMapping[int, Segment],
    paging: Paging,
    definitions: Definitions,
) -> Start:
    """Read a folder, fill `segments` and `definitions`, and begin a new segment: it ends the last clean close."""
    for left in folder.glob("*.new"):
        writer.disk.remove(left)
    scan = _Scan()
    _read_definitions(folder, definitions, writer, scan)
    _scan_segments(folder, writer.disk, scan)
    scan.notes += [f"'{path}' is damaged at byte {at}: what follows is lost" for path, at in scan.bad.items()]
    _settle_moves(scan, segments)
    _read_facts(folder, writer.disk, scan, segments)
    for number, home in segments.items():
        home.gone = scan.gone[number]
        home.facts = scan.facts[number]

    current = Segment(scan.highest + 1)
    current.extents.append(writer.begin_segment(current.number, 0, ()))
    segments[current.number] = current

    is_new = not scan.files
    is_clean = not scan.notes and (is_new or (scan.last is not None and bool(scan.last.flags & CLEAN)))
    found = list(definitions)
    messages = Messages(
        scan.ends,
        segments,
        paging,
        queues=frozenset(one.value["id"] for one in found if "id" in one.value),
        delivered=frozenset(scan.last.delivered) if is_clean and scan.last is not None else None,
        now=clock.now(),
    )
    void = [file for number, file in scan.files.items() if number not in segments or segments[number].host is not file]
    return Start(current, void, Recovered(found, messages, is_clean, tuple(scan.notes)))


# -- definitions and facts ----------------------------------------------------------------


def _read_definitions(folder: Path, definitions: Definitions, writer: Writer, scan: _Scan) -> None:
    path = folder / DEFINITIONS_NAME
    if not path.exists():
        write_whole(writer, path, (file_header(FileKind.DEFINITIONS),)).close()
        writer.disk.flush_folder(folder)
    log = path.read_bytes()
    if parse_file_header(log) is None:
        raise ConfigurationError(f"'{path}' is no log of definitions of a broker: use another folder, or restore it")
    end = definitions.read(log)
    writer.definitions.reopen(writer, path, end)


def _read_facts(folder: Path, disk: Disk, scan: _Scan, segments: MutableMapping[int, Segment]) -> None:
    for path in sorted(folder.glob("*.facts")):
        name = parse_name(path)
        if name is None:
            continue
        if name[1] not in segments:
            disk.remove(path)
            continue
        with path.open("rb", buffering=BUFFER) as file:
            batch = read_batch(file) if parse_file_header(file.read(FILE.size)) is not None else None
        if batch is None:
            scan.notes.append(f"'{path}' is damaged: acknowledged messages may come back")
        else:
            scan.learn(batch)


# -- the first reading of the segments ----------------------------------------------------


def _scan_segments(folder: Path, disk: Disk, scan: _Scan) -> None:
    found: dict[int, list[Extent]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        name = parse_name(path)
        if name is not None:
            scan.highest = max(scan.highest, name[1])
            if name[0] == "segment":
                found[name[1]].append(Extent(name[2], path))
    newest = max(found, default=0)
    for number, extents in sorted(found.items()):
        segment = Segment(number)
        good = _with_good_headers(number, extents, disk, scan, is_newest=number == newest)
        scan.last = None
        for extent, following in zip(good, [*good[1:], None], strict=False):
            limit = None if following is None else following.start
            _scan_extent(segment, extent, limit, scan)
        segment.extents = good
        if good:
            scan.files[number] = segment
    if newest in scan.files:
        _cut(scan.files[newest], disk, scan)


def _with_good_headers(number: int, extents: list[Extent], disk: Disk, scan: _Scan, *, is_newest: bool) -> list[Extent]:
    good = []
    for extent in sorted(extents):
        with extent.path.open("rb") as file:
            header = parse_file_header(file.read(FILE.size))
        if header == (FileKind.SEGMENT, number, extent.start):
            good.append(extent)
        elif is_newest and extent == max(extents):
            disk.remove(extent.path)  # The process ended while it made this file: nothing in it was safe yet.
        else:
            scan.notes.append(f"'{extent.path}' is damaged from its beginning: what was in it is lost")
    return good


def _scan_extent(segment: Segment, extent: Extent, limit: int | None, scan: _Scan) -> None:
    at = extent.start
    scan.last = None
    with extent.path.open("rb", buffering=BUFFER) as file:
        for batch in batches(file, segment.number, extent.start, limit):
            at += batch.size
            segment.about |= scan.learn(batch)
            host = segment.number
            for place, record in records(batch.moves, batch.position + HEAD + len(batch.publishes), 0.0):
                moved = (record.position >> 32, record.position & OFFSET, place & OFFSET)
                scan.moves[host, batch.source].append(moved)
            if batch.flags & COMPLETE:
                scan.complete.add((host, batch.source))
            scan.last = batch
        size = os.fstat(file.fileno()).st_size - FILE.size + extent.start
    scan.ends[extent.path] = segment.size = at
    if at < (size if limit is None else limit):
        scan.bad[extent.path] = FILE.size + at - extent.start


def _cut(newest: Segment, disk: Disk, scan: _Scan) -> None:
    """Cut off the write that the last process did not finish."""
    path = newest.extents[-1].path
    size = scan.bad.pop(path, None)
    if size is not None:
        fd = disk.open(path)
        try:
            disk.truncate(fd, size)
            disk.flush(fd)
        finally:
            os.close(fd)


def _settle_moves(scan: _Scan, segments: MutableMapping[int, Segment]) -> None:
    """Fill `segments` with those whose messages are in a file still: their own, or that of their host."""
    void = {source for _, source in scan.complete}
    for number, file in scan.files.items():
        if number not in void:
            segments[number] = file
    for (host, source), moves in scan.moves.items():
        if host in void or (host, source) not in scan.complete:
            continue
        for number, origin, place in moves:
            home = segments.get(number)
            if home is None:
                home = segments[number] = scan.files.get(number) or Segment(number)
                home.host = segments[host]
                segments[host].guests.add(number)
            home.origins.append(origin)
            home.places.append(place)
