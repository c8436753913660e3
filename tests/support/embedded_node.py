"""The embedded broker as a process of a test's own, with what tests use of RabbitmqNode: start, kill, restart, stop.

Not here: the broker in a thread, which needs nothing but `EmbeddedBroker`.

The process runs this module: it reads its settings from a file, serves, and takes orders on stdin.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from warren.broker.running import RunningBroker, new_event_loop, running
from warren.broker.settings import BrokerConfig, Profile
from warren.errors import BrokerUnavailable
from warren.integrations.loopback_ports import free_port

LOW_MEMORY, ENOUGH_MEMORY = "low-memory", "enough-memory"


class EmbeddedNode:
    """An embedded broker on loopback ports of its own; its data survives `kill` and `restart`. Login guest/guest."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        management_port: int | None = None,
        config: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
        statistics_interval: float = 5.0,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.port = port or free_port()
        self.management_port = management_port or free_port()
        self._config = dict(config or {})
        self._files = dict(files or {})
        self._statistics_interval = statistics_interval
        self._process: subprocess.Popen[bytes] | None = None

    def __repr__(self) -> str:
        return f"<EmbeddedNode on {self.port}, {'running' if self.is_running else 'stopped'}>"

    @property
    def version(self) -> str:
        return Profile.RABBITMQ_4_0.version

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}/%2F"

    @property
    def management_url(self) -> str:
        return f"http://guest:guest@127.0.0.1:{self.management_port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        if self._process is None or not self.is_running:
            raise BrokerUnavailable(f"the embedded broker in {self.data_dir} is not running")
        return self._process.pid

    @property
    def resident_bytes(self) -> int:
        """What it has in memory now."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    @property
    def log(self) -> str:
        """What it has written to stderr, over all its lives."""
        return self._log.read_text()

    def start(self) -> None:
        """Start it; returns once it listens."""
        if self.is_running:
            return
        self.data_dir.mkdir(parents=True, exist_ok=True)
        for name, content in self._files.items():
            (self.data_dir / name).write_bytes(content)
        settings = self.data_dir / "settings.json"
        settings.write_text(json.dumps(self._settings()))
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.embedded_node", str(settings)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        assert self._process.stdout is not None
        if self._process.stdout.readline() != b"listening\n":
            self.kill()
            raise BrokerUnavailable(f"the embedded broker ended while starting:\n{self._log.read_text()[-3000:]}")

    def stop(self, timeout: float = 30.0) -> None:
        self._end(signal.SIGTERM, timeout)

    def kill(self) -> None:
        self._end(signal.SIGKILL, 10.0)

    def restart(self) -> None:
        self.stop()
        self.start()

    def tell(self, order: str) -> None:
        """Give the running broker an order, such as LOW_MEMORY; returns once it was carried out."""
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{order}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == b"done\n"

    def _end(self, how: signal.Signals, timeout: float) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            os.kill(process.pid, how)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()

    @property
    def _log(self) -> Path:
        return self.data_dir / "broker.log"

    def _settings(self) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "port": self.port,
            "management_port": self.management_port,
            "data": str(self.data_dir / "journal"),
            "statistics_interval": self._statistics_interval,
            "dead_letter_retry": 1.0,
        }
        for name, text in self._config.items():
            value = text.replace("{data}", str(self.data_dir))
            match name:
                case "max_message_size" | "memory_limit":
                    settings[name] = int(value)
                case "consumer_timeout" | "handshake_timeout":
                    settings[name] = int(value) / 1000
                case "listeners.ssl.local":
                    settings["tls_port"] = int(value.rpartition(":")[2])
                case "ssl_options.cacertfile":
                    settings["tls_ca"] = value
                case "ssl_options.certfile":
                    settings["tls_cert"] = value
                case "ssl_options.keyfile":
                    settings["tls_key"] = value
                case "ssl_options.fail_if_no_peer_cert":
                    settings["tls_client_required"] = value == "true"
                case "ssl_options.verify":
                    pass  # said with fail_if_no_peer_cert
                case _:
                    raise ValueError(f"{name} is no setting of the embedded broker")
        return settings


# -- the process ----------------------------------------------------------------------------


def _configured(path: Path) -> BrokerConfig:
    settings = json.loads(path.read_text())
    for name in ("data", "tls_ca", "tls_cert", "tls_key"):
        if name in settings:
            settings[name] = Path(settings[name])
    return BrokerConfig(**settings)


async def _serve(config: BrokerConfig) -> None:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    async with running(config) as broker:
        loop.add_reader(sys.stdin.fileno(), lambda: _obey(broker, ended))
        print("listening", flush=True)
        await ended.wait()


def _obey(broker: RunningBroker, ended: asyncio.Event) -> None:
    order = sys.stdin.readline().strip()
    if not order:  # whoever started this process is gone
        ended.set()
    elif order in (LOW_MEMORY, ENOUGH_MEMORY):
        broker.node.set_alarm("memory", "a test says so" if order == LOW_MEMORY else None)
        print("done", flush=True)


def main(path: str) -> None:
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(_serve(_configured(Path(path))))


if __name__ == "__main__":
    main(sys.argv[1])
