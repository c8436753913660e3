"""Exchanges: list, read, declare, delete.

Not here: publishing to them (`messages.py`) and their bindings (`bindings.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from warren.broker.auth import Access
from warren.broker.management.access import entered_vhosts
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.rates import message_stats
from warren.broker.management.request import (
    CREATED,
    NO_CONTENT,
    Refusal,
    Request,
    Response,
    as_bool,
    as_table,
)
from warren.broker.management.routing import Route
from warren.broker.management.samples import exchange_messages

if TYPE_CHECKING:
    from warren.broker.model.exchange import Exchange

__all__ = ["ROUTES", "exchange_name"]

_DEFAULT: Final = "amq.default"


def exchange_name(told: str) -> str:
    """Return the name of an exchange of a path: the default exchange is written `amq.default`."""
    return "" if told == _DEFAULT else told


def _find(request: Request) -> Exchange:
    found = request.vhost.exchanges.get(exchange_name(request.path["exchange"]))
    if found is None:
        raise Refusal.missing()
    return found


def _exchange_json(request: Request, exchange: Exchange, vhost: str) -> Json:
    policy = request.node.vhosts[vhost].policies.matching("exchange", exchange.name)
    is_built_in = not exchange.name or exchange.name.startswith("amq.")
    return {
        "arguments": dict(exchange.arguments),
        "auto_delete": exchange.auto_delete,
        "durable": exchange.durable,
        "internal": exchange.internal,
        **message_stats(request, ("exchange", vhost, exchange.name), exchange_messages(exchange)),
        "name": exchange.name,
        **({"policy": policy.name} if policy else {}),
        "type": exchange.type,
        "user_who_performed_action": "rmq-internal" if is_built_in else request.node.config.user,
        "vhost": vhost,
    }


# -- handlers -----------------------------------------------------------------------------


def _list(request: Request) -> Response:
    found = [
        _exchange_json(request, exchange, vhost.name)
        for vhost in entered_vhosts(request)
        for exchange in vhost.exchanges.values()
    ]
    return respond_list(request, found, order=("vhost", "name"), paged=True)


def _read(request: Request) -> Response:
    told = _exchange_json(request, _find(request), request.vhost.name)
    return respond_one(request, told | {"incoming": [], "outgoing": []})


def _declare(request: Request) -> Response:
    vhost, name = request.target_vhost, exchange_name(request.path["exchange"])
    told = request.content()
    durable, auto_delete = as_bool(told, "durable"), as_bool(told, "auto_delete")
    internal, arguments = as_bool(told, "internal"), as_table(told, "arguments")
    is_new = name not in vhost.exchanges
    request.check(Access.CONFIGURE, "exchange", name)
    vhost.declare_exchange(
        name,
        str(told.get("type", "direct")),
        passive=False,
        durable=durable,
        auto_delete=auto_delete,
        internal=internal,
        arguments=arguments,
    )
    return CREATED if is_new else NO_CONTENT


def _delete(request: Request) -> Response:
    exchange = _find(request)
    request.check(Access.CONFIGURE, "exchange", exchange.name)
    request.vhost.delete_exchange(exchange.name, if_unused=request.wants("if-unused"))
    return NO_CONTENT


ROUTES: Final = (
    Route("GET", "exchanges", _list),
    Route("GET", "exchanges/{vhost}", _list),
    Route("GET", "exchanges/{vhost}/{exchange}", _read),
    Route("PUT", "exchanges/{vhost}/{exchange}", _declare),
    Route("DELETE", "exchanges/{vhost}/{exchange}", _delete),
)
