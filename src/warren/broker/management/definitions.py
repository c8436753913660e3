"""Definitions over HTTP: export and import, of the node or of one virtual host.

Not here: what they consist of (`warren.broker.definitions`).
"""

from __future__ import annotations

import json
from typing import Any, Final

from warren.broker.definitions import InvalidDefinitions, export_node, export_vhost, import_definitions
from warren.broker.management.access import Need
from warren.broker.management.listing import respond_one
from warren.broker.management.request import NO_CONTENT, Request, Response, bad_request
from warren.broker.management.routing import Route

__all__ = ["ROUTES"]


def _export(request: Request) -> Response:
    return respond_one(request, export_node(request.node, request.context.cluster_name))


def _export_vhost(request: Request) -> Response:
    if request.path["vhost"] not in request.node.vhosts:
        raise bad_request("vhost_not_found")
    return respond_one(request, export_vhost(request.node, request.vhost))


def _import(request: Request) -> Response:
    return _imported(request, None)


def _import_vhost(request: Request) -> Response:
    return _imported(request, request.target_vhost.name)


def _imported(request: Request, vhost: str | None) -> Response:
    told = _content(request)
    try:
        import_definitions(request.node, told, vhost=vhost)
    except InvalidDefinitions as error:
        raise bad_request(str(error)) from error
    return NO_CONTENT


def _content(request: Request) -> Any:
    try:
        told = json.loads(request.body) if request.body.strip() else {}
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise bad_request("failed_to_parse_json")
    return told


ROUTES: Final = (
    Route("GET", "definitions", _export, Need.ADMINISTRATOR),
    Route("POST", "definitions", _import, Need.ADMINISTRATOR),
    Route("PUT", "definitions", _import, Need.ADMINISTRATOR),
    Route("GET", "definitions/{vhost}", _export_vhost, Need.ADMINISTRATOR),
    Route("POST", "definitions/{vhost}", _import_vhost, Need.ADMINISTRATOR),
    Route("PUT", "definitions/{vhost}", _import_vhost, Need.ADMINISTRATOR),
)
