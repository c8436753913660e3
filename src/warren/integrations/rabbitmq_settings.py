"""What a private RabbitMQ node is configured with: its ports, its rabbitmq.conf, its environment, its files.

Not here: the processes (rabbitmq_node.py).
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from warren.errors import ConfigurationError
from warren.integrations.loopback_ports import free_port

__all__ = ["NODE_NAME", "NodePorts", "NodeSettings"]

# Names are unique per epmd, and each node has its own. Quorum queues store the name with their data.
NODE_NAME = "warren@localhost"

# When at-least-once dead-lettering tries again what it could not deliver: three minutes, RabbitMQ's own, are too long
# for those who wait for a test or a demo.
_DEAD_LETTER_RETRY_MS = 10_000

# The management API's totals are as old as the finest resolution of its history, however often queues report.
_RESOLUTIONS = tuple(
    f"management.sample_retention_policies.{name}" for name in ("global.minute", "basic.minute", "detailed.10")
)

# Schedulers that spin while idle starve a small machine.
_QUIET = "+sbwt none +sbwtdcpu none +sbwtdio none"


@dataclass(frozen=True, slots=True)
class NodePorts:
    """The loopback ports of a node, each another."""

    amqp: int
    management: int
    distribution: int
    epmd: int

    @classmethod
    def choose(cls, *, amqp: int | None = None, management: int | None = None) -> NodePorts:
        """Return the given ports and free ones for the rest."""
        if amqp is not None and amqp == management:
            raise ConfigurationError(f"AMQP and the management API cannot share port {amqp}; give them two")
        while True:
            ports = cls(amqp or free_port(), management or free_port(), free_port(), free_port())
            if len({*ports}) == len([*ports]):
                return ports

    def __iter__(self) -> Iterator[int]:
        return iter((self.amqp, self.management, self.distribution, self.epmd))


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """Everything a node is told. `home` is its data folder as its own processes see it."""

    ports: NodePorts
    home: Path
    config: Mapping[str, str]
    files: Mapping[str, bytes]
    statistics_interval: float
    schedulers: int

    def write(self, data_dir: Path) -> None:
        """Write the node's files into its data folder."""
        (data_dir / "log").mkdir(parents=True, exist_ok=True)
        for name, content in self.files.items():
            (data_dir / name).write_bytes(content)
        (data_dir / "enabled_plugins").write_text("[rabbitmq_management].\n")
        (data_dir / "rabbitmq.conf").write_text(self._rabbitmq_conf())
        # Empty, lest those in /etc apply.
        (data_dir / "advanced.config").write_text("[].\n")
        (data_dir / "env.conf").write_text("")
        cookie = data_dir / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(secrets.token_hex(20))
            cookie.chmod(0o400)

    def _rabbitmq_conf(self) -> str:
        defaults = {
            "listeners.tcp.local": f"127.0.0.1:{self.ports.amqp}",
            "management.tcp.ip": "127.0.0.1",
            "management.tcp.port": str(self.ports.management),
            "collect_statistics_interval": str(int(self.statistics_interval * 1000)),
            **{name: str(max(1, round(self.statistics_interval))) for name in _RESOLUTIONS},
            "vm_memory_high_watermark.absolute": "2GB",
            "disk_free_limit.absolute": "100MB",
            "log.file.level": "info",
        }
        lines = {**defaults, **self.config}
        return "".join(f"{key} = {value.replace('{data}', str(self.home))}\n" for key, value in lines.items())

    def environment(self) -> dict[str, str]:
        """Return the whole environment of the node's processes: nothing of the owner's settings reaches them."""
        erlang = f"-noinput +S {self.schedulers}:{self.schedulers} {_QUIET}"
        return {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:" + os.environ.get("PATH", ""),
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "ERL_EPMD_PORT": str(self.ports.epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RABBITMQ_ALLOW_INPUT": "1",  # Makes the script exec the server: its pid is the one the keeper knows.
            "RABBITMQ_NODENAME": NODE_NAME,
            "RABBITMQ_DIST_PORT": str(self.ports.distribution),
            "RABBITMQ_CONF_ENV_FILE": str(self.home / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.home / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.home / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.home / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.home / "data"),
            "RABBITMQ_LOG_BASE": str(self.home / "log"),
            "RABBITMQ_LOGS": str(self.home / "log" / "rabbit.log"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                f"{erlang} -kernel inet_dist_use_interface {{127,0,0,1}} "
                f"-rabbit dead_letter_worker_publisher_confirm_timeout {_DEAD_LETTER_RETRY_MS}"
            ),
        }
