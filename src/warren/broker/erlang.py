"""Erlang's text for values, as it stands in RabbitMQ's replies: of what it refuses, and of broken frames.

Not here: the replies (`replies.py`, `protocol/`).
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

__all__ = ["binary", "pretty_binary", "pretty_tuple", "term"]

_WIDTH: Final = 80
_ESCAPES: Final = {34: '\\"', 92: "\\\\", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r", 27: "\\e"}


# -- values of tables and of JSON -----------------------------------------------------------


def term(value: Any) -> str:
    """Return a value of an AMQP table or of JSON as the control sequence ~tp writes it."""
    match value:
        case None:
            return "undefined"
        case bool():
            return "true" if value else "false"
        case int():
            return str(int(value))
        case float():
            return repr(float(value))
        case str():
            return _quoted(value)
        case bytes():
            return _quoted(value.decode("utf-8", "surrogateescape"))
        case Decimal():
            sign, digits, exponent = value.as_tuple()
            return f"{{{-int(exponent)},{'-' if sign else ''}{int(''.join(map(str, digits)))}}}"
        case Mapping():
            pairs = ",".join(f"{term(name)} => {term(one)}" for name, one in value.items())
            return f"#{{{pairs}}}"
        case _:
            return f"[{','.join(map(term, value))}]"


def _quoted(text: str) -> str:
    if not text:
        return "<<>>"
    if not text.isprintable():
        return binary(text.encode("utf-8", "surrogateescape"))
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'<<"{quoted}">>' if text.isascii() else f'<<"{quoted}"/utf8>>'


# -- bytes ----------------------------------------------------------------------------------


def binary(raw: bytes) -> str:
    """Return `raw` as the control sequence ~w writes it."""
    return f"<<{','.join(map(str, raw))}>>"


def pretty_binary(raw: bytes, *, column: int) -> str:
    """Return a short `raw` as ~p writes it from `column` on: as text if it is text, else broken at the line width."""
    readable = _text(raw)
    if readable is not None:
        return f"<<{readable}>>"
    text, used = "<<", column + 2
    for place, octet in enumerate(raw):
        item = f"{octet}{',' if place < len(raw) - 1 else '>>'}"
        if used + len(item) > _WIDTH:
            text, used = f"{text}\n{' ' * (column + 2)}", column + 2
        text, used = text + item, used + len(item)
    return text if raw else "<<>>"


def _text(raw: bytes) -> str | None:
    """Return `raw` in quotes if it is text of the Latin-1 characters, in UTF-8 or as they are."""
    for encoding, suffix in (("ascii", ""), ("utf-8", "/utf8"), ("latin-1", "")):
        try:
            characters = [ord(character) for character in raw.decode(encoding)]
        except UnicodeDecodeError:
            continue
        if raw and all(32 <= code < 127 or 160 <= code < 256 or code in _ESCAPES for code in characters):
            return f'"{"".join(_ESCAPES.get(code, chr(code)) for code in characters)}"{suffix}'
    return None


def pretty_tuple(items: tuple[str, ...], *, column: int) -> str:
    """Return a tuple as ~p writes it from `column` on: in one line if it fits, else one line an item."""
    line = f"{{{','.join(items)}}}"
    if column + len(line) < _WIDTH - 1:
        return line
    between = ",\n" + " " * (column + 1)
    return f"{{{between.join(items)}}}"
