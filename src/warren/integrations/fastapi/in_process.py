"""The application's consumers in the web service's own process, on threads of their own.

Not here: the worker (`warren/worker/worker.py`); `warren run` gives it processes of its own.
"""

from __future__ import annotations

import logging
import threading

from warren.app import Warren
from warren.worker.worker import Worker

__all__ = ["InProcessWorker"]

_log = logging.getLogger("warren.fastapi")


class InProcessWorker:
    """Starts without waiting for the broker, and stops as a worker does. `start` and `stop` block: not for a loop."""

    def __init__(self, app: Warren) -> None:
        self._app = app
        self._worker: Worker | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to consume once the broker is there."""
        worker = self._worker = self._app.worker()
        self._thread = threading.Thread(
            target=self._run, args=(worker,), name=f"{self._app.name}-in-process", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Finish what is in flight within the grace time, and close."""
        worker, thread = self._worker, self._thread
        if worker is not None and thread is not None:
            worker.stop("the web service stops")
            thread.join()

    @property
    def is_alive(self) -> bool:
        """Whether it works, or still tries to begin. One that ended needs a new process."""
        return self._thread is None or self._thread.is_alive()

    @property
    def reason(self) -> str:
        """Why it is not ready; empty where it is."""
        if self._worker is None or not self.is_alive:
            return "the consumers have ended"
        health = self._worker.health()
        if health.ready:
            return ""
        waiting = [consumer.name for consumer in health.consumers if consumer.state != "subscribed"]
        return f"not consuming: {', '.join(waiting) or 'not started'}"

    def _run(self, worker: Worker) -> None:
        try:
            worker.start()
        except Exception:
            _log.exception("the consumers of %s did not start", self._app.name)
            worker.close()
            return
        worker.wait()
