"""A browser that leaves before it is answered is no fault; anything else that goes wrong is."""

from __future__ import annotations

import pytest
from starlette.types import Message, Receive, Scope, Send

from warren.dashboard.access import LocalDoor
from warren.dashboard.gate import Gate

SCOPE: Scope = {
    "type": "http",
    "method": "GET",
    "path": "/",
    "query_string": b"",
    "headers": [(b"host", b"localhost:8080")],
    "client": ("127.0.0.1", 50_000),
    "server": ("127.0.0.1", 8080),
    "scheme": "http",
}


async def answered(heard: str, said: str, *, path: str = "/") -> None:
    """Send a request to an application that hears one thing and fails."""

    async def fails(_scope: Scope, receive: Receive, _send: Send) -> None:
        await receive()
        raise RuntimeError(said)

    async def receive() -> Message:
        return {"type": heard}

    async def send(_: Message) -> None:
        raise AssertionError("nobody is there")

    gate = Gate(fails, door=LocalDoor(), is_local=True, public=frozenset({"/static/style.css"}))
    await gate({**SCOPE, "path": path}, receive, send)


@pytest.mark.parametrize("path", ["/", "/static/style.css"])
@pytest.mark.asyncio
async def test_who_leaves_before_the_answer_is_no_fault(path: str) -> None:
    await answered("http.disconnect", "No response returned.", path=path)


@pytest.mark.parametrize(
    ("heard", "said"), [("http.request", "No response returned."), ("http.disconnect", "out of paper")]
)
@pytest.mark.asyncio
async def test_every_other_fault_is_one(heard: str, said: str) -> None:
    with pytest.raises(RuntimeError, match=said):
        await answered(heard, said)
