"""The node: its process, its limits and alarms, what is enabled in it.

Not here: totals of what it serves (`overview.py`).
"""

from __future__ import annotations

import os
import threading
from typing import Any, Final

from warren.broker.management.access import Need
from warren.broker.management.listing import Json, respond_list, respond_one
from warren.broker.management.overview import churn, contexts, exchange_types
from warren.broker.management.rates import with_details
from warren.broker.management.request import Refusal, Request, Response, respond
from warren.broker.management.routing import Route
from warren.broker.management.usage import free_disk_space, most_files, open_files
from warren.broker.memory import memory_limit, resident_memory

__all__ = ["ROUTES"]


def _node_json(request: Request) -> Json:
    node, config = request.node, request.node.config
    data = str(config.data) if config.data is not None else ""
    gauges = {
        "mem_used": resident_memory(),
        "fd_used": open_files(),
        "sockets_used": len(node.connections),
        "proc_used": threading.active_count(),
        "disk_free": free_disk_space(config),
    }
    return {
        "partitions": [],
        "os_pid": str(os.getpid()),
        "fd_total": most_files(),
        "sockets_total": 0,
        "mem_limit": memory_limit(config.memory_limit),
        "mem_alarm": "memory" in node.alarms,
        "disk_free_limit": config.disk_free_limit,
        "disk_free_alarm": "disk" in node.alarms,
        "proc_total": 0,
        "rates_mode": "basic",
        "uptime": int((node.clock.now() - node.started_at) * 1000),
        "run_queue": 0,
        "processors": os.cpu_count() or 1,
        "exchange_types": exchange_types(request),
        "auth_mechanisms": _mechanisms(request),
        "applications": [
            {"name": "warren", "description": "Warren's embedded broker", "version": config.profile.version}
        ],
        "contexts": contexts(request),
        "log_files": [],
        "db_dir": data,
        "config_files": [],
        "net_ticktime": 60,
        "enabled_plugins": ["rabbitmq_management", "rabbitmq_prometheus"],
        "mem_calculation_strategy": "rss",
        "name": config.node_name,
        "type": "disc" if config.data is not None else "ram",
        "running": True,
        "being_drained": False,
        **with_details(request, request.context.statistics.of(("node",)), gauges, age="node_stats"),
        **churn(request),
        "cluster_links": [],
    }


def _mechanisms(request: Request) -> list[dict[str, Any]]:
    config = request.node.config
    offered = {"PLAIN": True, "AMQPLAIN": True, "ANONYMOUS": config.anonymous, "EXTERNAL": config.tls_ca is not None}
    return [
        {"name": name, "description": f"SASL {name} authentication mechanism", "enabled": enabled}
        for name, enabled in offered.items()
    ]


def _check_node(request: Request) -> None:
    if request.path["node"] != request.node.config.node_name:
        raise Refusal.missing()


# -- handlers -----------------------------------------------------------------------------


def _list(request: Request) -> Response:
    return respond_list(request, [_node_json(request)], order=("name",))


def _read(request: Request) -> Response:
    _check_node(request)
    return respond_one(request, _node_json(request))


def _memory(request: Request) -> Response:
    _check_node(request)
    used = resident_memory()
    return respond({"memory": {"strategy": "rss", "total": {"rss": used, "allocated": used}}})


def _attempts(request: Request) -> Response:
    _check_node(request)
    accepted, refused = request.context.logins[True], request.context.logins[False]
    attempts = {
        "protocol": "http",
        "auth_attempts": accepted + refused,
        "auth_attempts_failed": refused,
        "auth_attempts_succeeded": accepted,
    }
    return respond([attempts])


ROUTES: Final = (
    Route("GET", "nodes", _list, Need.MONITORING),
    Route("GET", "nodes/{node}", _read, Need.MONITORING),
    Route("GET", "nodes/{node}/memory", _memory, Need.MONITORING),
    Route("GET", "auth/attempts/{node}", _attempts, Need.MONITORING),
)
