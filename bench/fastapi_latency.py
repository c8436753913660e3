"""What one confirmed publish adds to a request: the same endpoint with and without it, over real HTTP.

Not here: how many messages a publisher moves (run.py). Run: python -m bench.fastapi_latency [--url amqp://…]
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import httpx

from warren.broker.embedded import EmbeddedBroker
from warren.broker.settings import BrokerConfig
from warren.integrations.loopback_ports import free_port

SERVICE = """
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from warren import AsyncPublisher, Message, Queue, Warren
from warren.integrations.fastapi import WarrenAPI

app = Warren("bench")


class OrderCreated(Message, routing_key="bench.fastapi"):
    order_id: int
    customer: str


@app.consumer("bench.fastapi", OrderCreated)
def never(order: OrderCreated) -> None: ...


messaging = WarrenAPI(app)
api = FastAPI(lifespan=messaging.lifespan)
messaging.install(api)


@api.post("/nothing")
async def nothing(order_id: int) -> dict[str, str]:
    return {"message_id": OrderCreated(order_id=order_id, customer="Ada").customer}


@api.post("/publish")
async def publish(
    order_id: int, publisher: Annotated[AsyncPublisher, Depends(messaging.publisher)]
) -> dict[str, str]:
    receipt = await publisher.publish(OrderCreated(order_id=order_id, customer="Ada"))
    return {"message_id": receipt.message_id}


@api.post("/accept", status_code=202)
async def accept(order_id: int, request: Request) -> Response:
    return await messaging.accept(OrderCreated(order_id=order_id, customer="Ada"), request)


if __name__ == "__main__":
    app.apply_topology()
    app.close()
"""
PATHS = {"without": "/nothing", "one confirmed publish": "/publish", "202 with its status": "/accept"}
WARM_UP = 50  # requests of each client


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        config = BrokerConfig(port=0, data=Path(folder) / "broker")
        with nullcontext() if options.url else EmbeddedBroker(config) as broker:
            url = options.url or (broker.url if broker is not None else "")
            with _serving(Path(folder), url) as address:
                for clients in options.clients:
                    times = asyncio.run(_measure(address, clients, options.requests))
                    _show("embedded broker, on disk" if broker is not None else "RabbitMQ", clients, times)


@contextmanager
def _serving(folder: Path, url: str) -> Iterator[str]:
    (folder / "bench_service.py").write_text(SERVICE)
    environment = {**os.environ, "WARREN_BROKER": url, "WARREN_STORE": f"sqlite:///{folder}/warren.db"}
    subprocess.run([sys.executable, "bench_service.py"], cwd=folder, env=environment, check=True)
    port = free_port()
    command = ["-m", "uvicorn", "bench_service:api", "--port", str(port), "--log-level", "warning"]
    with subprocess.Popen([sys.executable, *command], cwd=folder, env=environment) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            _wait_ready(address)
            yield address
        finally:
            server.terminate()


def _wait_ready(address: str) -> None:
    deadline = time.monotonic() + 30.0
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/health/ready", trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise SystemExit("the service does not become ready")


async def _measure(address: str, clients: int, requests: int) -> dict[str, list[float]]:
    """Ask the endpoints in turn, request by request, so that what else the machine does meets all alike."""
    times: dict[str, list[float]] = {name: [] for name in PATHS}
    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=30.0, limits=limits) as client:

        async def ask() -> None:
            for number in range(WARM_UP + requests // clients):
                for name, path in PATHS.items():
                    begun = time.perf_counter()
                    answer = await client.post(path, params={"order_id": number})
                    seconds = time.perf_counter() - begun
                    assert answer.status_code in (200, 202), answer.text
                    if number >= WARM_UP:
                        times[name].append(seconds)

        await asyncio.gather(*(ask() for _ in range(clients)))
    return times


def _show(broker: str, clients: int, times: dict[str, list[float]]) -> None:
    print(f"{broker}, {clients} client{'s' if clients > 1 else ''} at once, {len(times['without']):,} requests each")
    base = _percentiles(times["without"])
    for name, seen in times.items():
        figures = _percentiles(seen)
        added = "" if name == "without" else "   added " + _row([a - b for a, b in zip(figures, base, strict=True)])
        print(f"  {name:<24} p50 p95 p99 {_row(figures)} ms{added}", flush=True)


def _percentiles(times: list[float]) -> list[float]:
    cuts = statistics.quantiles(times, n=100)
    return [cuts[49], cuts[94], cuts[98]]


def _row(seconds: list[float]) -> str:
    return " ".join(f"{each * 1_000:>7.2f}" for each in seconds)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a RabbitMQ (default: an embedded broker with its data on disk)")
    parser.add_argument("--requests", type=int, default=2_000, help="of each kind")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 16])
    return parser.parse_args()


if __name__ == "__main__":
    main()
