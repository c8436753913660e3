"""A program on a terminal of its own: its screen as a person sees it, the keys it gets, and how it leaves the terminal.

Not here: what the programs do.
"""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyte

from tests.support.cli import WARREN, environment
from tests.support.waiting import wait_until

__all__ = ["Screen", "on_a_screen"]

ALTERNATE, MAIN = b"\x1b[?1049h", b"\x1b[?1049l"
CURSOR_HIDDEN, CURSOR_SHOWN = b"\x1b[?25l", b"\x1b[?25h"


class Screen:
    """The terminal of a running program. `lines` is what is on it."""

    def __init__(self, process: subprocess.Popen[bytes], terminal: int, columns: int, rows: int) -> None:
        self.process = process
        self.written = b""
        self._terminal = terminal
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._modes = termios.tcgetattr(terminal)

    @property
    def lines(self) -> list[str]:
        """What is on the screen now."""
        self._read()
        return [line.rstrip() for line in self._screen.display]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def is_as_it_was(self) -> bool:
        """Whether the terminal was left as it was found: its modes, its screen, its cursor."""
        self._read()
        is_main = self.written.rfind(MAIN) > self.written.rfind(ALTERNATE)
        is_shown = self.written.rfind(CURSOR_SHOWN) > self.written.rfind(CURSOR_HIDDEN)
        return is_main and is_shown and termios.tcgetattr(self._terminal) == self._modes

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def resize(self, columns: int, rows: int) -> None:
        """Change the size, and tell the program as a terminal does."""
        self._read()
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self._screen.resize(rows, columns)
        self._screen.reset()
        self.process.send_signal(signal.SIGWINCH)

    def wait(self, shows: str | Callable[[list[str]], Any], *, timeout: float = 30.0) -> list[str]:
        """Wait until the screen shows a text, or is as a function wants it; return its lines."""
        is_there = (lambda lines: any(shows in line for line in lines)) if isinstance(shows, str) else shows

        def look() -> list[str] | None:
            lines = self.lines
            return lines if is_there(lines) else None

        return wait_until(look, timeout=timeout, message=lambda: f"{shows}; the screen shows:\n{self.text}")

    def finish(self, *, timeout: float = 20.0) -> int:
        """Wait for the end; return the exit code."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.05)  # or a program could wait for room to write for ever
        return self.process.wait(0.0)

    def _read(self, patience: float = 0.0) -> None:
        while select.select([self._terminal], [], [], patience)[0]:
            try:
                data = os.read(self._terminal, 65_536)
            except OSError:  # nobody has the other end any more
                return
            if not data:
                return
            self.written += data
            self._stream.feed(data)


@contextmanager
def on_a_screen(
    *arguments: str,
    cwd: Path,
    broker: str | None = None,
    columns: int = 80,
    rows: int = 24,
    env: Mapping[str, str] | None = None,
) -> Iterator[Screen]:
    """Start `warren ARGUMENTS` on a terminal, and kill it at the end of the block."""
    ours, its = pty.openpty()
    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    surroundings = environment(broker, TERM="xterm-256color", **(env or {}))
    for name in ("COLUMNS", "LINES"):  # xdist gives its workers both, and they would count for more than the terminal
        surroundings.pop(name, None)
    process = subprocess.Popen(
        [*WARREN, *arguments],
        cwd=cwd,
        env=surroundings,
        stdin=its,
        stdout=its,
        stderr=its,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # Ctrl-C and a hang-up reach it
        start_new_session=True,
    )
    try:
        yield Screen(process, ours, columns, rows)
    finally:
        process.kill()
        process.wait()
        os.close(its)
        os.close(ours)
