"""The example web service over real HTTP: endpoint, queue, worker, status; readiness; a clean end.

Not here: outages under load (test_web_outage.py), the parts one by one (tests/contract/test_fastapi.py).
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import cli, running_cli, url_with_management
from tests.support.plain import PlainPika
from tests.support.web import SERVICE, WebService, serving


@pytest.fixture
def service(broker: BrokerUnderTest, tmp_path: Path) -> Iterator[WebService]:
    with serving(tmp_path, broker=broker.url) as service:
        yield service


def invoice(service: WebService, order_id: int, *, email: str = "ada@example.org", **headers: str) -> str:
    answer = service.client.post(f"/orders/{order_id}/invoice", params={"email": email}, headers=headers)
    assert answer.status_code == 202, answer.text
    return str(answer.headers["Location"])


def test_work_goes_from_the_endpoint_through_the_queue_and_the_worker_to_its_status(
    service: WebService, broker: BrokerUnderTest, tmp_path: Path
) -> None:
    with running_cli("run", "service:app", cwd=tmp_path, broker=broker.url) as worker:
        worker.wait(lambda: any("consumes" in line for line in worker.stderr), "the worker consumes")
        service.wait_ready()

        location = invoice(service, 4821)

        done = service.wait_status(location, "done")
        assert location == f"/work/{done['id']}" == done["status_url"]
        assert done["attempts"] == 1
        assert done["error"] is None
        assert str(done["accepted_at"]) <= str(done["started_at"]) <= str(done["ended_at"])
        assert (tmp_path / "invoices" / "4821.txt").read_text() == "to ada@example.org\n"


def test_work_that_fails_says_of_what_kind_and_a_replay_does_it_after_all(
    service: WebService, broker: BrokerUnderTest, tmp_path: Path
) -> None:
    url = url_with_management(broker)
    with running_cli("run", "service:app", cwd=tmp_path, broker=url) as worker:
        worker.wait(lambda: any("consumes" in line for line in worker.stderr), "the worker consumes")
        location = invoice(service, 7, email="nowhere")
        failed = service.wait_status(location, "failed")
        assert failed["error"] == {"reason": "permanent", "type": "warren.errors.Permanent"}
        assert "nowhere" not in str(failed)
        assert "Retry-After" not in service.client.get(location).headers

        fixed = tmp_path / "fixed.json"
        fixed.write_text('{"order_id": 7, "email": "ada@example.org"}')
        edits = {"EDITOR": f"cp {fixed}"}
        replayed = cli("replay", "invoices.send", "--edit", "--yes", cwd=tmp_path, broker=url, env=edits)
        assert replayed.returncode == 0, replayed.stderr
        done = service.wait_status(location, "done")
        assert (done["error"], done["id"]) == (None, failed["id"])


def test_work_is_accepted_and_waits_for_a_worker(service: WebService, broker: BrokerUnderTest, tmp_path: Path) -> None:
    applied = cli("topology", "apply", "service:app", cwd=tmp_path, broker=broker.url)
    assert applied.returncode == 0, applied.stderr
    location = invoice(service, 1)

    status = service.client.get(location)

    assert status.json()["status"] == "accepted"
    assert (status.headers["Retry-After"], status.headers["Cache-Control"]) == ("1", "no-store")
    with running_cli("run", "service:app", cwd=tmp_path, broker=broker.url):
        service.wait_status(location, "done")


def test_the_same_request_again_is_the_same_work(service: WebService, broker: BrokerUnderTest, tmp_path: Path) -> None:
    cli("topology", "apply", "service:app", cwd=tmp_path, broker=broker.url)
    first = invoice(service, 1, **{"Idempotency-Key": "k-1"})

    assert invoice(service, 1, **{"Idempotency-Key": "k-1"}) == first
    assert invoice(service, 1, **{"Idempotency-Key": "k-2"}) != first
    other = service.client.post("/orders/1/invoice", params={"email": "b@c"}, headers={"Idempotency-Key": "k-1"})
    assert other.status_code == 422
    with PlainPika(broker.url) as plain:
        plain.wait_depth("invoices.send", 2)


def test_a_queue_that_nobody_declared_is_a_fault_of_the_service(service: WebService) -> None:
    answer = service.client.post("/orders/1/invoice", params={"email": "a@b"})

    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["may_have_been_stored"] is False
    assert "Retry-After" not in answer.headers
    assert "invoices.send" not in answer.text


def test_publishing_endpoints_answer_once_the_message_is_confirmed(
    service: WebService, broker: BrokerUnderTest, tmp_path: Path
) -> None:
    cli("topology", "apply", "service:app", cwd=tmp_path, broker=broker.url)
    for endpoint in ("reminder", "copy"):
        answer = service.client.post(f"/orders/1/{endpoint}", params={"email": "a@b"})
        assert answer.status_code == 200
        assert answer.json()["message_id"]
    with PlainPika(broker.url) as plain:
        plain.wait_depth("invoices.send", 2)


def test_a_service_that_is_asked_to_end_ends_at_once_and_well(service: WebService) -> None:
    service.wait_ready()

    service.running.signal(signal.SIGTERM)

    assert service.running.finish() in (0, -signal.SIGTERM)  # uvicorn repeats the signal after its shutdown
    assert "Traceback" not in "".join(service.running.stderr)


def test_a_service_starts_without_a_broker_and_says_that_it_is_not_ready(tmp_path: Path) -> None:
    with serving(tmp_path, broker="amqp://guest:s3cr3t@127.0.0.1:1/%2F") as service:
        ready = service.client.get("/health/ready")
        answers = [
            service.client.post("/orders/1/invoice", params={"email": "a@b"}),
            service.client.post("/orders/1/reminder", params={"email": "a@b"}),
            service.client.post("/orders/1/copy", params={"email": "a@b"}),
        ]

        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        assert ready.json()["checks"]["store"] == "ok"
        for answer in answers:
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.json()["may_have_been_stored"] is False
            assert "s3cr3t" not in answer.text + ready.text
        service.running.signal(signal.SIGTERM)
        assert service.running.finish() in (0, -signal.SIGTERM)


def test_a_service_whose_broker_comes_back_is_ready_again(
    broker_version: str, private_broker: object, tmp_path: Path
) -> None:
    under_test: BrokerUnderTest = private_broker()
    with serving(tmp_path, broker=under_test.url) as service:
        service.wait_ready()
        under_test.node.kill()
        service.wait_ready(503)
        under_test.node.start()
        service.wait_ready()


def test_the_page_shows_this_service() -> None:
    page = SERVICE.parents[2] / "docs" / "fastapi.md"
    assert SERVICE.read_text() in page.read_text()


def test_status_of_unknown_work_is_not_found(tmp_path: Path) -> None:
    with serving(tmp_path, broker="amqp://guest:guest@127.0.0.1:1/%2F") as service:
        wait_until(lambda: service.client.get("/work/nothing").status_code == 404)
        assert service.client.get("/work/nothing").json()["type"] == "urn:warren:problem:unknown-work"
        assert service.client.get(f"/work/{'x' * 500}").status_code == 404
