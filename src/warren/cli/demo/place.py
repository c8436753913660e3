"""Where the demo runs: the embedded broker, a private RabbitMQ node, or a virtual host of its own on a running broker.

Not here: starting them (`warren.broker`, `integrations/rabbitmq_node.py`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from warren.cli.demo.broker_api import BrokerApi
from warren.config import BrokerSettings
from warren.errors import ConfigurationError

__all__ = ["Place", "embedded_broker", "existing_broker", "private_node"]


@dataclass(frozen=True, slots=True)
class Place:
    """A virtual host for the demo alone. `name` is for people, without a password."""

    name: str
    url: str
    api: BrokerApi


@contextmanager
def embedded_broker(folder: Path) -> Iterator[Place]:
    """Run the embedded broker for the length of the block, with its journal in `folder`."""
    from warren.broker.embedded import EmbeddedBroker
    from warren.broker.settings import BrokerConfig
    from warren.embedding import url_of

    with EmbeddedBroker(BrokerConfig(port=0, management_port=0, data=folder / "broker")) as broker:
        url = url_of(broker)
        yield Place("the embedded broker", url, BrokerApi(BrokerSettings.parse(url), "/"))


@contextmanager
def private_node(folder: Path) -> Iterator[Place]:
    """Run a node in `folder` for the length of the block, and kill it then: its data is of no more use.

    Raises `ConfigurationError` where RabbitMQ is not installed.
    """
    from warren.integrations.rabbitmq_node import RabbitmqNode

    try:
        node = RabbitmqNode(folder / "node")
    except ConfigurationError as error:
        raise ConfigurationError(
            f"--rabbitmq needs RabbitMQ, and {error}; or leave the option out: the embedded broker needs nothing"
        ) from error
    try:
        node.start()
        management = quote(node.management_url, safe="")
        url = f"{node.url}?management={management}"
        yield Place(f"a private RabbitMQ {node.version}", url, BrokerApi(BrokerSettings.parse(url), "/"))
    finally:
        node.kill()


@contextmanager
def existing_broker(url: str) -> Iterator[Place]:
    """Make a virtual host on a running broker for the length of the block, and delete it then."""
    settings = BrokerSettings.parse(url)
    own = f"warren-demo-{secrets.token_hex(4)}"
    api = BrokerApi(settings, own)
    api.create_virtual_host()
    try:
        own_url = urlsplit(url)._replace(path=f"/{own}").geturl()
        yield Place(replace(settings, virtual_host=own).redacted, own_url, api)
    finally:
        api.delete_virtual_host()
