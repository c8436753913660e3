"""`warren top` on a real terminal: what it shows, what keys do, and that the terminal is left as it was found.

Not here: what it shows beside each state (tests/unit/cli/test_top_view.py).
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import cli, url_with_management
from tests.support.embedded_node import EmbeddedNode
from tests.support.plain import PlainPika
from tests.support.screen import Screen, on_a_screen
from warren.integrations.loopback_ports import free_port

TOP = ("top", "--window", "2s", "--interval", "500ms")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    """A broker with a queue nobody reads, and two empty ones."""
    node = EmbeddedNode(tmp_path / "node", statistics_interval=0.5)
    node.start()
    with PlainPika(node.url) as plain:
        for name in ("alpha", "beta", "beta.dead", "gamma"):
            plain.declare(name, **{"x-queue-type": "classic"})
        for number in range(7):
            plain.publish("", "beta", b"{}", message_id=str(number))
        plain.wait_depth("beta", 7)
    yield node
    node.kill()


def url_of(node: EmbeddedNode) -> str:
    return f"{node.url}?management={quote(node.management_url, safe='')}"


@pytest.fixture
def screen(node: EmbeddedNode, tmp_path: Path) -> Iterator[Screen]:
    with on_a_screen(*TOP, cwd=tmp_path, broker=url_of(node)) as screen:
        screen.wait("critical no_consumers: nobody reads beta")
        yield screen


def queues_of(lines: list[str]) -> list[str]:
    """Return the names of the queues that are shown, in their order."""
    return [line[3:].split()[0] for line in lines[3:-1] if line[3:4].strip() and line[:2] in ("!!", "! ", "  ")]


def test_the_queue_in_trouble_comes_first_and_is_told_of(screen: Screen) -> None:
    lines = screen.lines
    assert lines[0].startswith("warren top  ")
    assert lines[0].endswith("by trouble  3 queues")
    assert lines[2].split() == [
        "queue",
        "depth",
        "ready",
        "unack",
        "cons",
        "in/s",
        "ack/s",
        "lag",
        "redel",
        "dead",
    ]
    assert lines[3].startswith("!! beta ")
    assert "█" in lines[3]
    assert queues_of(lines)[:3] == ["beta", "alpha", "gamma"]
    assert lines[-1].startswith("q quit")


def test_q_quits_with_exit_code_0_and_leaves_the_terminal_as_it_was(screen: Screen) -> None:
    screen.type("q")
    assert screen.finish() == 0
    assert screen.is_as_it_was


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda screen: screen.type("\x03"), 130),
        (lambda screen: screen.process.send_signal(signal.SIGTERM), 143),
        (lambda screen: screen.process.send_signal(signal.SIGHUP), 129),
    ],
    ids=["Ctrl-C", "SIGTERM", "SIGHUP"],
)
def test_whatever_ends_it_leaves_the_terminal_as_it_was(
    screen: Screen, end: Callable[[Screen], Any], code: int
) -> None:
    end(screen)
    assert screen.finish() == code
    assert screen.is_as_it_was


def test_enter_shows_a_queue_with_its_findings_and_goes_back(screen: Screen) -> None:
    screen.type("\r")
    lines = screen.wait("CRITICAL NO_CONSUMERS  beta")
    assert lines[1] == "beta  (classic)"
    assert any(line.startswith("depth") and "7: 7 ready, 0 unacked" in line for line in lines)
    screen.type("\r")
    screen.wait(lambda lines: queues_of(lines)[:3] == ["beta", "alpha", "gamma"])


def test_arrows_select_a_queue_and_s_sorts_in_another_way(screen: Screen) -> None:
    screen.type("\x1b[B\x1b[B\r")
    screen.wait("gamma  (classic)")
    screen.type("\x1b")
    screen.type("s")
    screen.wait("by depth")
    screen.type("sss")
    lines = screen.wait("by name")
    assert queues_of(lines)[:3] == ["alpha", "beta", "gamma"]


def test_p_pauses_and_goes_on(screen: Screen) -> None:
    screen.type("p")
    screen.wait("PAUSED")
    screen.type("p")
    screen.wait(lambda lines: "PAUSED" not in lines[0])


def test_help_tells_of_the_keys_until_the_next_one(screen: Screen) -> None:
    screen.type("?")
    screen.wait("sort by trouble, depth, rate, dead letters, name")
    screen.type("x?")
    screen.wait(lambda lines: queues_of(lines)[:1] == ["beta"])


@pytest.mark.parametrize(("columns", "rows"), [(120, 40), (60, 12), (40, 8)])
def test_another_size_is_drawn_for_at_once(screen: Screen, columns: int, rows: int) -> None:
    screen.resize(columns, rows)
    lines = screen.wait(lambda lines: lines[-1].startswith("q quit") and any("beta" in line for line in lines))
    assert len(lines) == rows
    assert sum(line.startswith("q quit") for line in lines) == 1
    screen.type("q")
    assert screen.finish() == 0


def test_a_broker_that_goes_away_is_told_of_on_the_screen_which_goes_on_when_it_is_back(
    screen: Screen, node: EmbeddedNode
) -> None:
    node.kill()
    lines = screen.wait("NO ANSWER SINCE")
    assert queues_of(lines)[:1] == ["beta"]  # what was seen last stays
    node.start()
    with PlainPika(node.url) as plain:
        plain.declare("delta")
    lines = screen.wait(lambda lines: "delta" in "".join(lines) and "NO ANSWER" not in lines[0], timeout=60.0)
    screen.type("q")
    assert screen.finish() == 0
    assert screen.is_as_it_was


def test_quitting_does_not_wait_for_a_broker_that_is_away(screen: Screen, node: EmbeddedNode) -> None:
    node.kill()
    screen.wait("NO ANSWER SINCE")
    screen.type("q")
    assert screen.finish(timeout=5.0) == 0
    assert screen.is_as_it_was


def test_it_shows_the_queues_of_every_broker(broker: BrokerUnderTest, tmp_path: Path) -> None:
    with PlainPika(broker.url) as plain:
        plain.declare("billing.invoices")
        for number in range(3):
            plain.publish("", "billing.invoices", b"{}", message_id=str(number))
        with on_a_screen(*TOP, cwd=tmp_path, broker=url_with_management(broker)) as screen:
            screen.wait("critical no_consumers: nobody reads billing.invoices, which holds 3 messages")
            screen.type("q")
            assert screen.finish() == 0


# -- where it does not begin -----------------------------------------------------------------------


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr.splitlines()[-1]


def test_without_a_terminal_it_says_what_to_use_instead(tmp_path: Path) -> None:
    done = cli("top", cwd=tmp_path)
    assert done.returncode == 2
    assert error_of(done).startswith("error: top needs a terminal; without one use `warren signals --watch`")


@pytest.mark.parametrize(
    ("broker", "code", "error"),
    [
        ("amqp://127.0.0.1:{free}/", 4, "error: no broker at amqp://guest:***@127.0.0.1:"),
        ("amqp://guest:wrong@127.0.0.1:{port}/", 2, "error: 127.0.0.1:"),
    ],
)
def test_what_fails_at_the_start_is_a_line_and_no_screen(
    node: EmbeddedNode, tmp_path: Path, broker: str, code: int, error: str
) -> None:
    url = broker.format(free=free_port(), port=node.port)
    with on_a_screen(*TOP, "--timeout", "1s", cwd=tmp_path, broker=url) as screen:
        assert screen.finish() == code
        assert wait_until(lambda: error in screen.text)
        assert b"\x1b[?1049h" not in screen.written
