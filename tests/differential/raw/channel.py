"""One channel of a raw connection: sends methods, awaits answers, and files what arrives by stream.

Not here: the short words of the scenarios (script.py), bytes (connection.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.differential.raw.methods import BY_NAME, Method
from tests.differential.raw.values import Reader, decode_properties
from tests.differential.raw.words import Words
from tests.differential.transcript import FAILED, told

if TYPE_CHECKING:
    from tests.differential.raw.connection import Connection

__all__ = ["Channel", "Received"]


class Received:
    """A method that arrived, with its fields as attributes, and its content if it carries one."""

    def __init__(self, name: str, fields: dict[str, Any]) -> None:
        self.name = name
        self.fields = fields
        self.properties: dict[str, Any] = {}
        self.size = 0
        self.frames: list[bytes] = []

    def __getattr__(self, field: str) -> Any:
        try:
            return self.fields[field]
        except KeyError:
            raise AttributeError(f"{self.name} has no {field}") from None

    @property
    def body(self) -> bytes:
        return b"".join(self.frames)

    def __str__(self) -> str:
        line = told(self.name, self.fields)
        if not self.has_content:
            return line
        body = self.body
        shown = repr(body) if len(body) <= 100 else f"{len(body)} bytes from {body[:8]!r} to {body[-8:]!r}"
        sizes = "" if len(self.frames) < 2 else f" in frames of {[len(frame) for frame in self.frames]}"
        return f"{line} | {told('', self.properties).strip()} | {shown}{sizes}"

    @property
    def has_content(self) -> bool:
        return BY_NAME[self.name].has_content


class Channel(Words):
    """Channel `number` of a connection."""

    def __init__(self, connection: Connection, number: int) -> None:
        self.connection = connection
        self.number = number
        self.is_closed = False
        self.was_answered = False
        self.deliveries: list[Received] = []
        self.answers: list[Received] = []
        self.last: Received | None = None
        self.events: list[Received] = []  # All that came unasked, but for confirms.
        self.confirmed_tags: list[str] = []  # "basic.ack 1"
        self.closed_with: Received | None = None
        self.to_publisher = 0
        self.cancels = 0
        self.is_silent = False  # Set while polling, for example: then answers are not written down.
        self._awaited: tuple[str, ...] = ()
        self._incomplete: Received | None = None
        self._published = 0  # Counted only once the channel is in confirm mode.
        self._unconfirmed: set[int] | None = None
        self._consumers: set[str] = set()
        self._taken = {"deliveries": 0, "to_publisher": 0, "cancels": 0}

    @property
    def stream(self) -> str:
        return f"{self.connection.name}.{self.number}"

    @property
    def is_usable(self) -> bool:
        return not (self.is_closed or self.connection.is_ended or self.connection.zero.is_closed)

    def note(self, line: str) -> None:
        self.connection.transcript.add(self.stream, line)

    # -- sending --------------------------------------------------------------------------

    def send(self, method: str, *positional: Any, shown: str | None = None, **values: Any) -> None:
        """Send a method and wait for nothing."""
        arguments = dict(zip(BY_NAME[method].arguments, positional, strict=False)) | values
        if not self.is_silent:
            self.note(f"> {method} {shown}" if shown is not None else f"> {told(method, arguments)}")
        if method == "basic.consume" and arguments.get("nowait"):
            self._consumers.add(arguments.get("consumer_tag", ""))
        if method == "confirm.select" and self._unconfirmed is None:
            self._unconfirmed = set()
        self.connection.send_method(self.number, method, arguments)

    def call(self, method: str, *positional: Any, **values: Any) -> Received | None:
        """Send a method and wait for what answers it, unless `nowait` is set; None when a close came instead.

        On a channel whose close has been seen nothing is sent: it would depend on the close-ok what becomes of it.
        """
        if not self.is_usable:
            return None
        self.send(method, *positional, **values)
        if values.get("nowait"):
            return None
        return self.awaits(*BY_NAME[method].replies)

    def awaits(self, *methods: str) -> Received | None:
        """Wait for one of `methods`, or for the end of the channel or the connection."""
        self._awaited = methods
        done = self.connection.pump(lambda: bool(self.answers) or not self.is_usable)
        self._awaited = ()
        if self.answers:
            self.last = self.answers.pop(0)
            return self.last
        if not done and not self.connection.is_ended:
            self.note(f"{FAILED} no answer of {' or '.join(methods)}")
        return None

    def publish_content(self, values: dict[str, Any], properties: dict[str, Any], body: bytes) -> None:
        if self._unconfirmed is not None:
            self._published += 1
            self._unconfirmed.add(self._published)
        size = f"{body!r}" if len(body) <= 100 else f"{len(body)} bytes"
        self.note(f"> {told('basic.publish', values)} | {told('', properties).strip()} | {size}")
        self.connection.send_method(self.number, "basic.publish", values)
        self.connection.send_header(self.number, len(body), properties)
        self.connection.send_body(self.number, body)

    # -- waiting --------------------------------------------------------------------------

    def wait_for(self, kind: str, count: int) -> None:
        """Wait until `count` more of "deliveries", "to_publisher" or "cancels" have come since the last wait."""
        self._taken[kind] += count
        wanted = self._taken[kind]
        if not self.connection.pump(lambda: self._count(kind) >= wanted or not self.is_usable) or (
            self._count(kind) < wanted
        ):
            self.note(f"{FAILED} waited in vain for {kind} {wanted}, there were {self._count(kind)}")

    def _count(self, kind: str) -> int:
        return len(self.deliveries) if kind == "deliveries" else getattr(self, kind)

    def closed(self) -> None:
        """Wait until the broker closes the channel or the connection."""
        if not self.connection.pump(lambda: not self.is_usable):
            self.note(f"{FAILED} the broker closed nothing")

    def silently(self, method: str, *positional: Any, **values: Any) -> Received | None:
        """Call a method that leaves no line behind, for polling; what closes the channel does leave one."""
        self.is_silent = True
        try:
            return self.call(method, *positional, **values)
        finally:
            self.is_silent = False

    def flush(self) -> None:
        """Wait until the broker has worked off what was sent on this channel."""
        self.silently("exchange.declare", "amq.direct", "direct", passive=True)

    # -- receiving ------------------------------------------------------------------------

    def receive(self, method: Method, fields: dict[str, Any]) -> None:
        received = Received(method.name, fields)
        if self._incomplete is not None:
            self.note(f"{FAILED} {method.name} amid the content of {self._incomplete.name}")
        if method.has_content:
            self._incomplete = received
        else:
            self._file(received)

    def receive_header(self, reader: Reader) -> None:
        if self._incomplete is None:
            self.note(f"{FAILED} a content header that belongs to nothing")
            return
        reader.number(">I")  # Class and weight.
        self._incomplete.size = reader.number(">Q")
        self._incomplete.properties = decode_properties(reader)
        self._complete()

    def receive_body(self, payload: bytes) -> None:
        if self._incomplete is None:
            self.note(f"{FAILED} a body that belongs to nothing")
            return
        self._incomplete.frames.append(payload)
        self._complete()

    def _complete(self) -> None:
        received = self._incomplete
        if received is not None and sum(map(len, received.frames)) >= received.size:
            self._incomplete = None
            self._file(received)

    def _file(self, received: Received) -> None:
        """Put what arrived where it belongs: the deliveries, the publisher's stream, or the answers."""
        write = self.connection.transcript.add
        if received.name in ("basic.deliver", "basic.return", "basic.cancel"):
            self.events.append(received)
        match received.name:
            case "basic.deliver":
                known = received.consumer_tag in self._consumers
                self.deliveries.append(received)
                write(f"{self.stream} deliveries", f"{received}" + ("" if known else f" {FAILED} no such consumer"))
            case "basic.return":
                self.to_publisher += 1
                write(f"{self.stream} publisher", str(received))
            case "basic.ack" | "basic.nack":
                self._confirmed(received)
            case "basic.cancel":
                self.cancels += 1
                self._consumers.discard(received.consumer_tag)
                write(f"{self.stream} deliveries", str(received))
            case _:
                self._answered(received)

    def _confirmed(self, received: Received) -> None:
        outstanding, tag = self._unconfirmed or set(), received.delivery_tag
        confirmed = {each for each in outstanding if each <= tag or tag == 0} if received.multiple else {tag}
        for each in sorted(confirmed):
            mark = "" if each in outstanding else f" {FAILED} confirmed twice or never published"
            self.connection.transcript.add(f"{self.stream} publisher", f"{received.name} {each}{mark}")
            self.confirmed_tags.append(f"{received.name} {each}{mark}")
        outstanding -= confirmed
        self.to_publisher += len(confirmed)

    def _answered(self, received: Received) -> None:
        self.was_answered = True
        closes = received.name in ("channel.close", "connection.close")
        if not self.is_silent or closes:
            self.note(str(received))
        if received.name == "basic.consume-ok":
            self._consumers.add(received.consumer_tag)
        elif received.name == "basic.cancel-ok":
            self._consumers.discard(received.consumer_tag)
        elif received.name.endswith(".close-ok") or closes:
            self.is_closed = True
            self.closed_with = received if closes else None
        if closes and self.connection.answers_close:
            self.connection.was_closed |= received.name == "connection.close"
            self.connection.send_method(self.number, f"{received.name}-ok")
        if received.name in self._awaited:
            self.answers.append(received)
