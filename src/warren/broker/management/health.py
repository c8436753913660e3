"""Health checks: alarms, listeners, certificates; and whether a message gets through.

Not here: what is measured (`overview.py`, `metrics.py`).
"""

from __future__ import annotations

import time
from typing import Final

from warren.broker.management.request import Request, Response, bad_request, respond
from warren.broker.management.routing import Route
from warren.broker.model.message import Address, Message
from warren.certificates import end_of_file

__all__ = ["ROUTES"]

_PROTOCOLS: Final = {
    "amqp": "amqp",
    "amqp091": "amqp",
    "amqp0.9.1": "amqp",
    "amqp0-9-1": "amqp",
    "amqp0": "amqp",
    "amqps": "amqp/ssl",
    "https": "https",
    "http": "http",
}
_UNITS: Final = {"days": 86_400, "weeks": 7 * 86_400, "months": 30 * 86_400, "years": 365 * 86_400}
_ALIVENESS_QUEUE: Final = "aliveness-test"


def _ok(request: Request) -> Response:
    return respond({"status": "ok"})


def _failed(reason: str, **more: object) -> Response:
    return respond({"status": "failed", "reason": reason, **more}, status=503)


def _alarms(request: Request) -> Response:
    alarms = request.node.alarms
    if not alarms:
        return _ok(request)
    node = request.node.config.node_name
    told = [{"node": node, "resource": resource} for resource in sorted(alarms)]
    return _failed("There are alarms in effect in the cluster", alarms=told)


def _quorum(request: Request) -> Response:
    return respond({"status": "ok", "reason": "single node cluster"})


def _port(request: Request) -> Response:
    told = request.path["port"]
    if not (told.isascii() and told.isdigit()):
        raise bad_request("Invalid port")
    ports = [listener.port for listener in request.context.listeners]
    if int(told) in ports:
        return respond({"status": "ok", "port": int(told)})
    return _failed("No active listener", missing=int(told), ports=ports)


def _protocol(request: Request) -> Response:
    told = request.path["protocol"]
    wanted = _PROTOCOLS.get(told.lower(), told)
    protocols = list(dict.fromkeys(listener.protocol for listener in request.context.listeners))
    if wanted in protocols:
        return respond({"status": "ok", "protocol": wanted})
    return _failed("No active listener", missing=wanted, protocols=protocols)


def _certificates(request: Request) -> Response:
    within, unit = request.path["within"], request.path["unit"]
    if not (within.isascii() and within.isdigit()):
        raise bad_request("Invalid expiration value.")
    if unit not in _UNITS:
        raise bad_request("Time unit not recognised. Supported units: days, weeks, months, years.")
    certificate = request.node.config.tls_cert
    if certificate is None:
        return _ok(request)
    ends = end_of_file(certificate)
    if ends > request.node.clock.now() + int(within) * _UNITS[unit]:
        return _ok(request)
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(ends))
    listeners = [one for one in request.context.listeners if one.protocol in ("amqp/ssl", "https")]
    dates = {"cacertfile_expires_on": [], "certfile_expires_on": [when]}
    expired = [{"protocol": one.protocol, "port": one.port, **dates} for one in listeners]
    return _failed("Certificates expiring", expired=expired)


def _aliveness(request: Request) -> Response:
    """Declare a queue, publish to it and take the message out again, as RabbitMQ does."""
    vhost = request.vhost
    queue = vhost.declare_queue(
        _ALIVENESS_QUEUE, passive=False, durable=False, exclusive=False, auto_delete=False, arguments={}, owner=None
    )
    vhost.publish(Message(Address("", _ALIVENESS_QUEUE), b"\x00\x00", b"test_message", persistent=False))
    if queue.get(no_ack=True) is None:
        return _failed("the message published was not in the queue")
    return _ok(request)


ROUTES: Final = (
    Route("GET", "aliveness-test/{vhost}", _aliveness),
    Route("GET", "healthchecks/node", _ok),
    Route("GET", "healthchecks/node/{node}", _ok),
    Route("GET", "health/checks/alarms", _alarms),
    Route("GET", "health/checks/local-alarms", _alarms),
    Route("GET", "health/checks/certificate-expiration/{within}/{unit}", _certificates),
    Route("GET", "health/checks/port-listener/{port}", _port),
    Route("GET", "health/checks/protocol-listener/{protocol}", _protocol),
    Route("GET", "health/checks/virtual-hosts", _ok),
    Route("GET", "health/checks/node-is-quorum-critical", _quorum),
)
