"""What became of each message of `warren publish`, told in order as the broker answers.

Not here: sending them (`publish.py`).
"""

from __future__ import annotations

import json
import queue
import re
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import click

from warren.cli.failure import line_of, say
from warren.errors import ConfigurationError, Indeterminate, WarrenError
from warren.publishing import Receipt

__all__ = ["Results", "failure", "success"]

_SHOWN: Final = 20  # failures; the others are only counted, but for --json
_AHEAD: Final = 10_000  # results that may wait for a slow stdout

Answer = Future[Receipt] | WarrenError


class Results:
    """Writes results to stdout on a thread of its own, so that a reader that waits for the next line delays none.

    `on_settled` is called once a message is confirmed or has failed.
    """

    def __init__(self, *, as_json: bool, show_ids: bool, on_settled: Callable[[], None]) -> None:
        self.confirmed = 0
        self.failed = 0
        self.indeterminate = 0
        self._as_json = as_json
        self._show_ids = show_ids
        self._on_settled = on_settled
        self._answers: queue.Queue[tuple[int, Answer] | None] = queue.Queue(_AHEAD)
        self._broken: BaseException | None = None  # stdout is closed, or the broker refused us
        self._thread = threading.Thread(target=self._tell_all, name="warren-results", daemon=True)
        self._thread.start()

    @property
    def is_broken(self) -> bool:
        """Whether going on makes no sense."""
        return self._broken is not None

    def add(self, line: int, answer: Answer) -> None:
        """Tell of a message as soon as those before it are told of."""
        self._answers.put((line, answer))

    def finish(self) -> None:
        """Wait until all is told. Raises what made it stop: `BrokenPipeError`, or a `ConfigurationError`."""
        self._answers.put(None)
        self._thread.join()
        if self._broken is not None:
            raise self._broken

    def _tell_all(self) -> None:
        while (item := self._answers.get()) is not None:
            line, answer = item
            try:
                self._tell(line, answer)
            except (OSError, ConfigurationError) as error:
                self._broken = self._broken or error
            self._on_settled()

    def _tell(self, line: int, answer: Answer) -> None:
        if isinstance(answer, WarrenError):
            self._tell_failure(line, answer)
            return
        try:
            receipt = answer.result()
        except ConfigurationError:
            raise
        except WarrenError as error:
            self._tell_failure(line, error)
        else:
            self._tell_receipt(line, receipt)

    def _tell_receipt(self, line: int, receipt: Receipt) -> None:
        self.confirmed += 1
        if self._as_json:
            self._write(success(line, receipt))
        elif self._show_ids:
            self._write(receipt.message_id)

    def _tell_failure(self, line: int, error: WarrenError) -> None:
        if isinstance(error, Indeterminate):
            self.indeterminate += 1
        else:
            self.failed += 1
        if self._as_json:
            self._write(failure(line, error))
        elif self.failed + self.indeterminate <= _SHOWN:
            say(f"error: line {line}: {line_of(error)}")

    def _write(self, text: str) -> None:
        if self._broken is None:
            click.echo(text)


def success(line: int, receipt: Receipt) -> str:
    """Write a confirmed message as JSON."""
    told = {
        "line": line,
        "outcome": "confirmed",
        "message_id": receipt.message_id,
        "exchange": receipt.exchange,
        "routing_key": receipt.routing_key,
        "seconds": round(receipt.seconds, 6),
    }
    return json.dumps(told, ensure_ascii=False)


def failure(line: int, error: WarrenError) -> str:
    """Write a failed message as JSON."""
    outcome = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__).lower()
    return json.dumps({"line": line, "outcome": outcome, "error": line_of(error)}, ensure_ascii=False)
