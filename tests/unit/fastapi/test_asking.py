"""The store asked from an event loop: its answers in time, and what a store that hangs may cost."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from typing import Any

import pytest

from warren.errors import StoreUnavailable
from warren.integrations.fastapi.asking import AsyncStore
from warren.reliability.stores.memory import MemoryStore


class Hanging(MemoryStore):
    """Answers nothing before it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.let_go = threading.Event()
        self.asked = threading.Event()

    def status(self, work_id: str) -> Any:
        self.asked.set()
        self.let_go.wait()
        return super().status(work_id)

    def close(self) -> None:
        self.let_go.wait()
        super().close()


def test_a_store_that_hangs_is_unavailable_and_is_left_to_itself(caplog: pytest.LogCaptureFixture) -> None:
    store = Hanging()

    async def ask() -> None:
        asked = AsyncStore(lambda: store, timeout=0.05)
        with pytest.raises(StoreUnavailable, match=r"within 0\.05 s"):
            await asked.ask(lambda store: store.status("w1"))
        await asked.close()

    asyncio.run(ask())
    store.let_go.set()
    assert "left to itself" in caplog.text


def test_who_is_given_up_while_the_store_answers_is_given_up() -> None:
    store = Hanging()

    async def ask() -> None:
        asked = AsyncStore(lambda: store, timeout=60.0)
        task = asyncio.create_task(asked.ask(lambda store: store.status("w1")))
        await asyncio.to_thread(store.asked.wait)
        store.let_go.set()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asked.close()

    asyncio.run(ask())


PROGRAM = """
import asyncio, threading
from warren.errors import StoreUnavailable
from warren.integrations.fastapi.asking import AsyncStore

class Store:
    def status(self, work_id):
        threading.Event().wait()
    close = lambda self: self.status("")

async def main():
    asked = AsyncStore(Store, timeout=0.05)
    try:
        await asked.ask(lambda store: store.status(""))
    except StoreUnavailable:
        print("unavailable", flush=True)
    await asked.close()

asyncio.run(main())
"""


def test_a_store_that_hangs_keeps_no_process_alive() -> None:
    ended = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30.0, check=False)

    assert (ended.returncode, ended.stdout) == (0, "unavailable\n"), ended.stderr
