"""A server of the test session's own: kept by the same keeper as a private RabbitMQ node, in a temporary folder.

Not here: what each server's command and settings are (postgres_server.py, redis_service.py).
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.services.places import ServiceMissing
from tests.support.waiting import wait_until
from warren.integrations.node_keeper import keeper_command


class Server:
    """One server process in a data folder that goes with it."""

    def __init__(self, name: str) -> None:
        self.name = name
        # Not below the repository or pytest's folders: an unprivileged user could not reach it there.
        self.data_dir = Path(tempfile.mkdtemp(prefix=f"warren-{name}-"))
        self._keeper: subprocess.Popen[bytes] | None = None

    def start(self, command: list[str], is_ready: Callable[[], bool]) -> None:
        """Run `command`; return once it is ready. Raises ServiceMissing with its output when it is not."""
        output = self.data_dir / "output.log"
        pid_file = self.data_dir / "server.pid"
        with output.open("wb") as log:
            self._keeper = subprocess.Popen(
                keeper_command(pid_file, command),
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        keeper = self._keeper
        wait_until(lambda: is_ready() or keeper.poll() is not None, timeout=30.0, message=f"{self.name} answers")
        if keeper.poll() is not None:
            raise ServiceMissing(f"{self.name} ended while starting: {output.read_text(errors='replace')[-1000:]}")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the server and remove its data."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            if keeper.poll() is None:
                os.kill(int((self.data_dir / "server.pid").read_text()), how)
            keeper.wait(timeout=30.0)
        shutil.rmtree(self.data_dir, ignore_errors=True)


def unprivileged(*users: str) -> list[str]:
    """Return the command prefix that drops root to the first of `users` there is; nothing when not root."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={existing_user(*users).pw_uid}", "--clear-groups"]


def existing_user(*users: str) -> pwd.struct_passwd:
    """Return the first of `users` there is on this machine."""
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    return next(known[user] for user in users if user in known)
