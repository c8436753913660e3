"""The small process between an owner and a private server: when either ends, nothing of it lingers.

Not here: what the server is and how it is configured. Run by path with `python -I -S`: standard library only.

Theory of operation. The keeper starts the server and its attendants (RabbitMQ's is epmd) as its own children, writes
the server's pid to a file, then waits on process descriptors for the first of three ends:

    the server ends    → kill the attendants, exit
    the owner ends     → kill all, exit (nobody is left to ask for a graceful stop)
    SIGTERM arrives    → the same

Descriptors rather than PR_SET_PDEATHSIG: that signal fires when the *thread* that started the child ends.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path


def keep(owner: int, pid_file: Path, server: list[str], attendants: list[list[str]]) -> int:
    """Run the commands until the server or the `owner` process ends; return the server's exit status."""
    owner_end = os.pidfd_open(owner)
    if os.getppid() != owner:
        return 1  # The owner ended before the descriptor was open; the pid may be another's by now.
    wake, wake_writer = os.pipe()
    signal.signal(signal.SIGTERM, lambda _signal, _frame: os.write(wake_writer, b"."))

    # The attendants first: the server looks for them as it starts.
    *beside, main = [subprocess.Popen(command, stdin=subprocess.DEVNULL) for command in [*attendants, server]]
    try:
        written = pid_file.with_suffix(".new")
        written.write_text(str(main.pid))
        written.replace(pid_file)
        select.select([owner_end, os.pidfd_open(main.pid), wake], [], [])
    finally:
        for process in (main, *beside):
            process.kill()
            process.wait()
    return main.returncode


def keeper_command(pid_file: Path, server: list[str], *attendants: list[str]) -> list[str]:
    """Return the command that keeps `server` on behalf of the calling process."""
    commands = [json.dumps(command) for command in (server, *attendants)]
    return [sys.executable, "-I", "-S", __file__, str(os.getpid()), str(pid_file), *commands]


if __name__ == "__main__":
    _owner, _pid_file, *_commands = sys.argv[1:]
    _server, *_attendants = [json.loads(command) for command in _commands]
    sys.exit(keep(int(_owner), Path(_pid_file), _server, _attendants))
