"""Certificates for tests of TLS: an authority, a server called localhost and a client, valid for a day.

Not here: what trusts or refuses them.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from warren.integrations.loopback_ports import free_port


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files in one folder: `ca.pem`, and a certificate and a key each for `server` and `client`."""

    folder: Path

    @property
    def authority(self) -> Path:
        return self.folder / "ca.pem"

    def certificate(self, name: str) -> Path:
        return self.folder / f"{name}.pem"

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def broker_options(self, *, port: int | None = None, client_required: bool = False) -> dict[str, Any]:
        """Return what makes a RabbitmqNode listen with TLS on `port` too: `private_broker(**options)`."""
        config = {
            "listeners.ssl.local": f"127.0.0.1:{port or free_port()}",
            "ssl_options.cacertfile": "{data}/ca.pem",
            "ssl_options.certfile": "{data}/server.pem",
            "ssl_options.keyfile": "{data}/server.key",
            "ssl_options.verify": "verify_peer" if client_required else "verify_none",
            "ssl_options.fail_if_no_peer_cert": str(client_required).lower(),
        }
        files = [self.authority, self.certificate("server"), self.key("server")]
        return {"config": config, "files": {path.name: path.read_bytes() for path in files}}


def make_certificates(folder: Path, *, server: str = "DNS:localhost") -> Certificates:
    """Make them with openssl. `server` is the name the server's certificate is for."""
    _openssl(folder, "req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=authority -keyout ca.key -out ca.pem")
    for name, extension in (("server", f"subjectAltName={server}"), ("client", "extendedKeyUsage=clientAuth")):
        (folder / f"{name}.ext").write_text(extension)
        _openssl(folder, f"req -new -newkey rsa:2048 -nodes -subj /CN={name} -keyout {name}.key -out {name}.csr")
        signing = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 1"
        _openssl(folder, f"x509 -req -in {name}.csr {signing} -extfile {name}.ext -out {name}.pem")
    return Certificates(folder)


def _openssl(folder: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)
