"""Fifty clients while the broker is killed and restarted, and a worker that is killed: every 202 has its effect.

Not here: one request after another (test_web_service.py).
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import cli, running_cli
from tests.support.web import SERVICE, WebService, serving

CLIENTS = 50


class Crowd:
    """Clients that post one order after another, each until it is told to go, and what they were answered."""

    def __init__(self, service: WebService) -> None:
        self.accepted: dict[int, str] = {}  # order id to the place of its status
        self.refused: list[httpx.Response] = []
        self._service = service
        self._order_ids = itertools.count(1)
        self._over = False

    async def run(self, during: Callable[[Crowd], object]) -> None:
        limits = httpx.Limits(max_connections=CLIENTS, max_keepalive_connections=0)  # the server ends idle ones
        async with httpx.AsyncClient(
            base_url=self._service.url, timeout=60.0, trust_env=False, limits=limits
        ) as client:
            clients = [asyncio.create_task(self._post(client)) for _ in range(CLIENTS)]
            try:
                await asyncio.to_thread(during, self)
            finally:
                self._over = True
                await asyncio.gather(*clients)

    async def _post(self, client: httpx.AsyncClient) -> None:
        while not self._over:
            order_id = next(self._order_ids)
            answer = await client.post(f"/orders/{order_id}/invoice", params={"email": "ada@example.org"})
            if answer.status_code == 202:
                self.accepted[order_id] = answer.headers["Location"]
            else:
                self.refused.append(answer)

    def wait_accepted(self, more: int) -> None:
        wanted = len(self.accepted) + more
        wait_until(
            lambda: len(self.accepted) >= wanted,
            timeout=90.0,
            message=lambda: f"{wanted} accepted; {len(self.accepted)} are, {len(self.refused)} refused",
        )

    def wait_refused(self, more: int) -> None:
        wanted = len(self.refused) + more
        wait_until(
            lambda: len(self.refused) >= wanted,
            timeout=60.0,
            message=lambda: f"{wanted} refused; {len(self.refused)} are",
        )


def assert_clean(answer: httpx.Response) -> None:
    assert answer.status_code == 503, f"{answer.status_code}: {answer.text}"
    assert int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == 503
    assert isinstance(body["may_have_been_stored"], bool)
    assert ("status_url" in body) == body["may_have_been_stored"]


@pytest.mark.timeout(300)
def test_every_202_has_its_effect_and_all_else_is_a_clean_503_while_the_broker_is_killed_and_restarted(
    private_broker: Callable[..., BrokerUnderTest], tmp_path: Path
) -> None:
    broker = private_broker()
    with (
        serving(tmp_path, broker=broker.url) as service,
        running_cli("run", "service:app", cwd=tmp_path, broker=broker.url) as worker,
    ):
        worker.wait(lambda: any("consumes" in line for line in worker.stderr), "the worker consumes", timeout=60.0)
        service.wait_ready()
        broker.wait_until_recorded("invoices.send")
        crowd = Crowd(service)

        def kill_and_restart(crowd: Crowd) -> None:
            crowd.wait_accepted(2 * CLIENTS)
            broker.node.kill()
            crowd.wait_refused(CLIENTS)
            broker.node.start()
            crowd.wait_accepted(2 * CLIENTS)

        asyncio.run(crowd.run(kill_and_restart))

        for answer in crowd.refused:
            assert_clean(answer)
        assert len(crowd.accepted) >= 4 * CLIENTS
        for order_id, location in crowd.accepted.items():
            service.wait_status(location, "done")
            assert (tmp_path / "invoices" / f"{order_id}.txt").exists(), f"order {order_id} was accepted"
        kinds = Counter(answer.json()["type"].rpartition(":")[2] for answer in crowd.refused)
        print(f"{len(crowd.accepted)} accepted, all done; {len(crowd.refused)} refused: {dict(kinds)}")  # shown by -s
        assert service.client.get("/health/ready").json()["checks"]["broker"] == "ok"


def test_accepted_work_is_done_also_where_its_worker_is_killed(broker: BrokerUnderTest, tmp_path: Path) -> None:
    # Without claims: those of a killed worker would hold its messages back until their leases end.
    (tmp_path / SERVICE.name).write_text(SERVICE.read_text().replace(", idempotent=True", ""))
    invoices = tmp_path / "invoices"
    with serving(tmp_path, broker=broker.url) as service:
        applied = cli("topology", "apply", "service:app", cwd=tmp_path, broker=broker.url)
        assert applied.returncode == 0, applied.stderr
        service.wait_ready()
        places = {}
        for order_id in range(1, 201):
            answer = service.client.post(f"/orders/{order_id}/invoice", params={"email": "ada@example.org"})
            assert answer.status_code == 202, answer.text
            places[order_id] = answer.headers["Location"]

        with running_cli("run", "service:app", cwd=tmp_path, broker=broker.url) as worker:
            worker.wait(invoices.exists, "it has begun")
            os.killpg(worker.pid, signal.SIGKILL)
        with running_cli("run", "service:app", cwd=tmp_path, broker=broker.url):
            for order_id, location in places.items():
                service.wait_status(location, "done")
                assert (invoices / f"{order_id}.txt").exists()
