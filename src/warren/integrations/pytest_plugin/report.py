"""A run in words, for the message of a failed test: queues, handlers, dead letters, errors, the last events.

Not here: what is told (`recorder.py`, `stage.py`).
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Sequence
from dataclasses import fields
from types import TracebackType
from typing import Final

from warren.integrations.pytest_plugin import recorder as recording
from warren.integrations.pytest_plugin.recorder import Recorder, Started
from warren.integrations.pytest_plugin.records import DeadLetter, HandlerError
from warren.integrations.pytest_plugin.stage import QueueDepth
from warren.observability.events import Event
from warren.topology.duration import format_duration

__all__ = ["report"]

_EVENTS: Final = 20
_LISTED: Final = 10
_QUIET: Final = frozenset({"Published", "Connected", "TopologyApplied", "WorkerStarted", "Subscribed"})


def report(depths: Sequence[QueueDepth], dead: Sequence[DeadLetter], recorder: Recorder, waiting: Sequence[str]) -> str:
    """Return what a reader of a failed test wants to know."""
    parts = [
        _section(f"queues after {_time(recorder.elapsed)}", _queues(depths)),
        _section("consumers that do not consume", waiting),
        _section("handlers running now", [_running(one) for one in list(recorder.running.values())]),
        _section("dead letters", map(str, dead)),
        _section(
            "publishes that failed", [f"{one.message!r}: {one.outcome}, {one.reason}" for one in recorder.refused]
        ),
        _section("handler errors", [_error(one) for one in recorder.errors]),
        _section("last events", [_event(at, event) for at, event in _told(recorder)[-_EVENTS:]], limit=_EVENTS),
        _traceback(recorder.errors),
    ]
    return "\n".join(part for part in parts if part)


def _section(title: str, lines: Iterable[str], *, limit: int = _LISTED) -> str:
    listed = list(lines)
    if not listed:
        return ""
    shown = listed if len(listed) <= limit else [*listed[:limit], f"… and {len(listed) - limit} more"]
    return "\n".join([f"{title}:", *(f"  {line}" for line in shown)])


def _queues(depths: Sequence[QueueDepth]) -> list[str]:
    width = max((len(one.name) for one in depths), default=0)
    return [
        f"{one.name:<{width}}  {one.ready} ready, {'?' if one.unacked is None else one.unacked} unacked, "
        f"{one.consumers} consumers"
        for one in depths
    ]


def _running(one: Started) -> str:
    return f"{one.delivery.queue}: {one.message!r}, for {time.monotonic() - one.since:.1f} s"


def _error(one: HandlerError) -> str:
    text = traceback.format_exception_only(one.error)[-1].strip()
    return f"{one.delivery.queue}, attempt {one.delivery.attempt} of {one.message!r}: {text}"


def _traceback(errors: Sequence[HandlerError]) -> str:
    """Return the last error as Python shows it, from the handler on."""
    if not errors:
        return ""
    last = errors[-1].error
    text = "".join(traceback.format_exception(type(last), last, _from_handler(last.__traceback__))).rstrip()
    return f"the last handler error:\n{text}"


def _from_handler(whole: TracebackType | None) -> TracebackType | None:
    """Leave out the worker and the recorder, which called the handler."""
    inside = whole
    while inside is not None:
        if inside.tb_frame.f_code.co_filename == recording.__file__:
            return inside.tb_next or whole
        inside = inside.tb_next
    return whole


def _told(recorder: Recorder) -> list[tuple[float, Event]]:
    return [(at, event) for at, event in list(recorder.events) if type(event).__name__ not in _QUIET]


def _event(at: float, event: Event) -> str:
    shown = ", ".join(f"{one.name}={getattr(event, one.name)!r}" for one in fields(event))
    return f"{_time(at)}  {type(event).__name__}({shown})"


def _time(seconds: float) -> str:
    return "0s" if seconds < 0.001 else format_duration(seconds)
