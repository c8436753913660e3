"""HTTP/1.1 over a socket: keep-alive, pipelining, refusals, and answers that wait for the disk."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.unit.broker.management.api_under_test import ApiUnderTest
from warren.broker.management.server import HttpConnection

LOGIN = b"Authorization: Basic " + base64.b64encode(b"guest:guest") + b"\r\n"
HEAD = b"Host: here\r\n" + LOGIN

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def connected(api: ApiUnderTest) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: HttpConnection(api.api), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()
        server.close()


def talk(api: ApiUnderTest, conversation: Talk) -> None:
    async def run() -> None:
        async with asyncio.timeout(10.0), connected(api) as (reader, writer):
            await conversation(reader, writer)

    asyncio.run(run())


async def read_answer(reader: asyncio.StreamReader, *, has_body: bool = True) -> tuple[int, dict[str, str], bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    size = int(headers.get("content-length", 0)) if has_body else 0
    return int(first.split()[1]), headers, await reader.readexactly(size)


def test_a_connection_serves_request_after_request(api: ApiUnderTest) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(3):
            writer.write(b"GET /api/whoami HTTP/1.1\r\n" + HEAD + b"\r\n")
            status, headers, body = await read_answer(reader)
            assert (status, headers["content-type"]) == (200, "application/json")
            assert json.loads(body)["name"] == "guest"

    talk(api, conversation)


def test_requests_may_come_at_once_and_in_pieces(api: ApiUnderTest) -> None:
    body = b'{"durable": true}'
    put = b"PUT /api/queues/%2F/a%2Fb HTTP/1.1\r\n" + HEAD + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    stream = put + b"HEAD /api/queues/%2F/a%2Fb HTTP/1.1\r\n" + HEAD + b"\r\n"
    stream += b"GET /api/queues/%2F/a%2Fb HTTP/1.1\r\n" + HEAD + b"Connection: close\r\n\r\n"

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for octet in stream:
            writer.write(bytes((octet,)))
            await writer.drain()
        assert (await read_answer(reader))[0] == 201
        status, headers, _ = await read_answer(reader, has_body=False)
        assert (status, int(headers["content-length"]) > 0) == (200, True)
        assert json.loads((await read_answer(reader))[2])["name"] == "a/b"
        assert await reader.read() == b""

    talk(api, conversation)


def test_who_expects_100_continue_gets_it(api: ApiUnderTest) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        writer.write(b"PUT /api/queues/%2F/q HTTP/1.1\r\n" + HEAD + head)
        assert (await read_answer(reader))[0] == 100
        writer.write(b"{}")
        assert (await read_answer(reader))[0] == 201

    talk(api, conversation)


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /api/whoami HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"x" * 40_000, 431),
        (b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 20000001\r\n\r\n", 413),
    ],
)
def test_what_is_no_request_is_refused_and_hung_up_on(api: ApiUnderTest, request_: bytes, status: int) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request_)
        assert (await read_answer(reader))[0] == status
        try:
            assert await reader.read() == b""
        except ConnectionResetError:
            pass  # What it did not read any more makes the system say so.

    talk(api, conversation)


def test_a_change_is_answered_once_storage_keeps_it(api: ApiUnderTest) -> None:
    node = api.node

    class SlowStorage:
        flushed = 0
        latest = 1

        def __getattr__(self, name: str) -> Any:
            return getattr(MEMORY, name)

    MEMORY = node.storage
    slow = SlowStorage()
    node.storage = slow

    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"PUT /api/vhosts/v HTTP/1.1\r\n" + HEAD + b"Content-Length: 0\r\n\r\n")
        writer.write(b"GET /api/vhosts/v HTTP/1.1\r\n" + HEAD + b"\r\n")
        while "v" not in node.vhosts:
            await asyncio.sleep(0)
        answer = asyncio.create_task(read_answer(reader))
        node.end_turn()
        assert not answer.done()
        slow.flushed = 1
        node.end_turn()
        assert (await answer)[0] == 201
        assert json.loads((await read_answer(reader))[2])["name"] == "v"

    talk(api, conversation)


def test_outside_of_the_api_there_is_a_greeting_and_nothing_else(api: ApiUnderTest) -> None:
    async def conversation(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        status, _, body = await read_answer(reader)
        assert (status, b"/api/" in body) == (200, True)
        writer.write(b"GET /js/main.js HTTP/1.1\r\nHost: here\r\n\r\n")
        assert (await read_answer(reader))[0] == 404

    talk(api, conversation)
