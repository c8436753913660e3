"""What a visitor sends in the name of another's page, or of a right that is gone, changes nothing in the dashboard.

Not here: who may look at all (test_dashboard_access.py), and what is read-only (test_dashboard_refusals.py).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection

from tests.support.broker import BrokerUnderTest
from tests.support.cli import RunningCli, environment, url_with_management
from tests.support.dashboard_sockets import close_code, emit, greet, listeners_of, page_id, socket_of
from tests.support.dashboards import DashboardUnderTest
from tests.support.plain import PlainPika
from tests.support.queue_content import dead_letter, fill
from warren.integrations.loopback_ports import free_port

SERVICE = """
import os, sys
from pathlib import Path
import uvicorn
from fastapi import FastAPI
from warren.config import BrokerSettings
from warren.dashboard import Dashboard, DashboardSettings, Visitor

def who(connection):
    name = connection.headers.get("x-user", "")
    may_change = name == "alice" and not Path("demoted").exists()
    return Visitor(name, may_change=may_change) if name in ("alice", "bob") else None

api = FastAPI()
broker = BrokerSettings.parse(os.environ["WARREN_BROKER"])
Dashboard(broker=broker, settings=DashboardSettings(allow_changes=True), authorize=who).mount(api)
uvicorn.run(api, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning", timeout_graceful_shutdown=1)
"""
DEAD, QUEUE = "work.dead", "work"
ACTS = ({"act": "open", "kind": "replay"}, {"act": "count", "canary": "0", "limit": "2"}, {"act": "begin"})


@pytest.fixture
def plain(module_broker: BrokerUnderTest, folder: Path) -> Iterator[PlainPika]:
    """Three dead letters, and nobody is demoted yet."""
    (folder / "demoted").unlink(missing_ok=True)
    with PlainPika(f"{module_broker.url}?heartbeat=0") as plain:
        for queue in (QUEUE, DEAD):
            plain.channel.queue_delete(queue)  # with what a look of a former test's page still holds
            plain.channel.queue_declare(queue, durable=True)
        fill(module_broker.url, DEAD, [dead_letter(number, queue=QUEUE, fingerprint="F") for number in range(3)])
        yield plain


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("service")


@pytest.fixture(scope="module")
def service(module_broker: BrokerUnderTest, folder: Path) -> Iterator[DashboardUnderTest]:
    """A service whose alice may change messages until she is demoted, and whose bob may look."""
    (folder / "service.py").write_text(SERVICE)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "service.py", str(port)],
        cwd=folder,
        env=environment(broker=url_with_management(module_broker)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = RunningCli(process)
    base = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None, "".join(running.stderr)
        try:
            return httpx.get(f"{base}/healthz", trust_env=False).is_success
        except httpx.TransportError:
            return False

    try:
        running.wait(answers, "the service answers", timeout=60.0)
        yield DashboardUnderTest(running, base)
    finally:
        process.kill()
        process.wait()


def page_of(service: DashboardUnderTest, user: str) -> str:
    return httpx.get(service.url("dead-letters", DEAD), headers={"x-user": user}, trust_env=False, timeout=20.0).text


def replay(opened: ClientConnection, shown: str) -> None:
    """Send what the buttons of a replay do, from beginning to end."""
    for told in ACTS:
        act(opened, shown, told)
        hear_until_quiet(opened)


def act(opened: ClientConnection, shown: str, told: dict[str, str]) -> None:
    """Send an act to every part of a page that listens to any."""
    for number, listener in listeners_of(shown):
        args = [json.dumps(told)]
        emit(opened, "event", {"id": number, "client_id": page_id(shown), "listener_id": listener, "args": args})


def hear(opened: ClientConnection, wanted: str) -> None:
    """Hear until the page is told that."""
    while wanted not in str(opened.recv(timeout=20.0)):
        pass


def hear_until_quiet(opened: ClientConnection) -> None:
    """Hear what comes of it, until nothing has come for a while, or nothing can."""
    try:
        while True:
            opened.recv(timeout=1.5)
    except (TimeoutError, ConnectionClosed):
        return


@contextmanager
def greeted(service: DashboardUnderTest, shown: str, user: str) -> Iterator[ClientConnection]:
    with socket_of(service, page_id(shown), **{"x-user": user}) as opened:
        greet(opened)
        yield opened


def audited(folder: Path) -> str:
    log = folder / "warren-audit.ndjson"
    return log.read_text() if log.exists() else ""


def test_whose_page_it_is_changes_messages_with_what_the_forgeries_send(
    service: DashboardUnderTest, plain: PlainPika, folder: Path
) -> None:
    shown = page_of(service, "alice")
    with greeted(service, shown, "alice") as opened:
        for told, answer in zip(
            ACTS, ("Count them first", "Send 2 messages back", "2 messages sent back"), strict=True
        ):
            act(opened, shown, told)
            hear(opened, answer)
    plain.wait_depth(QUEUE, 2)
    assert '"who": "alice"' in audited(folder)


def test_a_right_that_is_gone_is_gone_for_a_page_that_is_open_and_for_its_old_id(
    service: DashboardUnderTest, plain: PlainPika, folder: Path
) -> None:
    shown, before = page_of(service, "alice"), audited(folder)
    with greeted(service, shown, "alice") as opened:
        hear_until_quiet(opened)
        (folder / "demoted").touch()
        with suppress(ConnectionClosed):  # it may be closed before all is sent
            replay(opened, shown)
        assert close_code(opened) == 4401
    for query in ("", "implicit_handshake=false", f"client_id={page_id(shown)}&client_id=another"):
        with pytest.raises(InvalidStatus), socket_of(service, page_id(shown), query=query, **{"x-user": "alice"}):
            pass
    assert plain.depth(QUEUE) == 0
    assert audited(folder) == before


def test_a_page_of_somebody_else_is_not_acted_for_over_a_socket_of_ones_own(
    service: DashboardUnderTest, plain: PlainPika, folder: Path
) -> None:
    shown, own, before = page_of(service, "alice"), page_of(service, "bob"), audited(folder)
    with greeted(service, shown, "alice"), greeted(service, own, "bob") as opened:
        handshake = {"client_id": page_id(shown), "tab_id": "t", "document_id": "e", "next_message_id": 0}
        emit(opened, "handshake", handshake)
        replay(opened, shown)
        emit(opened, "javascript_response", {"client_id": page_id(shown), "request_id": "r"})
        emit(opened, "ack", {"client_id": page_id(shown), "next_message_id": 1_000})
        emit(opened, "log", {"client_id": page_id(shown), "level": "error", "message": "forged"})
        hear_until_quiet(opened)
    assert plain.depth(QUEUE) == 0
    assert audited(folder) == before
    assert "forged" not in "".join(service.running.stderr)


def test_what_is_malformed_is_not_heard_and_fills_no_log(service: DashboardUnderTest, plain: PlainPika) -> None:
    shown = page_of(service, "alice")
    page = page_id(shown)
    with greeted(service, shown, "alice") as opened:
        for told in (None, 1, [], {}, {"client_id": page}, {"client_id": [page]}, {"client_id": page, "id": {}}):
            for kind in ("handshake", "event", "javascript_response", "ack", "log", "nothing"):
                emit(opened, kind, told)
        (number, listener), *_ = listeners_of(shown)
        for args in (["{"], "x", [1], None, [{}], 3):
            emit(opened, "event", {"id": number, "client_id": page, "listener_id": listener, "args": args})
        for frame in ('42["event"]', '42["event",1,2]', "42[]", "42{}", "42", "42x", "4", "49", "51-[]", "4/a,b"):
            opened.send(frame)
        hear_until_quiet(opened)
    for query in (f"client_id={page}&implicit_handshake=true", f"client_id={page}&implicit_handshake=true&tab_id=t"):
        with socket_of(service, page, query=query, **{"x-user": "alice"}) as opened:
            opened.send("40")
            hear_until_quiet(opened)
    assert "Traceback" not in "".join(service.running.stderr)
    plain.wait_depth(DEAD, 3)  # a look may hold them for a moment
