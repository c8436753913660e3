"""Where RabbitMQ's scripts lie on this machine or in a folder with a Debian system, and how to run them there.

Not here: a running node (rabbitmq_node.py), or installing anything.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from warren.errors import ConfigurationError

__all__ = ["Installation", "find_installation"]

_SCRIPTS = "usr/lib/rabbitmq/lib/rabbitmq_server-*/sbin/rabbitmq-server"

# Mounts live in a mount namespace of the command's own: they end with it, however it ends.
_CHROOT = """
set -e
root=$1; data=$2; shift 2
mount --bind /proc "$root/proc"
mount --bind /dev "$root/dev"
mount --bind "$data" "$root/mnt"
exec chroot "$root" "$@"
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """RabbitMQ's scripts: on this machine (`root` is None), or under a folder that is run with chroot."""

    root: Path | None
    scripts: Path  # As seen by the commands: inside the chroot, if there is one.
    version: str

    def inside(self, data_dir: Path) -> Path:
        """Return the path under which commands see `data_dir`."""
        return data_dir if self.root is None else Path("/mnt")

    def command(self, data_dir: Path, *arguments: str) -> list[str]:
        """Return the argument vector that runs `arguments` where this installation lives."""
        if self.root is None:
            return list(arguments)
        return ["unshare", "--mount", "--", "sh", "-c", _CHROOT, "sh", str(self.root), str(data_dir), *arguments]


def find_installation(root: Path | None = None) -> Installation:
    """Find RabbitMQ on this machine, or in the Debian folder `root`.

    Raises ConfigurationError, saying what to install, when there is none or it cannot be run.
    """
    if not sys.platform.startswith("linux"):
        raise ConfigurationError("a private RabbitMQ node needs Linux; point $WARREN_BROKER at a broker instead")
    if root is not None and os.geteuid() != 0:
        raise ConfigurationError(f"running RabbitMQ from {root} needs root (it uses chroot)")
    root = root.resolve() if root else None
    found = _debian_scripts(root) or (_scripts_on_path() if root is None else None)
    if found is None:
        where = "on this machine" if root is None else f"in {root}"
        raise ConfigurationError(
            f"there is no RabbitMQ {where}; install it with: apt-get install rabbitmq-server "
            "(a service need not be running), or point $WARREN_BROKER at a broker"
        )
    scripts = found.parent
    inside = scripts if root is None else Path("/") / scripts.relative_to(root)
    return Installation(root=root, scripts=inside, version=_version(scripts))


def _debian_scripts(root: Path | None) -> Path | None:
    return max((root or Path("/")).glob(_SCRIPTS), default=None)


def _scripts_on_path() -> Path | None:
    # Packages other than Debian's link straight to the scripts.
    found = shutil.which("rabbitmq-server")
    return Path(found).resolve() if found else None


def _version(scripts: Path) -> str:
    core = next((scripts.parent / "plugins").glob("rabbit-[0-9]*"), None)
    found = re.search(r"-(\d+\.\d+\.\d+)", core.name if core else scripts.parent.name)
    return found[1] if found else "unknown"
