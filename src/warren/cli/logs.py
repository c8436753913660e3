"""Where the log records of a command go: stderr, as text or JSON lines, written by a thread of its own.

Not here: the records (`observability/logs.py`).
"""

from __future__ import annotations

import atexit
import logging
import logging.handlers
import queue
import sys
from typing import Final

from warren.observability.events import EventBus
from warren.observability.logs import JsonFormatter, log_events

__all__ = ["LEVELS", "configure_logs", "log_to_stderr"]

LEVELS: Final = ("debug", "info", "warning", "error")
_WAITING: Final = 10_000  # records; more are dropped while stderr is not read
_TEXT: Final = "%(asctime)s %(levelname)-7s %(process)d %(message)s"


def log_to_stderr(*, level: str, form: str) -> None:
    """Send what is logged to stderr, unless the application has set up its own logging.

    Records are handed to a thread: events are logged on the I/O thread, which a stderr that nobody reads must not stop.
    """
    root = logging.getLogger()
    if root.handlers:
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if form == "json" else logging.Formatter(_TEXT))
    records: queue.Queue[logging.LogRecord] = queue.Queue(_WAITING)
    listener = logging.handlers.QueueListener(records, handler)
    root.addHandler(_Handover(records))
    root.setLevel(level.upper())
    if level != "debug":
        logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of every request
    listener.start()
    atexit.register(listener.stop)


def configure_logs(bus: EventBus, *, level: str, form: str) -> None:
    """Log the events of an application from `level` on."""
    log_to_stderr(level=level, form=form)
    logging.getLogger("warren").setLevel(level.upper())
    log_events(bus)


class _Handover(logging.handlers.QueueHandler):
    """Hands records over as they are, and drops them where too many wait."""

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        return record

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            super().enqueue(record)
        except queue.Full:
            pass  # said nowhere: there is nobody to read it
