"""Keys, out of the bytes a terminal sends for them.

Not here: reading the terminal (`terminal.py`), and what a key does (`state.py`).
"""

from __future__ import annotations

import enum
import re
from typing import Final

__all__ = ["Key", "decode_keys"]


class Key(enum.Enum):
    """What a key means here. Several keys may mean the same."""

    QUIT = "q"
    SORT = "s"
    PAUSE = "p"
    UP = "up"
    DOWN = "down"
    FIRST = "home"
    LAST = "end"
    PAGE_UP = "page up"
    PAGE_DOWN = "page down"
    ENTER = "enter"
    BACK = "escape"
    HELP = "?"


_NAMES: Final = {
    b"q": Key.QUIT,
    b"Q": Key.QUIT,
    b"s": Key.SORT,
    b"S": Key.SORT,
    b"p": Key.PAUSE,
    b"P": Key.PAUSE,
    b" ": Key.PAUSE,
    b"k": Key.UP,
    b"j": Key.DOWN,
    b"g": Key.FIRST,
    b"G": Key.LAST,
    b"\r": Key.ENTER,
    b"\n": Key.ENTER,
    b"?": Key.HELP,
    b"h": Key.HELP,
    b"\x1b": Key.BACK,
    b"\x7f": Key.BACK,
    b"\x08": Key.BACK,
    b"\x1b[A": Key.UP,
    b"\x1b[B": Key.DOWN,
    b"\x1bOA": Key.UP,
    b"\x1bOB": Key.DOWN,
    b"\x1b[H": Key.FIRST,
    b"\x1b[F": Key.LAST,
    b"\x1b[1~": Key.FIRST,
    b"\x1b[4~": Key.LAST,
    b"\x1bOH": Key.FIRST,
    b"\x1bOF": Key.LAST,
    b"\x1b[5~": Key.PAGE_UP,
    b"\x1b[6~": Key.PAGE_DOWN,
}

# ECMA-48: CSI is followed by parameters, intermediates and one final byte; SS3 by one byte.
_SEQUENCE: Final = re.compile(rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1bO[ -~]|\x1b|[^\x1b]", re.S)


def decode_keys(data: bytes) -> list[Key]:
    """Return the keys that were pressed; what stands for none of ours is left out."""
    return [key for sequence in _SEQUENCE.findall(data) if (key := _NAMES.get(sequence)) is not None]
