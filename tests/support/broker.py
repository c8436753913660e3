"""The broker a test is given: its URLs, its node, and its management API without a client of ours in between.

Not here: starting the node (tests/conftest.py).
"""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.support.embedded_node import ENOUGH_MEMORY, LOW_MEMORY, EmbeddedNode
from tests.support.waiting import wait_until
from warren.integrations.rabbitmq_node import RabbitmqNode

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_LOGIN = "Basic " + base64.b64encode(b"guest:guest").decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerUnderTest:
    """A virtual host on a running node. The login is guest/guest."""

    name: str  # "rabbitmq-3.10", "embedded"
    version: str  # "3.10.8"; of the embedded broker, that of the RabbitMQ it answers like
    vhost: str
    url: str
    management_url: str  # With login, without a path.
    node: RabbitmqNode | EmbeddedNode

    def api(self, method: str, path: str, body: object = None) -> Any:
        """Call the management API: `api("GET", "queues/{vhost}")`; None where there is no answer body or a 404."""
        path = path.replace("{vhost}", quote(self.vhost, safe=""))
        return management_call(self.node.management_port, method, path, body)

    def wait_until_recorded(self, *queues: str) -> None:
        """Wait until `queues`, quorum queues declared just now, and their bindings survive a kill of the node.

        RabbitMQ (3.10 and 4.0) writes the register of quorum queues up to a second, and the log of its definitions up
        to two, after it confirmed a declaration. A node that dies within the first never elects a leader for the queue
        again, whatever the queue had confirmed; one that dies within the second has forgotten the binding.
        """
        if isinstance(self.node, EmbeddedNode):
            return  # a confirm says that whatever was declared before it is on disk too
        self.node.rabbitmqctl("eval", "mnesia:sync_log().")
        wait_until(
            # An Erlang term: the name is followed by the next binary, so that "q" is not found in "q.dead".
            lambda: all(f"_{queue}m".encode() in register for register in self._registers() for queue in queues),
            message=f"{queues} are in the register of quorum queues",
        )

    def run_out_of_memory(self) -> None:
        """Raise the memory alarm: the broker blocks connections that publish."""
        if isinstance(self.node, EmbeddedNode):
            self.node.tell(LOW_MEMORY)
        else:
            self.node.rabbitmqctl("set_vm_memory_high_watermark", "0.000001")

    def have_memory_again(self) -> None:
        """End the memory alarm."""
        if isinstance(self.node, EmbeddedNode):
            self.node.tell(ENOUGH_MEMORY)
        else:
            self.node.rabbitmqctl("set_vm_memory_high_watermark", "0.6")

    def look_at_timeouts_often(self) -> None:
        """Check consumer_timeout, and what at-least-once dead-lettering could not deliver, once a second.

        RabbitMQ does so once a minute, and every three minutes; the embedded broker has a timer for each.
        """
        if isinstance(self.node, RabbitmqNode):
            for name in ("channel_tick_interval", "dead_letter_worker_publisher_confirm_timeout"):
                self.node.rabbitmqctl("eval", f"application:set_env(rabbit, {name}, 1000).")

    def _registers(self) -> list[bytes]:
        return [path.read_bytes() for path in self.node.data_dir.glob("data/*/quorum/*/names.dets")]


def management_call(port: int, method: str, path: str, body: object = None) -> Any:
    """Call a node's management API and return its JSON; None for an empty answer and for 404."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/{path}", method=method, data=data)
    request.add_header("Authorization", _LOGIN)
    request.add_header("Content-Type", "application/json")
    try:
        with _OPENER.open(request, timeout=20.0) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404:
            return None
        raise
    return json.loads(content) if content else None
