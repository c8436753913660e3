"""What a script observed, as lines of text in which whatever a broker makes up is replaced by a symbol.

Not here: comparing two transcripts (comparison.py).

Per connection and channel there are three streams, since AMQP orders nothing across them: answers (with the methods
they answer), deliveries, and what a publisher is told. Acknowledgements that arrive together are sorted and counted
out one by one: how many a broker packs into one frame is its own affair. So is the order of the mechanisms it offers:
RabbitMQ reads them from an unordered table, and one node names them in another order than the next.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tests.differential.raw.values import Typed

__all__ = ["FAILED", "Symbols", "Transcript", "told"]

FAILED = "!!"  # Begins what can never be right: an answer that did not come, a delivery after cancel-ok.

_MADE_UP = re.compile(
    r"(?P<stem>amq\.gen-|amq\.ctag-)[A-Za-z0-9_-]{22}"
    r"|(?P<reply>amq\.rabbitmq\.reply-to\.)[^'\"\s,}]+"
    r"|(?P<process><)\d+\.\d+\.\d+>"
)
_LEFT_OUT = {"server_properties": {"capabilities"}}  # Of these tables only these keys are compared.


class Symbols:
    """Numbers the names a broker makes up in the order they appear: amq.gen-1, amq.gen-2, …"""

    def __init__(self, vhost: str) -> None:
        self._vhost = vhost
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        return _MADE_UP.sub(self._symbol, text).replace(self._vhost, "VHOST")

    def _symbol(self, found: re.Match[str]) -> str:
        name, stem = found.group(), found.group(str(found.lastgroup))
        if name not in self._known:
            self._known[name] = f"{stem}{1 + sum(symbol.startswith(stem) for symbol in self._known.values())}"
        return self._known[name]


def told(name: str, values: dict[str, Any]) -> str:
    """Return a method with its fields, the reserved ones left out, as one line."""
    shown = (f"{key}={_shown(key, value)}" for key, value in values.items() if not key.startswith("reserved"))
    return " ".join((name, *shown))


def _shown(key: str, value: Any) -> str:
    if key in _LEFT_OUT:
        value = Typed("F", {name: entry for name, entry in value.value.items() if name in _LEFT_OUT[key]})
    if key == "mechanisms":
        value = " ".join(sorted(value.split(" ")))
    return repr(_without_times(value))


def _without_times(value: Any) -> Any:
    match value:
        case Typed(tag="F" | "A" as tag, value=content):
            return Typed(tag, _without_times(content))
        case Typed(tag="T", value=int(time)) if time > 1_600_000_000:
            return Typed("T", "now")
        case dict():
            return {key: _without_times(entry) for key, entry in value.items()}
        case list():
            return [_without_times(entry) for entry in value]
    return value


class Transcript:
    """The lines of every stream, in the order the streams were first used."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self._streams: dict[str, list[str]] = {}

    def add(self, stream: str, line: str) -> None:
        self._streams.setdefault(stream, []).append(self._symbols(line))

    def lines(self) -> list[str]:
        return [f"{name} {line}" for name, lines in sorted(self._streams.items()) for line in _counted_out(lines)]


def _counted_out(lines: Iterable[str]) -> list[str]:
    ordered: list[str] = []
    run: list[tuple[int, str]] = []
    for line in (*lines, ""):
        confirmed = re.fullmatch(r"basic\.n?ack (\d+)", line)
        if confirmed:
            run.append((int(confirmed.group(1)), line))
            continue
        ordered += [told for _, told in sorted(run)]
        run = []
        ordered.append(line)
    return ordered[:-1]
