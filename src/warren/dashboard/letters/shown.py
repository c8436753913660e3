"""A body as a page shows it: indented JSON, text, or bytes in hexadecimal; and where a text is found in it.

Not here: what is hidden of it (`masking.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final, NamedTuple, final

from warren.operations.body import BodyKind, read_body

__all__ = ["MOST_FOUND", "Part", "ShownBody", "parts_of", "show_body"]

LONGEST: Final = 200_000  # characters
_MOST_BYTES: Final = 4_096  # of what is no text
MOST_FOUND: Final = 1_000
_A_ROW: Final = 16


@final
@dataclass(frozen=True, slots=True)
class ShownBody:
    """A body for reading. `size` is in bytes, of all of it; `is_cut` says that `text` is not all of it.

    `is_rounded` says that a number in it has more digits than are shown.
    """

    kind: BodyKind
    text: str
    size: int
    is_cut: bool = False
    is_rounded: bool = False


class Part(NamedTuple):
    """A piece of text, and whether it is what was looked for."""

    text: str
    is_found: bool


def show_body(body: bytes, content_encoding: str | None = None) -> ShownBody:
    """Make a body readable; never raises, whatever it holds."""
    kind, value = read_body(body, content_encoding)
    match kind:
        case BodyKind.BINARY:
            return ShownBody(kind, _hexadecimal(value[:_MOST_BYTES]), len(body), is_cut=len(value) > _MOST_BYTES)
        case BodyKind.TEXT:
            return _cut(kind, value, len(body))
        case BodyKind.JSON:
            return _show_json(body, value)


def parts_of(text: str, wanted: str) -> list[Part]:
    """Split a text where `wanted` is found in it, in upper or lower case: at most 1,000 times."""
    if not wanted:
        return [Part(text, False)]
    folded, searched = _lower(text), _lower(wanted)
    ends, at = [0], folded.find(searched)
    while at >= 0 and len(ends) < 2 * MOST_FOUND:
        ends += [at, at + len(wanted)]
        at = folded.find(searched, at + len(wanted))
    ends.append(len(text))
    found = [Part(text[start:end], index % 2 == 1) for index, (start, end) in enumerate(pairwise(ends))]
    return [part for part in found if part.text]


def _lower(text: str) -> str:
    """Lower case, letter by letter: places in it are places in the text, which `str.lower` does not promise."""
    return "".join(low if len(low := each.lower()) == 1 else each for each in text)


def _show_json(body: bytes, value: Any) -> ShownBody:
    try:
        pretty = json.dumps(value, ensure_ascii=False, indent=2)
        is_same = json.loads(pretty, parse_float=Decimal) == json.loads(body, parse_float=Decimal)
    except (ValueError, RecursionError):
        return _cut(BodyKind.TEXT, body.decode("utf-8", "replace"), len(body))
    return _cut(BodyKind.JSON, pretty, len(body), is_rounded=not is_same)


def _cut(kind: BodyKind, text: str, size: int, *, is_rounded: bool = False) -> ShownBody:
    readable = text[:LONGEST].encode("utf-8", "replace").decode()  # JSON may hold halves of characters
    return ShownBody(kind, readable, size, is_cut=len(text) > LONGEST, is_rounded=is_rounded)


def _hexadecimal(data: bytes) -> str:
    rows = (data[start : start + _A_ROW] for start in range(0, len(data), _A_ROW))
    return "\n".join(f"{index * _A_ROW:08x}  {row.hex(' '):<47}  {_as_text(row)}" for index, row in enumerate(rows))


def _as_text(row: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in row)
