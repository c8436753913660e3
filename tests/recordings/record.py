"""Records what brokers tell: `python -m tests.recordings.record [BROKER…] [--situation NAME]…`.

Writes <broker>/<situation>.json: answers as the broker gave them, asked for with the columns that Warren asks for.

Not here: the situations (`situations.py`).
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.conftest import BROKERS, new_node
from tests.recordings.situations import ALONE, SITUATIONS, Stage
from tests.support.broker import BrokerUnderTest, management_call
from tests.support.waiting import wait_until
from warren.management.consumers import CONSUMER_COLUMNS
from warren.management.nodes import NODE_COLUMNS
from warren.management.queues import QUEUE_STATISTICS_COLUMNS

FOLDER: Final = Path(__file__).parent
SAMPLES: Final = 8
INTERVAL: Final = 4.0  # seconds; RabbitMQ has new figures every 5, however short its statistics interval


def record(name: str, chosen: Sequence[str]) -> None:
    """Record the situations on one broker: side by side, but for those that touch all of it."""
    with tempfile.TemporaryDirectory() as folder:
        node = new_node(name, Path(folder) / "node", statistics_interval=5.0)
        node.start()
        try:
            port = node.management_port
            wait_until(
                lambda: "mem_alarm" in management_call(port, "GET", "nodes")[0], message="the node tells of itself"
            )
            _record_some(name, node, [one for one in SITUATIONS if not chosen or one.__name__ in chosen])
            for one in ALONE:
                if not chosen or one.__name__ in chosen:
                    _record_some(name, node, [one])
        finally:
            node.kill()


def _record_some(name: str, node: Any, situations: Sequence[Callable[[Stage], None]]) -> None:
    brokers = {situation: _broker(name, node) for situation in situations}
    stages = [Stage(broker.url, situation) for situation, broker in brokers.items()]
    for stage in stages:
        stage.start()
    for stage in stages:
        assert stage.is_set.wait(30.0)
    for broker in brokers.values():
        wait_until(lambda broker=broker: _is_told(broker), timeout=30.0, message="the queues have statistics")
    for situation, broker in brokers.items():
        if situation in ALONE:
            broker.run_out_of_memory()
            wait_until(lambda broker=broker: _is_short(broker), timeout=30.0, message="the alarm is told")
    answers = _answers(brokers)
    for situation, told in answers.items():
        _write(name, node.version, situation, told)
    for stage in stages:
        stage.end()


def _broker(name: str, node: Any) -> BrokerUnderTest:
    vhost = f"recorded-{uuid.uuid4().hex[:8]}"
    port = node.management_port
    management_call(port, "PUT", f"vhosts/{vhost}")
    management_call(port, "PUT", f"permissions/{vhost}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
    url = f"amqp://guest:guest@127.0.0.1:{node.port}/{vhost}"
    return BrokerUnderTest(
        name=name, version=node.version, vhost=vhost, url=url, management_url=node.management_url, node=node
    )


def _is_told(broker: BrokerUnderTest) -> bool:
    return all("messages_ready" in queue for queue in broker.api("GET", "queues/{vhost}"))


def _is_short(broker: BrokerUnderTest) -> bool:
    return any(node.get("mem_alarm") for node in broker.api("GET", "nodes"))


def _answers(brokers: dict[Callable[[Stage], None], BrokerUnderTest]) -> dict[Callable[[Stage], None], list[Any]]:
    answers: dict[Callable[[Stage], None], list[Any]] = {situation: [] for situation in brokers}
    start = time.monotonic()
    for number in range(SAMPLES):
        time.sleep(max(start + number * INTERVAL - time.monotonic(), 0.0))
        for situation, broker in brokers.items():
            at = round(time.monotonic() - start, 3)
            told = {
                "queues": broker.api("GET", f"queues/{{vhost}}?columns={QUEUE_STATISTICS_COLUMNS}"),
                "consumers": broker.api("GET", f"consumers/{{vhost}}?columns={CONSUMER_COLUMNS}"),
                "nodes": broker.api("GET", f"nodes?columns={NODE_COLUMNS}"),
            }
            answers[situation].append({"at": at, **told})
    return answers


def _write(broker: str, version: str, situation: Callable[[Stage], None], told: list[Any]) -> None:
    path = FOLDER / broker / f"{situation.__name__}.json"
    path.parent.mkdir(exist_ok=True)
    head = {"broker": broker, "version": version, "situation": situation.__name__, "about": situation.__doc__}
    lines = ",\n".join(json.dumps(one, sort_keys=True, separators=(",", ":")) for one in told)
    path.write_text(f'{json.dumps(head)[:-1]}, "answers": [\n{lines}\n]}}\n')
    print(path, path.stat().st_size, file=sys.stderr)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("brokers", nargs="*", default=BROKERS)
    parser.add_argument("--situation", action="append", default=[])
    options = parser.parse_args()
    for broker in options.brokers:
        record(broker, options.situation)


if __name__ == "__main__":
    main()
