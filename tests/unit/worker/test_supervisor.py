"""The supervisor with children that are small scripts: it needs no broker, and they misbehave on demand."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import wait_until
from tests.support.cli import RunningCli, is_alive

# Runs a supervisor over `child.py`, with short patience, and writes its events as lines of JSON.
PARENT = """
import json, sys
from dataclasses import asdict
from warren.errors import ConfigurationError
from warren.observability.events import EventBus
from warren.reliability.backoff import Backoff
from warren.worker import child, supervisor

child.LINGER = supervisor.MARGIN = 0.3
bus = EventBus()
bus.subscribe(lambda event: print(json.dumps({"event": type(event).__name__, **asdict(event)}), file=sys.stderr))
boss = supervisor.Supervisor(
    [sys.executable, "child.py"], processes=int(sys.argv[1]), bus=bus, backoff=Backoff(base=0.01, cap=0.05)
)
try:
    sys.exit(boss.run())
except ConfigurationError as error:
    print("refused:", error, file=sys.stderr)
    sys.exit(2)
"""

# What children share: `tell` reports, `note` writes down, `first` tells the first child of this folder.
CHILD = """
import json, os, signal, socket, sys, threading, time
link = socket.socket(fileno=int(sys.argv[-1]))
health = {"pid": os.getpid(), "live": True, "connected": True, "stopping": False, "consumers": [
    {"name": "c", "queue": "q", "state": "subscribed", "reason": "", "in_flight": 0}]}
def tell(**report): link.sendall(json.dumps(report).encode() + b"\\n")
def note(text):
    with open("notes", "a") as notes: notes.write(f"{text} {os.getpid()}\\n")
def first():
    try: os.close(os.open("first", os.O_CREAT | os.O_EXCL))
    except FileExistsError: return False
    return True
def stop(): note("stop"); tell(ended=0); os._exit(0)
def serve(): link.recv(1); stop()  # nothing is ever sent: the end of it is the word to stop
note("start")
"""

# A child that hears it is to stop, and goes on.
DEAF = "note('deaf')\nlink.recv(1)\nnote('heard')\nthreading.Event().wait()\n"


@contextmanager
def supervised(folder: Path, child: str, *, processes: int = 1) -> Iterator[RunningCli]:
    (folder / "child.py").write_text(CHILD + child)
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(processes)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield RunningCli(process)
    finally:
        process.kill()
        process.wait()


def pids(folder: Path, what: str) -> list[int]:
    path = folder / "notes"
    lines = path.read_text().splitlines() if path.exists() else []
    return [int(line.split()[1]) for line in lines if line.split()[0] == what]


def wait_started(folder: Path, count: int) -> list[int]:
    wait_until(lambda: len(pids(folder, "start")) >= count, timeout=20.0, message=f"{count} children")
    return pids(folder, "start")


def test_a_child_that_ends_unasked_is_replaced(tmp_path: Path) -> None:
    with supervised(tmp_path, "tell(began=1.0)\nif first(): tell(ended=0); sys.exit(0)\nserve()\n") as running:
        wait_started(tmp_path, 2)
        (exited,) = running.wait_event("WorkerExited")
        assert (exited["exit_code"], exited["reason"]) == (0, "stopped, but not by its supervisor")
        running.signal(signal.SIGTERM)
        assert running.finish() == 0


def test_a_child_whose_interpreter_does_not_end_is_killed_and_counts_as_its_worker_ended(tmp_path: Path) -> None:
    stuck = "tell(began=1.0)\nif first(): tell(ended=75); threading.Event().wait()\nserve()\n"
    with supervised(tmp_path, stuck) as running:
        first, _ = wait_started(tmp_path, 2)
        (exited,) = running.wait_event("WorkerExited")
        assert (exited["exit_code"], exited["restart_in"]) == (75, 0.0)
        assert not is_alive(first)


def test_a_child_that_does_not_stop_is_killed_after_its_grace_time_and_the_margin(tmp_path: Path) -> None:
    with supervised(tmp_path, "tell(began=0.2)\n" + DEAF) as running:
        wait_until(lambda: pids(tmp_path, "deaf"), message="a child that does not stop")
        running.signal(signal.SIGTERM)
        assert running.finish(timeout=10.0) == 3
        (exited,) = running.events("WorkerExited")
        assert (exited["exit_code"], exited["restart_in"]) == (-9, None)
        assert pids(tmp_path, "heard") == pids(tmp_path, "deaf")


def test_a_second_signal_kills_at_once(tmp_path: Path) -> None:
    with supervised(tmp_path, "tell(began=600.0)\n" + DEAF, processes=2) as running:
        wait_until(lambda: len(pids(tmp_path, "deaf")) == 2, message="two children that do not stop")
        running.signal(signal.SIGTERM)
        wait_until(lambda: len(pids(tmp_path, "heard")) == 2, message="both have heard it")
        running.signal(signal.SIGINT)
        assert running.finish(timeout=5.0) == 128 + signal.SIGINT
        assert not any(map(is_alive, pids(tmp_path, "start")))


def test_a_request_for_stacks_reaches_children_that_have_begun_and_harms_no_other(tmp_path: Path) -> None:
    child = """
if first():
    signal.signal(signal.SIGUSR1, lambda *_: note("asked"))
    tell(began=1.0)
    tell(state=health)
else:
    note("young")  # does nothing about the signal, which would end it
serve()
"""
    with supervised(tmp_path, child, processes=2) as running:
        wait_started(tmp_path, 2)
        wait_until(lambda: pids(tmp_path, "young"), timeout=20.0)

        def asked() -> list[int]:
            running.signal(signal.SIGUSR1)  # again: when the supervisor has heard of the first is not to be seen
            return pids(tmp_path, "asked")

        wait_until(asked, timeout=20.0)
        running.signal(signal.SIGTERM)
        assert running.finish() == 0
    assert not running.events("WorkerExited")


def test_a_configuration_that_never_worked_ends_everything_with_what_the_child_said(tmp_path: Path) -> None:
    wrong = "if first(): tell(failed='no such queue'); tell(ended=2); sys.exit(2)\ntell(began=1.0)\nserve()\n"
    with supervised(tmp_path, wrong, processes=2) as running:
        assert running.finish() == 2
        assert running.stderr == ["refused: no such queue\n"]
        assert not any(map(is_alive, pids(tmp_path, "start")))


def test_a_configuration_that_worked_once_is_tried_again(tmp_path: Path) -> None:
    later = (
        "tell(began=1.0)\n"
        "if not first(): tell(failed='virtual host refused'); sys.exit(2)\n"
        "tell(state=health)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    with supervised(tmp_path, later) as running:
        exits = running.wait_event("WorkerExited", 4)
        assert exits[0]["reason"] == "killed by SIGKILL"
        assert {one["reason"] for one in exits[1:]} == {"virtual host refused"}
        assert all(one["restart_in"] is not None for one in exits)
        running.signal(signal.SIGTERM)
        assert running.finish() == 0


def test_reports_that_cannot_be_read_harm_nobody(tmp_path: Path) -> None:
    babble = (
        "link.sendall(b'\\xff\\xfe nonsense\\n{}\\n')\ntell(state={'pid': 1})\ntell(began=1.0)\nnote('said')\nserve()\n"
    )
    with supervised(tmp_path, babble) as running:
        wait_until(lambda: pids(tmp_path, "said"), message="a child that babbles")
        running.signal(signal.SIGTERM)
        assert running.finish() == 0
        assert pids(tmp_path, "stop") == pids(tmp_path, "start")


def test_a_child_notices_the_death_of_its_parent_by_the_socket(tmp_path: Path) -> None:
    with supervised(tmp_path, "tell(began=1.0)\nlink.recv(1)\nnote('orphan')\n", processes=2) as running:
        wait_started(tmp_path, 2)
        running.signal(signal.SIGKILL)
        wait_until(lambda: len(pids(tmp_path, "orphan")) == 2, message="both notice")
