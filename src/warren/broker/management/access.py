"""Who may ask what: the tags of the management plugin, and the virtual hosts a user may see.

Not here: permissions on exchanges and queues (`auth.py`), which hold here as they do in AMQP.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import TYPE_CHECKING

from warren.broker.auth import User
from warren.broker.management.request import Refusal

if TYPE_CHECKING:
    from warren.broker.management.request import Request
    from warren.broker.model.vhost import VirtualHost

__all__ = ["Need", "entered_vhosts", "is_administrator", "is_monitor", "visible_vhosts"]


class Need(Enum):
    """What a route asks of the user: a tag, and the reason RabbitMQ gives where it is missing.

    Each tag includes what stands before it here; policymaker and monitoring do not include one another.
    """

    MANAGEMENT = ({"management", "policymaker", "monitoring", "administrator"}, "Not management user")
    POLICYMAKER = ({"policymaker", "administrator"}, "User not authorised to access object")
    MONITORING = ({"monitoring", "administrator"}, "Not monitor user")
    ADMINISTRATOR = ({"administrator"}, "Not administrator user")

    def __init__(self, tags: set[str], reason: str) -> None:
        self.tags = frozenset(tags)
        self.reason = reason

    def check(self, request: Request) -> None:
        """Raise 401 unless the user has a tag that is enough, and may enter the virtual host of the path."""
        if Need.MANAGEMENT.tags.isdisjoint(request.user.tags):
            raise Refusal.unauthorised(Need.MANAGEMENT.reason)
        if self.tags.isdisjoint(request.user.tags):
            raise Refusal.unauthorised(self.reason)
        vhost = request.path.get("vhost")
        if self is Need.ADMINISTRATOR or vhost not in request.node.vhosts:
            return
        if not request.node.accounts.may_enter(request.user.name, vhost):
            is_object = self is Need.POLICYMAKER
            raise Refusal.unauthorised(self.reason if is_object else "User not authorised to access virtual host")


def is_administrator(user: User) -> bool:
    return "administrator" in user.tags


def is_monitor(user: User) -> bool:
    """Return whether the user sees what belongs to others."""
    return not Need.MONITORING.tags.isdisjoint(user.tags)


def entered_vhosts(request: Request) -> Iterator[VirtualHost]:
    """The virtual hosts the user has a permission in, or the one of the path, by name."""
    if "vhost" in request.path:
        yield request.vhost
        return
    for name, vhost in sorted(request.node.vhosts.items()):
        if request.node.accounts.may_enter(request.user.name, name):
            yield vhost


def visible_vhosts(request: Request) -> Iterator[VirtualHost]:
    """The virtual hosts the user is told of: administrators and monitors see all."""
    if is_monitor(request.user) and "vhost" not in request.path:
        yield from (vhost for _, vhost in sorted(request.node.vhosts.items()))
    else:
        yield from entered_vhosts(request)
