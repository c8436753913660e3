"""Errors as answers: a status, a Retry-After, and a body of application/problem+json (RFC 9457).

Not here: where they are raised. Nothing of an error's own text is told to clients: it may name hosts and queues.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from warren.errors import (
    Blocked,
    BrokerUnavailable,
    ConfigurationError,
    Indeterminate,
    MessageTooLarge,
    Nacked,
    PublishError,
    PublishManyError,
    StoreUnavailable,
    Unroutable,
)

__all__ = ["Problem", "Refused", "WorkIndeterminate", "answer_errors", "problem_of"]

_log = logging.getLogger("warren.fastapi")


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One kind of answer. `retry_after` is in seconds; None: the application's, 0: to ask again cannot help."""

    status: int
    kind: str
    title: str
    detail: str
    may_have_been_stored: bool | None = None
    retry_after: int | None = 0
    work_id: str = ""
    status_url: str = ""

    def response(self, retry_after: int) -> JSONResponse:
        """Build the answer; `retry_after` is the application's."""
        body: dict[str, Any] = {
            "type": f"urn:warren:problem:{self.kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.may_have_been_stored is not None:
            body["may_have_been_stored"] = self.may_have_been_stored
        if self.work_id:
            body |= {"id": self.work_id, "status_url": self.status_url}
        seconds = retry_after if self.retry_after is None else self.retry_after
        headers = {"Retry-After": str(seconds)} if seconds else {}
        return JSONResponse(body, self.status, headers, media_type="application/problem+json")


class Refused(Exception):
    """A request that is answered with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.title)
        self.problem = problem


class WorkIndeterminate(Indeterminate):
    """Offloaded work whose message may or may not have been stored; its status stays."""

    def __init__(self, cause: PublishError, work_id: str, status_url: str) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.work_id = work_id
        self.status_url = status_url


_LATER: Final = "Try again after the time in Retry-After."

_PROBLEMS: Final[tuple[tuple[type[Exception], Problem], ...]] = (
    (
        Blocked,
        Problem(
            status=503,
            kind="broker-not-reached",
            title="The message was not sent",
            detail=f"The broker is not there, or takes nothing at present. Nothing was stored. {_LATER}",
            may_have_been_stored=False,
            retry_after=None,
        ),
    ),
    (
        Indeterminate,
        Problem(
            status=503,
            kind="not-confirmed",
            title="The message was not confirmed",
            detail="The message was sent, and the broker did not confirm it in time: it may or may not have been "
            f"stored. {_LATER} A request with an Idempotency-Key is then taken as the same one.",
            may_have_been_stored=True,
            retry_after=None,
        ),
    ),
    (
        Nacked,
        Problem(
            status=503,
            kind="message-refused",
            title="The message was refused",
            detail="The broker refused the message, as where a queue is full. Where it goes to several queues, the "
            f"others may have it. {_LATER} A request with an Idempotency-Key is then taken as the same one.",
            may_have_been_stored=True,
            retry_after=None,
        ),
    ),
    (
        BrokerUnavailable,
        Problem(
            status=503,
            kind="broker-not-reached",
            title="The broker is not there",
            detail=f"No broker answers at present. Nothing was stored. {_LATER}",
            may_have_been_stored=False,
            retry_after=None,
        ),
    ),
    (
        StoreUnavailable,
        Problem(
            status=503,
            kind="store-not-reached",
            title="The store is not there",
            detail=f"The store of statuses does not answer at present. {_LATER}",
            may_have_been_stored=False,
            retry_after=None,
        ),
    ),
    (
        PublishManyError,
        Problem(
            status=503,
            kind="partly-published",
            title="Some messages were not confirmed",
            detail=f"Of several messages some were stored and some were not. {_LATER}",
            may_have_been_stored=True,
            retry_after=None,
        ),
    ),
    (
        MessageTooLarge,
        Problem(
            status=413,
            kind="message-too-large",
            title="The message is too large",
            detail="What was sent makes a message that is larger than messages may be.",
            may_have_been_stored=False,
        ),
    ),
    (
        Unroutable,
        Problem(
            status=500,
            kind="misconfigured",
            title="The message has no receiver",
            detail="No queue receives such messages. Nothing was stored. The service has to be set up first.",
            may_have_been_stored=False,
        ),
    ),
)

_OTHER: Final = Problem(
    status=500,
    kind="misconfigured",
    title="The service is misconfigured",
    detail="The service cannot do this before its settings are changed; its log says which.",
)


def problem_of(error: Exception) -> Problem:
    """Return the answer to an error of Warren's."""
    if isinstance(error, Refused):
        return error.problem
    if isinstance(error, WorkIndeterminate):
        return replace(problem_of(error.cause), work_id=error.work_id, status_url=error.status_url)
    for kind, problem in _PROBLEMS:
        if isinstance(error, kind):
            return problem
    return _OTHER


def answer_errors(api: FastAPI, *, retry_after: int) -> None:
    """Answer Warren's errors wherever an endpoint raises them. `retry_after` is in seconds."""

    async def answer(request: Request, error: Exception) -> JSONResponse:
        problem = problem_of(error)
        if problem.status == 503:
            _log.warning("%s %s: 503, %s: %s", request.method, request.scope["path"], type(error).__name__, error)
        elif problem.status >= 500:
            _log.error("%s %s: %d", request.method, request.scope["path"], problem.status, exc_info=error)
        return problem.response(retry_after)

    for kind in (PublishError, BrokerUnavailable, StoreUnavailable, ConfigurationError, Refused):
        api.add_exception_handler(kind, answer)
