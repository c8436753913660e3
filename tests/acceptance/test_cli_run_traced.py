"""`warren run` of an application that is traced: worker processes tell all their spans, up to their end."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import cli, running_cli

TRACED = """
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

from warren import Message, Warren
from warren.observability.otel import instrument


def line(span):
    return f"{span.context.trace_id:032x} {span.name}\\n"


provider = TracerProvider()
exporter = ConsoleSpanExporter(out=Path("spans.txt").open("a"), formatter=line)
provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
app = Warren("shop", store="memory://")
instrument(app, tracer_provider=provider)


class Parcel(Message, routing_key="parcels"):
    number: int


@app.consumer("parcels", Parcel)
def send(parcel: Parcel) -> None:
    Path("sent").touch()
"""


def test_spans_that_wait_for_their_batch_are_told_at_the_end(broker: BrokerUnderTest, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text(TRACED)
    with running_cli("run", "shop:app", "--log-format", "json", cwd=tmp_path, broker=broker.url) as running:
        running.wait_event("subscribed")
        published = cli("publish", "shop:app", "parcels", '{"number": 1}', cwd=tmp_path, broker=broker.url)
        assert published.returncode == 0, published.stderr
        wait_until((tmp_path / "sent").exists, timeout=30.0, message="the handler to run")
        running.signal(signal.SIGTERM)
        assert running.finish() == 0

    told = [line.split(" ", 1) for line in (tmp_path / "spans.txt").read_text().splitlines()]
    assert [name for _, name in told] == ["send parcels", "process parcels", "ack parcels"]
    assert len({trace_id for trace_id, _ in told}) == 1
