"""The operator's commands on a queue of a million messages, and into a pipe that nobody reads to its end.

Not here: what the commands do (their own files), and how fast they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.cli import cli, cli_into_head
from tests.support.embedded_node import EmbeddedNode
from tests.support.flood import Flood
from tests.support.moving import DEAD, QUEUE, declare
from tests.support.plain import PlainPika
from warren.broker.model.message import Address

MILLION = 1_000_000
PIECE = 1_000


def url_of(node: EmbeddedNode) -> str:
    return f"{node.url}?management={quote(node.management_url, safe='')}"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[EmbeddedNode]:
    node = EmbeddedNode(tmp_path / "node", statistics_interval=1.0)
    node.start()
    try:
        with PlainPika(node.url) as plain:
            declare(plain)
        flood, address = Flood(node.port), Address("", DEAD)
        for first in range(0, MILLION, PIECE):
            flood.publish((address, b'{"order_id":%d}' % number) for number in range(first, first + PIECE))
        flood.wait(MILLION)
        flood.close()
        yield node
    finally:
        node.kill()


@pytest.mark.timeout(400)
def test_a_million_messages_keep_no_command_from_what_it_was_asked_for(node: EmbeddedNode, tmp_path: Path) -> None:
    broker = url_of(node)

    def run(*command: str, code: int = 0) -> str:
        done = cli(*command, cwd=tmp_path, broker=broker)
        assert done.returncode == code, (command, done.stderr)
        return done.stdout

    drained = run("drain", DEAD, "--to", "some.ndjson", "--limit", "1000")
    assert "1,000" in drained
    assert len((tmp_path / "some.ndjson").read_text().splitlines()) == 1_000
    run("replay", DEAD, "--limit", "1000", "--yes")
    told = json.loads(run("signals", "--json", "--window", "2s", "--interval", "1s", code=1))
    assert [finding["id"] for finding in told["findings"]] == ["no_consumers"]
    assert told["queues"][0]["dead"] == MILLION - 2_000
    run("doctor")
    messages = [json.loads(line) for line in run("inspect", DEAD, "--limit", "5", "--json").splitlines()]
    assert [message["body"]["order_id"] for message in messages] == [2_000, 2_001, 2_002, 2_003, 2_004]
    with PlainPika(node.url) as plain:
        plain.wait_depth(DEAD, MILLION - 2_000)
        plain.wait_depth(QUEUE, 1_000)


PRINTING = [
    ("inspect", DEAD, "--json"),
    ("drain", DEAD, "--to", "all.ndjson", "--json"),
    ("replay", DEAD, "--dry-run"),
    ("purge", DEAD, "--yes"),
    ("doctor", "--json"),
]


@pytest.mark.parametrize("command", PRINTING, ids=lambda command: command[0])
def test_a_reader_that_has_enough_is_no_error(command: tuple[str, ...], tmp_path: Path) -> None:
    node = EmbeddedNode(tmp_path / "node")
    node.start()
    try:
        with PlainPika(node.url) as plain:
            declare(plain)
        flood = Flood(node.port)
        flood.publish(
            (Address("", DEAD), b'{"order_id":%d,"note":"%s"}' % (number, b"x" * 500)) for number in range(400)
        )
        flood.wait(400)
        flood.close()
        _, code, said = cli_into_head(*command, lines=0, cwd=tmp_path, broker=url_of(node))
    finally:
        node.kill()
    assert code in (141, 0)
    assert "Traceback" not in said
    assert "rror" not in said
