"""The headers that say why a message is dead, within a size budget.

Not here: the decision that it is (`retry.py`), or sending it there (`worker/settle.py`).
"""

from __future__ import annotations

import logging
import sysconfig
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import warren
from warren.contracts.headers import DEAD_PREFIX
from warren.contracts.properties import FieldValue, Headers
from warren.reliability.outcome import DeathReason

__all__ = [
    "ATTEMPTS",
    "CODE_VERSION",
    "CONSUMER",
    "DROPPED",
    "ERROR",
    "ERROR_TYPE",
    "EXCHANGE",
    "FINGERPRINT",
    "FIRST_FAILED_AT",
    "HOST",
    "LAST_FAILED_AT",
    "QUEUE",
    "REASON",
    "ROUTING_KEY",
    "STACK",
    "TRACE_ID",
    "Death",
    "Redact",
    "death_headers",
    "fingerprint",
    "fit",
    "text_of",
    "told_type",
]

REASON: Final = DEAD_PREFIX + "reason"
ERROR_TYPE: Final = DEAD_PREFIX + "error-type"
ERROR: Final = DEAD_PREFIX + "error"
STACK: Final = DEAD_PREFIX + "stack"
FINGERPRINT: Final = DEAD_PREFIX + "fingerprint"
FIRST_FAILED_AT: Final = DEAD_PREFIX + "first-failed-at"
LAST_FAILED_AT: Final = DEAD_PREFIX + "last-failed-at"
ATTEMPTS: Final = DEAD_PREFIX + "attempts"
EXCHANGE: Final = DEAD_PREFIX + "exchange"
ROUTING_KEY: Final = DEAD_PREFIX + "routing-key"
QUEUE: Final = DEAD_PREFIX + "queue"
CONSUMER: Final = DEAD_PREFIX + "consumer"
HOST: Final = DEAD_PREFIX + "host"
CODE_VERSION: Final = DEAD_PREFIX + "code-version"
TRACE_ID: Final = DEAD_PREFIX + "trace-id"
DROPPED: Final = DEAD_PREFIX + "dropped-headers"

MAX_ERROR: Final = 2_000
MAX_STACK: Final = 16_000
MAX_TYPE: Final = 200
_LIMITS: Final = {ERROR_TYPE: MAX_ERROR, ERROR: MAX_ERROR, STACK: MAX_STACK}
_LEAST_STACK: Final = 200
_MOST_DROPPED: Final = 50
RESERVE: Final = 20_000  # of a frame, for the other properties and what brokers add (x-death)

_log = logging.getLogger("warren.worker")

Redact = Callable[[dict[str, str]], Mapping[str, str]]
"""Gets error-type, error and stack by their header names; returns what may be written."""


@dataclass(frozen=True, slots=True)
class Death:
    """What is known when a message is given up. Times are in seconds since the epoch."""

    reason: DeathReason
    error: BaseException
    attempts: int
    first_failed_at: float
    last_failed_at: float
    exchange: str
    routing_key: str
    queue: str
    consumer: str
    host: str
    message_type: str = ""
    code_version: str | None = None
    trace_id: str | None = None


def death_headers(death: Death, *, redact: Redact | None = None) -> dict[str, FieldValue]:
    """Build the headers of a dead letter; `redact` may blank error type, text and stack."""
    error = death.error
    headers: dict[str, FieldValue] = {
        REASON: str(death.reason),
        **_texts(error, redact),
        FINGERPRINT: fingerprint(error, death.message_type),
        FIRST_FAILED_AT: int(death.first_failed_at * 1000),
        LAST_FAILED_AT: int(death.last_failed_at * 1000),
        ATTEMPTS: death.attempts,
        EXCHANGE: death.exchange,
        ROUTING_KEY: death.routing_key,
        QUEUE: death.queue,
        CONSUMER: death.consumer,
        HOST: death.host,
    }
    if death.code_version is not None:
        headers[CODE_VERSION] = death.code_version
    if death.trace_id is not None:
        headers[TRACE_ID] = death.trace_id
    return headers


def told_type(error: BaseException, redact: Redact | None) -> str:
    """Name an exception's class, as far as the redaction lets it through."""
    name = type_name(error) if redact is None else _texts(error, redact).get(ERROR_TYPE, "")
    return cut(name, MAX_TYPE)


def _texts(error: BaseException, redact: Redact | None) -> dict[str, str]:
    known = {
        ERROR_TYPE: type_name(error),
        ERROR: text_of(error),
        STACK: _stack_of(error),
    }
    texts = {name: cut(text, _LIMITS[name]) for name, text in known.items()}
    return texts if redact is None else _redacted(texts, redact)


def _redacted(texts: dict[str, str], redact: Redact) -> dict[str, str]:
    """Return what `redact` lets through. Where it fails nothing is: what it was to hide must not show."""
    try:
        allowed = redact(dict(texts))
        return {name: cut(str(allowed[name]), _LIMITS[name]) for name in texts if name in allowed}
    except Exception:
        _log.exception("the redaction of a dead letter failed; its error is left out")
        return dict.fromkeys(texts, "")


def text_of(error: BaseException) -> str:
    """Return an error's text, or its type's name where making the text fails in turn."""
    try:
        return str(error)
    except Exception:
        return f"{type_name(error)} (its text could not be made)"


def _stack_of(error: BaseException) -> str:
    """Return an error's stack. Printing some fails: a SyntaxError's whose line is no number, for one."""
    try:
        return "".join(traceback.format_exception(error))
    except Exception as failure:
        return f"(the stack could not be made: {type_name(failure)})"


def type_name(error: BaseException) -> str:
    """Name an exception's class, with its module unless built in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


# -- fingerprint --------------------------------------------------------------------------

# Not the whole prefix: applications live below /usr too.
_LIBRARIES: Final = tuple(
    {str(Path(path).resolve()) for name, path in sysconfig.get_paths().items() if name.endswith("lib")}
    | {str(Path(warren.__file__).resolve().parent)}
)


def fingerprint(error: BaseException, message_type: str = "") -> str:
    """Name a failure so that equal causes share a name: the error's type and where the application raised it.

    The place is the innermost frame outside the standard library, installed packages and Warren, as `file:function`
    without a line number, so that it outlives unrelated edits. A contract failure has no such frame: there it is
    the message type.
    """
    place = _application_frame(error.__traceback__) or message_type or "unknown"
    return f"{type(error).__name__}@{place}"


def _application_frame(trace: TracebackType | None) -> str:
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        path = Path(code.co_filename)
        if path.suffix == ".py" and not _is_library(path):
            place = f"{path.parent.name}/{path.name}:{code.co_qualname}"
        trace = trace.tb_next
    return place


def _is_library(path: Path) -> bool:
    text = str(path.resolve())
    if "site-packages" in text or "dist-packages" in text:
        return True
    return any(text.startswith(root + "/") for root in _LIBRARIES)


# -- the size budget ----------------------------------------------------------------------


def cut(text: str, limit: int) -> str:
    """Shorten text to at most `limit` bytes of UTF-8 by leaving out its middle: both ends tell most."""
    raw = text.encode("utf-8", "replace")
    if len(raw) <= limit:
        return raw.decode()
    note = f"\n… {len(raw) - limit:,} bytes left out …\n".encode()
    half = max(0, (limit - len(note)) // 2)
    head = raw[:half].decode("utf-8", "ignore")
    tail = raw[len(raw) - half :].decode("utf-8", "ignore")
    return head + note.decode() + tail


def fit(headers: Headers, *, own: Collection[str], frame_max: int) -> dict[str, FieldValue]:
    """Make headers fit one frame: at most `frame_max` - 20,000 bytes.

    The stack gives way first, then what the message brought, largest first; those names are kept in
    `x-warren-dead-dropped-headers`. The `own` headers, which Warren has just written, always stay.
    """
    budget = max(frame_max - RESERVE, frame_max // 2)
    fitted = dict(headers)
    excess = size_of(fitted) - budget
    if excess <= 0:
        return fitted
    stack = fitted.get(STACK)
    if isinstance(stack, str):
        length = len(stack.encode("utf-8", "surrogateescape"))
        fitted[STACK] = cut(stack, length - excess) if length - excess > _LEAST_STACK else ""
    return _drop_largest(fitted, size_of(fitted) - budget, own)


def _drop_largest(fitted: dict[str, FieldValue], excess: int, own: Collection[str]) -> dict[str, FieldValue]:
    """Drop what is not our own until `excess` bytes are gone, and what the list of dropped names takes."""
    sizes = {name: _entry_size(name, value) for name, value in fitted.items() if name not in own and name != DROPPED}
    names: list[FieldValue] = []
    for name in sorted(sizes, key=lambda name: -sizes[name]):
        if excess <= 0:
            break
        del fitted[name]
        excess -= sizes[name]
        if len(names) < _MOST_DROPPED:
            short = cut(name, 128)
            excess += _field_size(short) + (0 if names else _entry_size(DROPPED, []))
            names.append(short)
    if names:
        fitted[DROPPED] = names
    return fitted


def size_of(headers: Mapping[str, Any]) -> int:
    """Return the size in bytes of a field table on the wire (AMQP 0-9-1, section 4.2.5)."""
    return 4 + sum(_entry_size(name, value) for name, value in headers.items())


def _entry_size(name: str, value: Any) -> int:
    return 1 + len(name.encode("utf-8", "surrogateescape")) + _field_size(value)


def _field_size(value: Any) -> int:
    match value:
        case str():
            return 5 + len(value.encode("utf-8", "surrogateescape"))
        case bytes() | bytearray():
            return 5 + len(value)
        case Decimal():
            return 6
        case datetime() | int() | float() | None:
            return 9  # at most
        case Mapping():
            return 1 + size_of(value)
        case _:
            return 5 + sum(map(_field_size, value))
