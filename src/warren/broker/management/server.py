"""HTTP/1.1 on asyncio: one protocol object a connection, with keep-alive and pipelining.

Not here: what is answered (`api.py`), and the socket that listens (the broker's `server.py`).

h11 is the state machine; this gives it what was read and writes what it says. A request is carried out in the callback
that read its last byte. Its answer is written at once, or, when it changed something, as soon as storage keeps that.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, cast

import h11

from warren.broker.management.request import Response

if TYPE_CHECKING:
    from warren.broker.management.api import Api

__all__ = ["HttpConnection"]

_LARGEST_BODY: Final = 20_000_000  # bytes; RabbitMQ's limit
_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_IDLE: Final = 60.0  # seconds after which a client that says nothing is dropped


class HttpConnection(asyncio.Protocol):
    """One client of the HTTP API: `loop.create_server(lambda: HttpConnection(api), …)`."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._http = h11.Connection(h11.SERVER)
        self._request: h11.Request | None = None  # set while its body is incomplete
        self._body: list[bytes] = []
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = transport.get_extra_info("peername")
        host = str(peer[0]) if peer else ""
        self._loopback = host == "::1" or host.removeprefix("::ffff:").startswith("127.")
        self._wait()

    def connection_lost(self, error: Exception | None) -> None:
        self._idle.cancel()

    def data_received(self, data: bytes) -> None:
        self._idle.cancel()
        try:
            if data:
                self._http.receive_data(data)
            self._read()
        except h11.RemoteProtocolError as error:
            self._refuse(error.error_status_hint)
        self._wait()

    def eof_received(self) -> None:
        self._transport.close()

    def _wait(self) -> None:
        self._idle = asyncio.get_running_loop().call_later(_IDLE, self._transport.close)

    def _read(self) -> None:
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    self._send(h11.InformationalResponse(status_code=100, headers=[]))
                return
            if event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return
            self._take(event)

    def _take(self, event: object) -> None:
        match event:
            case h11.Request():
                self._request, self._body, self._size = event, [], 0
                self._check_size(_announced(event))
            case h11.Data():
                self._size += len(event.data)
                self._body.append(bytes(event.data))
                self._check_size(self._size)
            case h11.EndOfMessage() if self._request is not None:
                self._answer(self._request)

    def _check_size(self, size: int) -> None:
        if size > _LARGEST_BODY:
            self._request, self._body = None, []
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)

    # -- answering ----------------------------------------------------------------------------

    def _answer(self, request: h11.Request) -> None:
        method = request.method.decode("ascii")
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in request.headers}
        target = request.target.decode("latin-1")
        response = self._api.answer(method, target, headers, b"".join(self._body), loopback=self._loopback)
        self._request, self._body = None, []
        node = self._api.context.node
        point = 0 if method in _READING else node.storage.latest

        def finish() -> bool:
            if node.storage.flushed < point:
                return False
            if not self._transport.is_closing():
                self._finish(response, with_body=method != "HEAD")
            return True

        if not finish():
            node.watchers.append(lambda: finish() and self._go_on())

    def _finish(self, response: Response, *, with_body: bool) -> None:
        self._respond(response, with_body=with_body)
        if self._http.our_state is h11.MUST_CLOSE:
            self._transport.close()
        elif self._http.our_state is h11.DONE:
            self._http.start_next_cycle()

    def _go_on(self) -> bool:
        """Read what came while an answer waited for storage."""
        if not self._transport.is_closing():
            self.data_received(b"")
        return True

    def _refuse(self, status: int) -> None:
        """Answer what cannot be read any further, and hang up."""
        if self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            self._respond(Response(status, headers={"connection": "close"}), with_body=False)
        self._transport.close()

    def _respond(self, response: Response, *, with_body: bool) -> None:
        headers = [("server", "Warren"), ("cache-control", "no-cache"), *response.headers.items()]
        if response.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            headers.append(("content-length", str(len(response.body))))
        reason = HTTPStatus(response.status).phrase.encode()
        self._send(h11.Response(status_code=response.status, headers=headers, reason=reason))
        if with_body and response.body:
            self._send(h11.Data(data=response.body))
        self._send(h11.EndOfMessage())

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if data:
            self._transport.write(data)


def _announced(request: h11.Request) -> int:
    """The size of the body, where the client tells it in advance."""
    return next((int(value) for name, value in request.headers if name == b"content-length"), 0)
