"""Bindings: list them from every side, make and remove them.

Not here: the index they are kept in (`model/bindings.py`).

A binding has no name, so RabbitMQ gives each a `properties_key`: the routing key, percent-encoded, and after a `~` a
short hash of the arguments where there are any. It stands for the binding in a path. Clients take it from a list.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, quote_plus, unquote_plus

from warren.broker.auth import Access
from warren.broker.management.access import entered_vhosts
from warren.broker.management.exchanges import exchange_name
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.request import NO_CONTENT, Refusal, Request, Response, as_table
from warren.broker.management.routing import Route
from warren.broker.model.bindings import arguments_key

if TYPE_CHECKING:
    from warren.broker.model.bindings import Binding
    from warren.broker.model.vhost import VirtualHost

__all__ = ["ROUTES", "properties_key"]


def properties_key(routing_key: str, arguments: dict[str, Any]) -> str:
    """Return what stands for a binding in the path of a request."""
    quoted = quote_plus(routing_key, safe="", errors="surrogateescape").replace("~", "%7E")
    hashed = arguments_key(arguments)
    if hashed:
        return f"{quoted}~{hashed}"
    return quoted or "~"


def _binding_json(vhost: str, binding: Binding) -> Json:
    return {
        "source": binding.source.name,
        "vhost": vhost,
        "destination": binding.destination,
        "destination_type": binding.kind,
        "routing_key": binding.routing_key,
        "arguments": dict(binding.arguments),
        "properties_key": properties_key(binding.routing_key, binding.arguments),
    }


def _default_binding(vhost: str, queue: str) -> Json:
    """Every queue is bound to the default exchange by its name, without a binding that is kept."""
    return {
        "source": "",
        "vhost": vhost,
        "destination": queue,
        "destination_type": "queue",
        "routing_key": queue,
        "arguments": {},
        "properties_key": properties_key(queue, {}),
    }


def _json(vhost: VirtualHost, bindings: Iterable[Binding]) -> Iterator[Json]:
    for binding in bindings:
        yield _binding_json(vhost.name, binding)


def _every(vhost: VirtualHost) -> Iterator[Json]:
    for queue in vhost.queues:
        yield _default_binding(vhost.name, queue)
    yield from _json(vhost, vhost.bindings)


def _respond(request: Request, found: Iterable[Json]) -> Response:
    order = ("vhost", "source", "destination", "routing_key")
    return respond_list(request, list(found), order=order)


# -- from one side ------------------------------------------------------------------------


def _list(request: Request) -> Response:
    return _respond(request, [one for vhost in entered_vhosts(request) for one in _every(vhost)])


def _leaving(request: Request) -> Response:
    vhost, name = request.vhost, exchange_name(request.path["exchange"])
    if not name:
        return _respond(request, [_default_binding(vhost.name, queue) for queue in vhost.queues])
    return _respond(request, _json(vhost, vhost.bindings.leaving(name)))


def _leading_to_exchange(request: Request) -> Response:
    vhost, name = request.vhost, exchange_name(request.path["exchange"])
    return _respond(request, _json(vhost, vhost.bindings.leading_to("exchange", name)))


def _leading_to_queue(request: Request) -> Response:
    vhost, name = request.vhost, request.path["queue"]
    if name not in vhost.queues:
        raise Refusal.missing()
    bound = list(_json(vhost, vhost.bindings.leading_to("queue", name)))
    return _respond(request, [_default_binding(vhost.name, name), *bound])


# -- between two --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Ends:
    """The exchange and the queue or exchange that a path names."""

    vhost: VirtualHost
    source: str
    kind: str
    destination: str

    @classmethod
    def of(cls, request: Request) -> _Ends:
        path = request.path
        if "queue" in path:
            return cls(request.vhost, exchange_name(path["source"]), "queue", path["queue"])
        return cls(request.vhost, exchange_name(path["source"]), "exchange", exchange_name(path["destination"]))

    def bindings(self) -> Iterator[Json]:
        if not self.source and self.kind == "queue":
            if self.destination in self.vhost.queues:
                yield _default_binding(self.vhost.name, self.destination)
            return
        for binding in self.vhost.bindings.leading_to(self.kind, self.destination):
            if binding.source.name == self.source:
                yield _binding_json(self.vhost.name, binding)

    def find(self, told: str) -> Json:
        """Return the binding that a properties key stands for. Raises 404."""
        for one in self.bindings():
            if told in (one["properties_key"], unquote_plus(one["properties_key"])):
                return one
        raise Refusal.missing()

    def check(self, request: Request) -> None:
        """Raise what AMQP would unless the user may bind and unbind these two."""
        request.check(Access.WRITE, self.kind, self.destination)
        request.check(Access.READ, "exchange", self.source)


def _between(request: Request) -> Response:
    return _respond(request, _Ends.of(request).bindings())


def _read(request: Request) -> Response:
    return respond_one(request, _Ends.of(request).find(request.path["properties"]))


def _bind(request: Request) -> Response:
    ends, told = _Ends.of(request), request.content()
    routing_key, arguments = str(told.get("routing_key", "")), as_table(told, "arguments")
    ends.check(request)
    ends.vhost.bind(ends.kind, ends.destination, ends.source, routing_key, arguments)
    key = quote(properties_key(routing_key, arguments), safe="~")
    return Response(201, headers={"location": f"{quote(ends.destination, safe='')}/{key}"})


def _unbind(request: Request) -> Response:
    ends = _Ends.of(request)
    found = ends.find(request.path["properties"])
    ends.check(request)
    ends.vhost.unbind(ends.kind, ends.destination, ends.source, found["routing_key"], found["arguments"])
    return NO_CONTENT


_TO_QUEUE: Final = "bindings/{vhost}/e/{source}/q/{queue}"
_TO_EXCHANGE: Final = "bindings/{vhost}/e/{source}/e/{destination}"

ROUTES: Final = (
    Route("GET", "bindings", _list),
    Route("GET", "bindings/{vhost}", _list),
    Route("GET", "queues/{vhost}/{queue}/bindings", _leading_to_queue),
    Route("GET", "exchanges/{vhost}/{exchange}/bindings/source", _leaving),
    Route("GET", "exchanges/{vhost}/{exchange}/bindings/destination", _leading_to_exchange),
    *(
        route
        for path in (_TO_QUEUE, _TO_EXCHANGE)
        for route in (
            Route("GET", path, _between),
            Route("POST", path, _bind),
            Route("GET", f"{path}/{{properties}}", _read),
            Route("DELETE", f"{path}/{{properties}}", _unbind),
        )
    ),
)
