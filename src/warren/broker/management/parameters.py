"""Parameters of virtual hosts, and global ones.

Not here: policies (`policies.py`) and limits (`limits.py`), which RabbitMQ keeps as parameters too and lists here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from warren.broker import parameters
from warren.broker.management import policies
from warren.broker.management.access import Need, entered_vhosts
from warren.broker.management.limits import check_vhost_limits
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.request import CREATED, NO_CONTENT, Refusal, Request, Response, bad_request
from warren.broker.management.routing import Route

if TYPE_CHECKING:
    from warren.broker.node import Node

__all__ = ["ROUTES", "global_parameters", "set_parameter", "vhost_parameters"]


def vhost_parameters(node: Node, vhosts: Iterable[str]) -> Iterator[Json]:
    """The parameters of virtual hosts; operator policies are among them, policies are not."""
    for vhost in vhosts:
        for one in policies.definitions(node, [vhost], operator=True):
            yield policies.as_parameter(one, "operator_policy")
        for key, kept in node.parameters.items():
            if len(key) == 3 and key[0] == vhost and key[1] != parameters.METADATA[0]:
                yield {"value": kept["value"], "vhost": vhost, "component": key[1], "name": key[2]}


def global_parameters(node: Node) -> Iterator[Json]:
    """The parameters of the node."""
    for key, kept in node.parameters.items():
        if len(key) == 1:
            yield {"name": key[0], "value": kept["value"]}


def set_parameter(node: Node, component: str, vhost: str, name: str, value: object) -> bool:
    """Set a parameter of a component there is; return whether it is new. Raises 400."""
    if component != parameters.LIMITS[0]:
        raise bad_request(f"Validation failed\n\ncomponent {component} not found\n")
    return parameters.put(node, (vhost, component, name), check_vhost_limits(value))


# -- of virtual hosts ---------------------------------------------------------------------


def _visible(request: Request) -> list[Json]:
    vhosts = [vhost.name for vhost in entered_vhosts(request)]
    component = request.path.get("component")
    if component == "policy":
        found = policies.definitions(request.node, vhosts, operator=False)
        return [policies.as_parameter(one, "policy") for one in found]
    every = vhost_parameters(request.node, vhosts)
    return [one for one in every if component is None or one["component"] == component]


def _list(request: Request) -> Response:
    return respond_list(request, _visible(request), order=("vhost", "component", "name"))


def _read(request: Request) -> Response:
    for one in _visible(request):
        if one["name"] == request.path["name"]:
            return respond_one(request, one)
    raise Refusal.missing()


def _put(request: Request) -> Response:
    vhost = request.target_vhost.name
    told = request.content("value")
    is_new = set_parameter(request.node, request.path["component"], vhost, request.path["name"], told["value"])
    return CREATED if is_new else NO_CONTENT


def _delete(request: Request) -> Response:
    key = (request.vhost.name, request.path["component"], request.path["name"])
    return _cleared(request, key)


# -- global -------------------------------------------------------------------------------


def _list_global(request: Request) -> Response:
    return respond_list(request, list(global_parameters(request.node)), order=("name",))


def _read_global(request: Request) -> Response:
    for one in global_parameters(request.node):
        if one["name"] == request.path["name"]:
            return respond_one(request, one)
    raise Refusal.missing()


def _put_global(request: Request) -> Response:
    is_new = parameters.put(request.node, (request.path["name"],), request.content("value")["value"])
    return CREATED if is_new else NO_CONTENT


def _delete_global(request: Request) -> Response:
    return _cleared(request, (request.path["name"],))


def _cleared(request: Request, key: tuple[str, ...]) -> Response:
    if key not in request.node.parameters:
        raise Refusal.missing()
    parameters.clear(request.node, key)
    return NO_CONTENT


ROUTES: Final = (
    Route("GET", "parameters", _list, Need.POLICYMAKER),
    Route("GET", "parameters/{component}", _list, Need.POLICYMAKER),
    Route("GET", "parameters/{component}/{vhost}", _list, Need.POLICYMAKER),
    Route("GET", "parameters/{component}/{vhost}/{name}", _read, Need.POLICYMAKER),
    Route("PUT", "parameters/{component}/{vhost}/{name}", _put, Need.POLICYMAKER),
    Route("DELETE", "parameters/{component}/{vhost}/{name}", _delete, Need.POLICYMAKER),
    Route("GET", "global-parameters", _list_global, Need.POLICYMAKER),
    Route("GET", "global-parameters/{name}", _read_global, Need.POLICYMAKER),
    Route("PUT", "global-parameters/{name}", _put_global, Need.ADMINISTRATOR),
    Route("DELETE", "global-parameters/{name}", _delete_global, Need.ADMINISTRATOR),
)
