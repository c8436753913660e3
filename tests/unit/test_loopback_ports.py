"""Ports for servers: nobody is given one that another process was given just before and does not listen on yet."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from warren.integrations.loopback_ports import free_port, is_free

TAKE = "from warren.integrations.loopback_ports import free_port; print(*(free_port() for _ in range(100)))"


def test_processes_at_once_are_given_different_ports() -> None:
    taking = [subprocess.Popen([sys.executable, "-c", TAKE], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    taken = [port for each in taking for port in each.communicate(timeout=60)[0].split()]
    assert len(set(taken)) == len(taken) == 400


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What keeps the last port, for this test alone."""
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    free_port()
    (kept,) = tmp_path.iterdir()
    return kept


def test_a_port_that_somebody_listens_on_is_passed_over(kept: Path) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", free_port()))
        server.listen()
        port = server.getsockname()[1]
        assert not is_free(port)
        kept.write_text(str(port - 1))
        assert free_port() != port


@pytest.mark.parametrize("text", ["", "x", "99999", "0", "123456789", "12345\n"])
def test_what_is_kept_may_be_anything(kept: Path, text: str) -> None:
    kept.write_text(text)
    first = free_port()
    assert kept.read_text() == str(first)
    assert is_free(first)
    assert free_port() != first
