"""A private RabbitMQ node: a process its owner starts, kills, restarts and stops, on loopback ports of its own.

Not here: finding RabbitMQ (rabbitmq_installation.py), what it is told (rabbitmq_settings.py), or a broker that was
already running.

Nothing is shared with another node on the machine: the node has its own data folder, cookie, plugins file, logs and
epmd. The data survives `kill` and `restart`; a later node on the same folder carries on with it.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from warren.errors import BrokerUnavailable
from warren.integrations.loopback_ports import is_free
from warren.integrations.node_keeper import keeper_command
from warren.integrations.rabbitmq_installation import Installation, find_installation
from warren.integrations.rabbitmq_settings import NODE_NAME, NodePorts, NodeSettings

__all__ = ["RabbitmqNode"]

_POLL = 0.05
_LOG_LINES = 25
_FAILURE = re.compile(r"\[error\]|BOOT FAILED|[Ee]rror:|: not found")


class RabbitmqNode:
    """A RabbitMQ node of one's own, listening on 127.0.0.1 only.

    `root` is a folder with a Debian system to run from with chroot (default: this machine's RabbitMQ). Ports are
    chosen when they are not given, and kept for the life of the object. `files` are written into the data folder;
    `config` adds or replaces lines of rabbitmq.conf, where `{data}` stands for that folder. `statistics_interval` is in
    seconds. The login is guest/guest.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        root: Path | None = None,
        port: int | None = None,
        management_port: int | None = None,
        config: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
        statistics_interval: float = 5.0,
        schedulers: int = 2,
        start_timeout: float = 60.0,
    ) -> None:
        self.installation: Installation = find_installation(root)
        self.data_dir = data_dir.resolve()
        ports = NodePorts.choose(amqp=port, management=management_port)
        self.port = ports.amqp
        self.management_port = ports.management
        self._settings = NodeSettings(
            ports=ports,
            home=self.installation.inside(self.data_dir),
            config=dict(config or {}),
            files=dict(files or {}),
            statistics_interval=statistics_interval,
            schedulers=schedulers,
        )
        self._start_timeout = start_timeout
        self._keeper: subprocess.Popen[bytes] | None = None
        # Set only while the node runs.
        self._pid: int | None = None

    def __repr__(self) -> str:
        state = f"running as {self._pid}" if self.is_running else "stopped"
        return f"<RabbitmqNode {self.version} on {self.port}, {state}>"

    def __enter__(self) -> RabbitmqNode:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def version(self) -> str:
        """RabbitMQ's version, such as `3.10.8`."""
        return self.installation.version

    @property
    def url(self) -> str:
        """The AMQP URL of the default virtual host."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    @property
    def management_url(self) -> str:
        """The management API's URL, with the login, without a path."""
        return f"http://guest:guest@127.0.0.1:{self.management_port}"

    @property
    def is_running(self) -> bool:
        """Whether the server process lives (it may not answer yet)."""
        return self._keeper is not None and self._keeper.poll() is None

    @property
    def pid(self) -> int:
        """The server's process id; BrokerUnavailable when it is not running."""
        if self._pid is None or not self.is_running:
            raise BrokerUnavailable(f"the RabbitMQ node in {self.data_dir} is not running")
        return self._pid

    def start(self) -> None:
        """Start the node; return once AMQP and the management API answer.

        Raises BrokerUnavailable, with what the node logged, when it ends early or does not answer in time.
        """
        if self.is_running:
            return
        self._check_ports()
        self._settings.write(self.data_dir)
        self._pid_file.unlink(missing_ok=True)
        with self._startup_log.open("wb") as output:
            self._keeper = subprocess.Popen(  # The session of its own keeps a terminal's Ctrl-C to the owner.
                self._keeper_command(),
                env=self._settings.environment(),
                cwd=self.data_dir,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._await_answers()
        except BaseException:
            self.kill()
            raise

    def stop(self, timeout: float = 30.0) -> None:
        """End the node gracefully; kill it when it has not ended after `timeout` seconds. Safe to call twice."""
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        """End the node with SIGKILL, as a crash or a power cut would; its data stays as it is on disk."""
        self._end(signal.SIGKILL, timeout=10.0)

    def restart(self) -> None:
        """Stop the node if it runs, then start it on the same data and ports."""
        self.stop()
        self.start()

    def rabbitmqctl(self, *arguments: str, timeout: float = 60.0) -> str:
        """Run rabbitmqctl on this node and return what it prints. Raises BrokerUnavailable when it fails."""
        command = self._command(str(self.installation.scripts / "rabbitmqctl"), "-n", NODE_NAME, *arguments)
        try:
            done = subprocess.run(
                command, env=self._settings.environment(), capture_output=True, text=True, timeout=timeout, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise BrokerUnavailable(f"rabbitmqctl {arguments[0]} took more than {timeout:g} s") from error
        if done.returncode != 0:
            raise BrokerUnavailable(f"rabbitmqctl {' '.join(arguments)} failed: {done.stderr.strip()}")
        return done.stdout

    def log_tail(self, lines: int = _LOG_LINES) -> str:
        """Return the last lines the node has logged."""
        return "\n".join(_lines(self._log)[-lines:])

    # -- processes ------------------------------------------------------------------------

    def _keeper_command(self) -> list[str]:
        epmd = self._command("epmd", "-address", "127.0.0.1", "-port", str(self._settings.ports.epmd))
        server = self._command(str(self.installation.scripts / "rabbitmq-server"))
        return keeper_command(self._pid_file, server, epmd)

    def _command(self, *arguments: str) -> list[str]:
        return self.installation.command(self.data_dir, *arguments)

    def _end(self, how: signal.Signals, timeout: float) -> None:
        keeper, self._keeper = self._keeper, None
        if keeper is None:
            return
        pid, self._pid = self._pid or self._read_pid(), None
        if keeper.poll() is None and pid is not None:
            try:
                os.kill(pid, how)
            except ProcessLookupError:
                pass  # It ended between the two lines.
        try:
            keeper.wait(timeout if pid is not None else 0.0)
        except subprocess.TimeoutExpired:
            keeper.terminate()  # The keeper kills what it keeps.
            keeper.wait()

    def _check_ports(self) -> None:
        # Looked at first: on a taken port it would be another server that answers.
        for port in self._settings.ports:
            if not is_free(port):
                raise BrokerUnavailable(
                    f"RabbitMQ cannot start: another process listens on port {port}; choose another"
                )

    def _await_answers(self) -> None:
        deadline = time.monotonic() + self._start_timeout
        while not (self._amqp_answers() and self._management_answers()):
            if not self.is_running:
                raise self._unavailable("ended while starting")
            if time.monotonic() > deadline:
                raise self._unavailable(f"did not answer within {self._start_timeout:g} s")
            time.sleep(_POLL)
        self._pid = self._read_pid()

    def _unavailable(self, what: str) -> BrokerUnavailable:
        # The console says why a start failed, at its first error; what follows is Erlang taking itself apart.
        console = _lines(self._startup_log)
        first = next((number for number, line in enumerate(console) if _FAILURE.search(line)), None)
        log = self.log_tail() if first is None else "\n".join(console[first : first + _LOG_LINES])
        return BrokerUnavailable(f"RabbitMQ {self.version} {what}; it logged:\n{log or '(nothing)'}")

    def _read_pid(self) -> int | None:
        return int(self._pid_file.read_text()) if self._pid_file.exists() else None

    def _amqp_answers(self) -> bool:
        try:
            # The listener opens last of all. RabbitMQ takes a connection without data for a load balancer's probe.
            socket.create_connection(("127.0.0.1", self.port), timeout=1.0).close()
        except OSError:
            return False
        return True

    def _management_answers(self) -> bool:
        request = urllib.request.Request(f"http://127.0.0.1:{self.management_port}/api/vhosts")
        request.add_header("Authorization", "Basic " + base64.b64encode(b"guest:guest").decode())
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=2.0) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    # -- files ----------------------------------------------------------------------------

    @property
    def _pid_file(self) -> Path:
        return self.data_dir / "server.pid"

    @property
    def _startup_log(self) -> Path:
        return self.data_dir / "log" / "startup.log"

    @property
    def _log(self) -> Path:
        return self.data_dir / "log" / "rabbit.log"


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines() if path.exists() else []
