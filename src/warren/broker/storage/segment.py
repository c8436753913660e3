"""A segment of the journal as the loop knows it: what lives in it, what is gone, and in which files it is.

Not here: reading and writing the files (`recovery.py`, `writer.py`), or when a file goes (`housekeeping.py`).
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path
from typing import Final, NamedTuple

from warren.broker.storage.records import OFFSET

__all__ = ["OVERHEAD", "Extent", "Segment", "extent_path", "facts_path", "parse_name"]

OVERHEAD: Final = 64
"""Bytes added to a body as the weight of a message, which is what shares of a segment are reckoned in."""

_NAME: Final = re.compile(r"([0-9]{10})(?:-([0-9]{10}))?\.(segment|facts)")


class Extent(NamedTuple):
    """A file with a segment, or with its part from `start`: a new one is begun when a file cannot be written on."""

    start: int
    path: Path


class Segment:
    """One segment. It stays known while its messages are in a file, be it that of a later segment they were moved to.

    `host` is the segment in whose file its messages are: itself, until they are moved.
    """

    __slots__ = (
        "about",
        "extents",
        "facts",
        "gone",
        "guests",
        "host",
        "live",
        "live_weight",
        "number",
        "origins",
        "places",
        "size",
        "weight",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.host = self
        # As a file:
        self.extents: list[Extent] = []
        self.size = 0  # bytes
        self.weight = 0  # of all messages ever written to it
        self.live: dict[int, int] = {}  # weight of the messages of each queue
        self.live_weight = 0
        self.about: set[int] = set()  # the segments whose messages are told of in its gone and facts
        self.guests: set[int] = set()  # the segments whose messages were moved here
        # As the home of messages, by offset:
        self.gone = array("I")
        self.facts = array("Q")  # as written: position, queue, deliveries or GONE, and so on
        self.origins = array("I")  # of messages that were moved, ascending
        self.places = array("I")  # where in the host each is

    def __repr__(self) -> str:
        return f"<Segment {self.number}, {self.live_weight} of {self.weight} live>"

    # -- places ----------------------------------------------------------------------------

    def place(self, position: int) -> int:
        """Return where in the host the message is."""
        offset = position & OFFSET
        if self.host is self:
            return offset
        return self.places[bisect_left(self.origins, offset)]

    def file_place(self, offset: int) -> tuple[Path, int]:
        """Return the file, and where in it, for an offset in the segment."""
        extents = self.extents
        index = len(extents) - 1
        while extents[index].start > offset:
            index -= 1
        return extents[index].path, offset - extents[index].start

    # -- weights ---------------------------------------------------------------------------

    def add(self, queues: Iterable[int], weight: int) -> None:
        """Count a message that was written for `queues`."""
        for queue in queues:
            self.live[queue] = self.live.get(queue, 0) + weight
            self.live_weight += weight
            self.weight += weight

    def settle(self, queue: int, weight: int) -> None:
        """Count a message that left a queue."""
        live = self.live
        if queue in live:
            self.live_weight -= weight
            left = live[queue] - weight
            if left:
                live[queue] = left
            else:
                del live[queue]

    def forget_queue(self, queue: int) -> None:
        """Count all messages of a queue as gone from it."""
        self.live_weight -= self.live.pop(queue, 0)


# -- names of files -----------------------------------------------------------------------


def extent_path(folder: Path, segment: int, start: int = 0) -> Path:
    return folder / (f"{segment:010}-{start:010}.segment" if start else f"{segment:010}.segment")


def facts_path(folder: Path, segment: int) -> Path:
    return folder / f"{segment:010}.facts"


def parse_name(path: Path) -> tuple[str, int, int] | None:
    """Return kind, segment and start of a file of the journal; None for any other file."""
    match = _NAME.fullmatch(path.name)
    return (match[3], int(match[1]), int(match[2] or 0)) if match else None
