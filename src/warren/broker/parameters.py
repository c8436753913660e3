"""Runtime parameters: settings of a node or a virtual host that operators change while it runs.

Not here: policies (`model/policy.py`), which RabbitMQ also calls parameters.

The node keeps them in `parameters`: a global one under `(name,)`, one of a virtual host under `(vhost, component,
name)`, each as `{"value": …}`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from warren.broker.node import Node

__all__ = ["LIMITS", "METADATA", "clear", "drop_vhost", "limits", "put", "vhost_metadata"]

LIMITS: Final = ("vhost-limits", "limits")
"""Component and name of the limits of a virtual host: `max-connections` and `max-queues`."""

METADATA: Final = ("vhost-metadata", "metadata")
"""Component and name of a virtual host's description and tags. RabbitMQ keeps them elsewhere, so no list shows them."""


def put(node: Node, key: tuple[str, ...], value: Any) -> bool:
    """Set a parameter; return whether it is new."""
    is_new = key not in node.parameters
    kept = {"value": value}
    if node.parameters.get(key) != kept:
        node.parameters[key] = kept
        node.storage.define("parameter", key, kept)
    return is_new


def clear(node: Node, key: tuple[str, ...]) -> None:
    """Remove a parameter. KeyError where there is none."""
    del node.parameters[key]
    node.storage.define("parameter", key, None)


def drop_vhost(node: Node, vhost: str) -> None:
    """Remove all parameters of a virtual host that is no more."""
    for key in [key for key in node.parameters if len(key) > 1 and key[0] == vhost]:
        clear(node, key)


def limits(node: Node, vhost: str) -> dict[str, int]:
    """Return the limits of a virtual host. A negative one does not limit."""
    kept = node.parameters.get((vhost, *LIMITS))
    return dict(kept["value"]) if kept else {}


def vhost_metadata(node: Node, vhost: str) -> dict[str, Any]:
    """Return what is told of a virtual host: its description, tags and default queue type."""
    kept = node.parameters.get((vhost, *METADATA))
    if kept:
        return dict(kept["value"])
    description = "Default virtual host" if vhost == "/" else ""
    return {"description": description, "tags": [], "default_queue_type": "classic"}
