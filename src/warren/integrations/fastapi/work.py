"""Offloading: 202 Accepted once the message is confirmed, and the resource that tells what becomes of it.

Not here: the statuses and what may overwrite what (`warren/reliability/work.py`), who does the work (`warren/worker/`).

Theory of operation. The status "accepted" is stored before the message is published, under one id for both. A publish
that surely failed takes the status back. One that is indeterminate leaves it, free to be published again under the same
id; so does one that a queue refused, since other queues may have the message. So nobody is answered 202 whose message
is not confirmed, and no message is confirmed that has no status. A request that names an Idempotency-Key has its id
from that: it is published again only where it is not known to be confirmed.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import re
import time
import uuid
from collections.abc import Coroutine, Iterable
from typing import Any, Final, TypedDict, Unpack, cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from starlette.applications import Starlette
from starlette.routing import NoMatchFound, Router

from warren.contracts.headers import OWN_PREFIX, WORK_ACCEPTED_AT, WORK_KEPT, OwnHeaders
from warren.contracts.message import Message
from warren.contracts.properties import EMPTY_HEADERS, Headers
from warren.errors import ConfigurationError, Indeterminate, Nacked
from warren.integrations.fastapi.asking import AsyncStore
from warren.integrations.fastapi.bodies import WorkBody
from warren.integrations.fastapi.problems import Problem, Refused, WorkIndeterminate
from warren.integrations.fastapi.publishers import Publishers, RequestPublisher
from warren.publish_core import PublishOptions
from warren.reliability.work import (
    Acceptance,
    Known,
    Mark,
    Proposal,
    Underway,
    WorkState,
    WorkStatus,
    position_of,
)
from warren.worker.spec import ConsumerSpec

__all__ = ["AcceptOptions", "Offloading", "refuse_short"]

IDEMPOTENCY_KEY: Final = "Idempotency-Key"
MAX_ID: Final = 200
POLL_AFTER: Final = 1  # seconds
ROUTE: Final = "warren_work"
_KEY: Final = re.compile(r"[\x20-\x7e]{1,255}")
_CREDENTIALS: Final = ("Authorization", "Cookie")
_NOT_STORED: Final = {"Cache-Control": "no-store"}

_log = logging.getLogger("warren.fastapi")


class AcceptOptions(TypedDict, total=False):
    """What may be said of an accepted message; all may be left out."""

    correlation_id: str
    headers: Headers
    priority: int
    reply_to: str
    routing_key: str


def refuse_short(kept: int, consumers: Iterable[ConsumerSpec]) -> None:
    """Refuse to forget work before its consumer does: its key would be accepted again, and the work skipped."""
    windows = [(spec.idempotency.window, spec.name) for spec in consumers if spec.idempotency is not None]
    window, name = max(windows, default=(0.0, ""))
    if kept < window:
        raise ConfigurationError(
            f"statuses are kept for {kept} s, and consumer {name!r} skips duplicates for {math.ceil(window)} s: "
            f'pass WarrenAPI(kept="{math.ceil(window)}s") or more'
        )


class Offloading:
    """Accepts work and tells of it. `kept` and `lease` are in seconds."""

    def __init__(self, name: str, store: AsyncStore, publishers: Publishers, *, kept: int, lease: float) -> None:
        self._name = name
        self._store = store
        self._publishers = publishers
        self._kept = kept
        self._lease = lease
        self._publishing: set[asyncio.Task[None]] = set()

    async def accept(
        self, message: Message, request: Request, *, consumer: str, scope: str, **options: Unpack[AcceptOptions]
    ) -> JSONResponse:
        """Store, publish, answer 202."""
        key = _key_of(request)
        proposal = Proposal(
            id=str(uuid.uuid4()) if key is None else _derived_id(self._name, scope, request, key),
            accepted_at=round(time.time(), 3),
            lease=self._lease,
            kept=self._kept,
            consumer=consumer,
            fingerprint="" if key is None else await _fingerprint(request),
        )
        status_url = _status_url(request, proposal.id)
        complete = self._options(proposal, options)
        answer = await self._store.ask(lambda store: store.accept(proposal))
        match answer:
            case Underway():
                raise Refused(_UNDERWAY)
            case Known(status, fingerprint):
                if "" not in (fingerprint, proposal.fingerprint) and fingerprint != proposal.fingerprint:
                    raise Refused(_ANOTHER)
                return _accepted(WorkBody.of(status, status_url))
            case Acceptance():
                publisher = await self._publishers.for_request(request.headers)
                # Shielded: a request that is given up must not leave open whether its message was sent.
                await self._shielded(
                    self._publish(publisher, message, complete, answer, proposal, status_url, is_keyed=key is not None)
                )
        return _accepted(WorkBody.of(_accepted_status(proposal), status_url))

    async def _shielded(self, publishing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(publishing)
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)
        await asyncio.shield(task)

    async def _publish(
        self,
        publisher: RequestPublisher,
        message: Message,
        options: PublishOptions,
        acceptance: Acceptance,
        proposal: Proposal,
        status_url: str,
        *,
        is_keyed: bool,
    ) -> None:
        try:
            await publisher.publish(message, **options)
        except (Indeterminate, Nacked) as error:
            await self._withdraw(acceptance, may_be_sent=True)
            raise WorkIndeterminate(error, proposal.id, status_url) from error
        except Exception:
            await self._withdraw(acceptance, may_be_sent=False)
            raise
        if is_keyed:
            await self._confirm(proposal)

    async def _withdraw(self, acceptance: Acceptance, *, may_be_sent: bool) -> None:
        try:
            await self._store.ask(lambda store: store.withdraw(acceptance, may_be_sent=may_be_sent))
        except Exception as error:  # whatever it is, the answer is what became of the message
            _log.warning("work %s stays accepted until its lease is over: %s", acceptance.id, error)

    async def _confirm(self, proposal: Proposal) -> None:
        """Note that the message is confirmed, so that the same request does not publish it again."""
        mark = Mark(_accepted_status(proposal), position_of(WorkState.ACCEPTED), proposal.kept, proposal.consumer)
        try:
            await self._store.ask(lambda store: store.mark_many([mark]))
        except Exception as error:  # the message is confirmed, so the answer is 202
            _log.warning("work %s would be published again under the same id: %s", proposal.id, error)

    def _options(self, proposal: Proposal, options: AcceptOptions) -> PublishOptions:
        given = options.get("headers", EMPTY_HEADERS)
        if any(name.startswith(OWN_PREFIX) for name in given):
            raise ConfigurationError(f"headers that start with {OWN_PREFIX} cannot be set: they are Warren's own")
        own = {WORK_KEPT: self._kept, WORK_ACCEPTED_AT: round(proposal.accepted_at * 1000)}
        together = {**options, "message_id": proposal.id, "headers": OwnHeaders({**given, **own})}
        return cast("PublishOptions", together)

    async def close(self) -> None:
        """Wait for what is being published; each has its deadline."""
        if self._publishing:
            await asyncio.wait(set(self._publishing))

    # -- the resource -----------------------------------------------------------------------

    def router(self, prefix: str) -> APIRouter:
        """Return the route of the statuses."""
        router = APIRouter(prefix=prefix, tags=["work"])

        @router.get(
            "/{work_id}",
            name=ROUTE,
            summary="What has become of offloaded work",
            responses={404: {"description": "There is no such work, or not any more"}},
        )
        async def tell(work_id: str, request: Request, response: Response) -> WorkBody:
            status = None
            if len(work_id) <= MAX_ID:
                status = await self._store.ask(lambda store: store.status(work_id))
            if status is None:
                raise Refused(_UNKNOWN)
            response.headers.update(_NOT_STORED)
            if status.is_pending:
                response.headers["Retry-After"] = str(POLL_AFTER)
            return WorkBody.of(status, _status_url(request, work_id))

        return router


def _accepted_status(proposal: Proposal) -> WorkStatus:
    return WorkStatus(id=proposal.id, state=WorkState.ACCEPTED, accepted_at=proposal.accepted_at)


def _accepted(body: WorkBody) -> JSONResponse:
    headers = {"Location": body.status_url, **_NOT_STORED}
    return JSONResponse(body.model_dump(mode="json"), 202, headers)


def _status_url(request: Request, work_id: str) -> str:
    # As `request.url_for`, which reads the Host header as well: anybody can write anything there.
    scope = request.scope
    provider: Router | Starlette = scope.get("router") or scope["app"]
    root: str = scope.get("app_root_path", scope.get("root_path", ""))
    try:
        return root.rstrip("/") + provider.url_path_for(ROUTE, work_id=work_id)
    except NoMatchFound:
        raise ConfigurationError("to accept work, install its status resource: messaging.install(api)") from None


# -- the same request again -------------------------------------------------------------------


def _key_of(request: Request) -> str | None:
    key = request.headers.get(IDEMPOTENCY_KEY)
    if key is not None and not _KEY.fullmatch(key):
        raise Refused(_SENSELESS_KEY)
    return key


def _derived_id(name: str, scope: str, request: Request, key: str) -> str:
    """Return the id of work by its key: of no use to whoever does not know that.

    Without a scope the credentials of the request are part of it, so that the keys of two users do not meet.
    """
    whose = (scope,) if scope else tuple(",".join(request.headers.getlist(each)) for each in _CREDENTIALS)
    digest = hashlib.sha256()
    for part in (name, *whose, request.method, request.scope["path"], key):
        digest.update(b"%d:" % len(part.encode()) + part.encode())
    return digest.hexdigest()[:40]


async def _fingerprint(request: Request) -> str:
    """Return what tells two requests apart; empty where the endpoint has read the body in another way (forms)."""
    try:
        body = await request.body()
    except RuntimeError:
        return ""
    return hashlib.sha256(request.scope["query_string"] + b"\0" + body).hexdigest()[:40]


_UNKNOWN: Final = Problem(
    status=404, kind="unknown-work", title="No such work", detail="There is no such work, or it was too long ago."
)
_UNDERWAY: Final = Problem(
    status=409,
    kind="request-underway",
    title="The same request is being processed",
    detail="Another request with this Idempotency-Key has not been answered yet. Ask again after it.",
    retry_after=POLL_AFTER,
)
_ANOTHER: Final = Problem(
    status=422,
    kind="another-request",
    title="The Idempotency-Key belongs to another request",
    detail="This Idempotency-Key came before with another content. Use a new one for a new request.",
)
_SENSELESS_KEY: Final = Problem(
    status=400,
    kind="senseless-key",
    title="The Idempotency-Key cannot be used",
    detail="An Idempotency-Key has 1 to 255 printable ASCII characters.",
)
