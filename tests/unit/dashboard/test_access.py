"""By which names the dashboard may be called, which pages' requests are its own, and whom it lets in."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
from starlette.requests import HTTPConnection

from warren.dashboard.access import LocalDoor, Refused, Visitor, VouchedDoor, is_same_origin, refuse_host

LOOKS = Visitor("ben", may_change=False)


def connection(client: str | None = "127.0.0.1", **headers: str) -> HTTPConnection:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection(
        {"type": "http", "client": None if client is None else (client, 50_000), "headers": given, "path": "/"}
    )


@pytest.mark.parametrize("host", ["localhost", "localhost:8080", "127.0.0.1:8080", "127.1.2.3", "[::1]:8080"])
def test_the_names_of_loopback_are_answered_to(host: str) -> None:
    assert refuse_host(host, (), is_local=True) == ""
    assert refuse_host(host, ("warren.example",), is_local=False) == ""


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "192.0.2.1", "", "[", "a]"]
)
def test_without_a_login_no_other_name_is(host: str) -> None:
    assert "does not answer to the name" in refuse_host(host, (), is_local=True)


def test_with_a_login_any_name_is_unless_some_are_named() -> None:
    assert refuse_host("warren.example", (), is_local=False) == ""
    assert refuse_host("warren.example:443", ("warren.example",), is_local=False) == ""
    assert refuse_host("WARREN.example", ("warren.example",), is_local=False) == ""
    assert refuse_host("evil.example", ("warren.example",), is_local=False)


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("http://localhost:8080", "localhost:8080"),
        ("https://warren.example", "warren.example"),
        ("https://warren.example", "warren.example:443"),
        ("https://Warren.example:443", "warren.example"),
        ("https://warren.example", "127.0.0.1:8080"),  # a proxy that does not pass the host on, allowed by name
        ("https://warren.example:443", "127.0.0.1:8080"),
        ("http://warren.example:8080", "127.0.0.1:8080"),
    ],
)
def test_requests_of_our_own_pages_are_ours(origin: str, host: str) -> None:
    assert is_same_origin(origin, host, ("warren.example",))


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://evil.example",
        "http://localhost",
        "http://localhost:3000",
        "http://localhost:8080.evil.example",
        "http://localhost:8080@evil.example",
        "file://localhost:8080",
        "chrome-extension://abc",
        "http://[",
        "http://warren.example:3000",
        "http://warren.example:0x",
        "http://warren.example:80:80",
    ],
)
def test_requests_of_other_pages_are_not(origin: str) -> None:
    assert not is_same_origin(origin, "localhost:8080", ("warren.example",))


@pytest.mark.asyncio
async def test_whoever_is_on_this_machine_is_let_in_by_the_name_of_who_runs_the_dashboard() -> None:
    visit = await LocalDoor().visit(connection())
    assert re.fullmatch(r".+@.+ \(no login\)", visit.visitor.name)
    assert not visit.visitor.is_logged_in


@pytest.mark.parametrize("headers", [{"x_forwarded_for": "192.0.2.1"}, {"forwarded": "for=192.0.2.1"}])
@pytest.mark.asyncio
async def test_who_comes_through_a_proxy_is_not_on_this_machine(headers: dict[str, str]) -> None:
    with pytest.raises(Refused, match="give it a user and a password"):
        await LocalDoor().visit(connection(**headers))


@pytest.mark.parametrize("client", ["192.0.2.1", None])
@pytest.mark.asyncio
async def test_who_comes_from_elsewhere_is_refused_without_a_login(client: str | None) -> None:
    with pytest.raises(Refused):
        await LocalDoor().visit(connection(client))


@pytest.mark.parametrize(
    ("answer", "visitor"),
    [
        ("ada", Visitor("ada")),
        (Visitor("ada", may_change=False), Visitor("ada", may_change=False)),
        (None, None),
        ("", None),
    ],
)
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.asyncio
async def test_an_application_vouches_for_its_users(answer: Any, visitor: Visitor | None, *, is_async: bool) -> None:
    async def later(_: HTTPConnection) -> Any:
        return answer

    visit = await VouchedDoor(later if is_async else lambda _: answer).visit(connection())
    assert (visit and visit.visitor) == visitor


@pytest.mark.asyncio
async def test_an_application_that_fails_vouches_for_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def fails(_: HTTPConnection) -> str:
        raise OSError("the directory of users does not answer")

    assert await VouchedDoor(fails).visit(connection()) is None
    assert "does not answer" in caplog.text


@pytest.mark.asyncio
async def test_a_visit_ends_where_the_application_vouches_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("warren.dashboard.access.ASK_AGAIN", 0.01)
    answers = iter(["ada", "ada", "ada", "ben"])
    visit = await VouchedDoor(lambda _: next(answers)).visit(connection())
    assert visit is not None
    await asyncio.wait_for(visit.ended(), 5.0)
    assert list(answers) == []
