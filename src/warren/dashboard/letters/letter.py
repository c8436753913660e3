"""One message as its page shows it, without its secrets: all that it tells, and a line of JSON for an export.

Not here: finding it (`dead_letters.py`), and what is hidden of it (`masking.py`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final, final

from warren.claim_check.reference import is_reference
from warren.contracts.headers import OWN_PREFIX
from warren.contracts.properties import FieldValue
from warren.dashboard.changes.choice import key_of
from warren.dashboard.letters.journey import Step, journey_of
from warren.dashboard.letters.masking import HIDDEN, Masking
from warren.dashboard.letters.seen import Stage, is_settled
from warren.dashboard.letters.shown import ShownBody, show_body
from warren.operations.lease import Held
from warren.operations.message import Described, describe
from warren.operations.plain import as_plain
from warren.reliability import dead_letter

__all__ = ["Header", "Letter", "Sought", "export_line", "letter_of"]

_ADDED: Final = (OWN_PREFIX, "x-death", "x-first-death-", "x-last-death-", "x-delivery-count", "x-acquired-count")
_LONGEST: Final = 20_000  # characters of a header


@final
@dataclass(frozen=True, slots=True)
class Header:
    """A header as text, with the AMQP type of its value. `is_added` says that it is not its publisher's own."""

    name: str
    type: str
    text: str
    is_hidden: bool = False

    @property
    def is_added(self) -> bool:
        return self.name.startswith(_ADDED)


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message, its secrets hidden. `told` has everything but the body; `headers` are all but the stack.

    `hidden` are the names of the fields that are hidden in the body.
    """

    key: str
    queue: str
    told: Described
    body: ShownBody
    properties: tuple[tuple[str, str], ...]
    headers: tuple[Header, ...]
    journey: tuple[Step, ...]
    hidden: tuple[str, ...] = ()
    is_claim: bool = False


@final
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sought:
    """A search for one message of a queue, as far as it has come; replaced by a newer one, never changed.

    `letter` is what was found, and stays when it `is_gone` meanwhile. The rest is as in a `Look`.
    """

    stage: Stage
    reach: int
    depth: int | None = None
    letter: Letter | None = None
    is_gone: bool = False
    total: int = 0
    looked: int = 0
    question: str = ""
    stopped: str = ""
    problem: str = ""
    ended_at: float | None = None
    took: float = 0.0

    @property
    def is_settled(self) -> bool:
        """Whether it can be read as it is."""
        return is_settled(self.stage, self.ended_at, self.took)


def letter_of(queue: str, held: Held, masking: Masking) -> Letter:
    """Read a message, whatever it holds."""
    masked = masking.mask(held)
    told = describe(masked)
    fields = masking.secret_fields(held.properties.type) if masked.body != held.body else frozenset()
    return Letter(
        key=key_of(held),
        queue=queue,
        told=replace(told, body=b""),
        body=replace(show_body(masked.body, masked.properties.content_encoding), size=len(held.body)),
        properties=_properties_of(told),
        headers=_headers_of(told),
        journey=journey_of(told),
        hidden=tuple(sorted(fields)),
        is_claim=is_reference(held.properties),
    )


def export_line(queue: str, held: Held, masking: Masking, *, now: float) -> bytes:
    """Write a message as a line of JSON for reading: nothing brings it back from that."""
    told = describe(masking.mask(held)).as_json(now=now, full=True)
    line = json.dumps({"queue": queue, "key": key_of(held), **told}, ensure_ascii=False, default=str)
    return line.encode("utf-8", "replace") + b"\n"


def _properties_of(told: Described) -> tuple[tuple[str, str], ...]:
    own = told.properties._asdict()
    del own["headers"]
    return tuple((name, _text(value)) for name, value in own.items() if value is not None)


def _headers_of(told: Described) -> tuple[Header, ...]:
    return tuple(
        Header(str(as_plain(name)), _type_of(value), _text(value), is_hidden=value == HIDDEN)
        for name, value in sorted(told.properties.headers.items())
        if name != dead_letter.STACK
    )


def _text(value: Any) -> str:
    plain = as_plain(value)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, indent=2)
    readable = text.encode("utf-8", "replace").decode()
    return readable if len(readable) <= _LONGEST else readable[: _LONGEST - 1] + "…"


def _type_of(value: FieldValue) -> str:
    match value:
        case None:
            return "void"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float() | Decimal():
            return "number"
        case str() | bytearray():
            return "text"
        case bytes():
            return "bytes"
        case dict():
            return "table"
        case list():
            return "array"
        case _:
            return "time"
