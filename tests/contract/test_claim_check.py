"""Large bodies in a store, on every broker: no message is sent without its body, and none is lost for want of it.

Not here: the store's files (tests/unit/claim_check), the stage that fetches them (tests/unit/worker/test_bodies.py).
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import cli
from tests.support.plain import PlainMessage, PlainPika
from warren import (
    Blocked,
    ClaimCheck,
    ConfigurationError,
    Delivery,
    Exchange,
    Message,
    MessageTooLarge,
    PublishManyError,
    Retry,
    StoreUnavailable,
    Warren,
)
from warren.claim_check.files import FileBodies
from warren.claim_check.reference import REFERENCE_TYPE
from warren.observability.events import Confirmed

QUEUE = "archive.documents"
REPOSITORY = Path(__file__).parents[2]


class Document(Message, exchange=Exchange("documents", "topic"), routing_key="documents.scanned"):
    number: int
    text: str


LARGE = "a page of text, " * 1_000
SMALL = "a line"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "bodies"
    folder.mkdir()
    return folder


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


def new_app(broker: BrokerUnderTest, store: Any, **options: Any) -> Warren:
    check = ClaimCheck(store, above="2KB") if store is not None else None
    app = Warren("archive", broker=broker.url, store="memory://", claim_check=check, **options)
    app.publishes(Document)
    return app


def url_of(folder: Path) -> str:
    return f"file://{folder}"


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def consume(app: Warren, **options: Any) -> list[tuple[Document, Delivery]]:
    """Consume documents; return the list that fills with what the handler got."""
    got: list[tuple[Document, Delivery]] = []

    @app.consumer(QUEUE, Document, **{"retry": Retry("100ms", attempts=3), **options})
    def take(document: Document, delivery: Delivery) -> None:
        got.append((document, delivery))

    return got


def ready_queue(broker: BrokerUnderTest, plain: PlainPika) -> None:
    """A queue that receives documents, with nobody who consumes them."""
    app = new_app(broker, None)
    consume(app)
    with app:
        app.apply_topology()


def dead(letter: PlainMessage, name: str) -> Any:
    return letter.headers[f"x-warren-dead-{name}"]


# -- there and back -----------------------------------------------------------------------


def test_a_large_body_is_in_the_store_and_a_reference_on_the_wire(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    ready_queue(broker, plain)
    with new_app(broker, url_of(folder)) as app:
        receipt = app.publish(Document(number=1, text=LARGE), correlation_id="c-1")
    message = plain.take(QUEUE)
    (file,) = files_in(folder)
    told = json.loads(message.body)
    assert message.properties.content_type == REFERENCE_TYPE
    assert message.properties.message_id == receipt.message_id
    assert message.properties.correlation_id == "c-1"
    assert message.properties.type == "documents.scanned"
    assert told["claim_check"] == str(file.relative_to(folder))
    assert told["size"] == file.stat().st_size
    assert len(message.body) < 300
    assert json.loads(file.read_bytes()) == {"number": 1, "text": LARGE}


def test_a_small_body_travels_as_ever(broker: BrokerUnderTest, plain: PlainPika, folder: Path) -> None:
    ready_queue(broker, plain)
    with new_app(broker, url_of(folder)) as app:
        app.publish(Document(number=1, text=SMALL))
    message = plain.take(QUEUE)
    assert message.properties.content_type == "application/json"
    assert json.loads(message.body) == {"number": 1, "text": SMALL}
    assert files_in(folder) == []


@pytest.mark.parametrize("idempotent", [False, True], ids=["plain", "idempotent"])
def test_a_handler_gets_the_message_and_its_body(broker: BrokerUnderTest, folder: Path, idempotent: bool) -> None:
    app = new_app(broker, url_of(folder))
    got = consume(app, idempotent=idempotent)
    with app.worker(), app, app.publisher() as publisher:
        assert publisher.publish_many(Document(number=n, text=LARGE if n % 2 else SMALL) for n in range(20)) == 20
        wait_until(lambda: len(got) == 20, message=lambda: f"20 documents; there are {len(got)}")
    assert {document.number: document.text for document, _ in got} == {n: LARGE if n % 2 else SMALL for n in range(20)}
    for document, delivery in got:
        assert json.loads(delivery.body) == document.model_dump()
        assert delivery.properties.content_type == "application/json"


def test_an_async_publisher_and_an_async_handler_do_the_same(broker: BrokerUnderTest, folder: Path) -> None:
    app = new_app(broker, url_of(folder))
    got: list[int] = []

    @app.consumer(QUEUE, Document)
    async def take(document: Document) -> None:
        assert document.text == LARGE
        got.append(document.number)

    async def publish() -> None:
        async with app.async_publisher() as publisher:
            await publisher.publish(Document(number=0, text=LARGE))
            assert await publisher.publish_many(Document(number=n, text=LARGE) for n in range(1, 10)) == 9

    with app.worker(), app:
        asyncio.run(publish())
        wait_until(lambda: sorted(got) == list(range(10)), message=lambda: f"10 documents; there are {got}")


def test_a_consumer_of_one_at_a_time_gets_large_and_small_in_order(broker: BrokerUnderTest, folder: Path) -> None:
    app = new_app(broker, url_of(folder))
    got = consume(app, concurrency=1)
    with app.worker(), app, app.publisher() as publisher:
        publisher.publish_many(Document(number=n, text=SMALL if n % 3 else LARGE) for n in range(60))
        wait_until(lambda: len(got) == 60, message=lambda: f"60 documents; there are {len(got)}")
    assert [document.number for document, _ in got] == list(range(60))


# -- nothing is sent without its body -------------------------------------------------------


class Down:
    """A store that does not answer."""

    def put(self, key: str, body: bytes) -> None:
        raise OSError("no route to host")

    def get(self, key: str, size: int) -> bytes:
        raise OSError("no route to host")


class Hanging(Down):
    """A store that answers once it is let go."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def put(self, key: str, body: bytes) -> None:
        self.go.wait(60.0)


def test_where_the_store_is_down_nothing_is_sent_and_the_caller_knows(
    broker: BrokerUnderTest, plain: PlainPika, tmp_path: Path
) -> None:
    ready_queue(broker, plain)
    for store in (Down(), url_of(tmp_path / "not-mounted")):
        with new_app(broker, store) as app:
            with pytest.raises(StoreUnavailable):
                app.publish(Document(number=1, text=LARGE))
            with app.publisher() as publisher, pytest.raises(PublishManyError) as failed:
                publisher.publish_many([Document(number=2, text=LARGE), Document(number=3, text=SMALL)])
            assert [document.number for document, _ in failed.value.failures] == [2]
    assert [json.loads(message.body)["number"] for message in plain.drain(QUEUE)] == [3, 3]


def test_a_store_that_hangs_ends_a_publish_at_its_deadline_with_nothing_sent(
    broker: BrokerUnderTest, plain: PlainPika
) -> None:
    ready_queue(broker, plain)
    store = Hanging()

    async def publish_async(app: Warren) -> None:
        async with app.async_publisher() as publisher:
            await publisher.publish(Document(number=2, text=LARGE), timeout=0.2)

    with new_app(broker, store) as app:
        with pytest.raises(Blocked, match="not sent"):
            app.publish(Document(number=1, text=LARGE), timeout=0.2)
        with pytest.raises(Blocked, match="not sent"):
            asyncio.run(publish_async(app))
        store.go.set()
        app.publish(Document(number=3, text=SMALL))
    assert [json.loads(message.body)["number"] for message in plain.drain(QUEUE)] == [3]


def test_a_body_over_the_limit_is_refused_before_it_is_kept(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    ready_queue(broker, plain)
    with new_app(broker, url_of(folder), max_body=5_000) as app, pytest.raises(MessageTooLarge):
        app.publish(Document(number=1, text=LARGE))
    assert files_in(folder) == []
    assert plain.depth(QUEUE) == 0


def test_the_thread_that_receives_confirms_is_not_made_to_wait_for_the_store(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    ready_queue(broker, plain)
    refused: list[ConfigurationError] = []
    with new_app(broker, url_of(folder)) as app, app.publisher() as publisher:

        @app.on(Confirmed)
        def publish_another(event: Confirmed) -> None:
            try:
                publisher.submit(Document(number=2, text=LARGE))
            except ConfigurationError as error:
                refused.append(error)

        publisher.publish(Document(number=1, text=SMALL))
        wait_until(lambda: refused, message="the refusal")
    assert "thread of your own" in str(refused[0])
    assert files_in(folder) == []


KILLED = """
import os, signal, sys
from tests.contract.test_claim_check import Document, LARGE
from warren import ClaimCheck, Warren
from warren.claim_check.files import FileBodies
from pathlib import Path

url, folder, when = sys.argv[1:]

class Deadly(FileBodies):
    def put(self, key, body):
        if when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        super().put(key, body)
        os.kill(os.getpid(), signal.SIGKILL)

app = Warren("archive", broker=url, claim_check=ClaimCheck(Deadly(Path(folder)), above="2KB"))
app.connect()
app.publish(Document(number=1, text=LARGE))
"""


@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("after", 1)])
def test_a_producer_killed_around_the_store_has_sent_nothing(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path, when: str, kept: int
) -> None:
    """At worst a body is left over. It is never the other way round: a message without its body."""
    ready_queue(broker, plain)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, broker.url, str(folder), when],
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        timeout=60.0,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    assert plain.depth(QUEUE) == 0
    assert len(files_in(folder)) == kept
    with new_app(broker, url_of(folder)) as app:
        app.publish(Document(number=1, text=LARGE))
    told = json.loads(plain.take(QUEUE).body)
    assert (folder / told["claim_check"]).stat().st_size == told["size"]


def test_a_killed_broker_costs_no_large_message_and_doubles_none(
    private_broker: Callable[..., BrokerUnderTest], folder: Path
) -> None:
    broker = private_broker()
    app = new_app(broker, url_of(folder))
    got = consume(app, idempotent=True)
    with app.worker(), app, app.publisher(timeout=90.0) as publisher:
        for queue in (QUEUE, f"{QUEUE}.dead", f"{QUEUE}.retry.100ms"):
            broker.wait_until_recorded(queue)
        sent = [publisher.submit(Document(number=n, text=LARGE)) for n in range(30)]
        broker.node.kill()
        sent += [publisher.submit(Document(number=n, text=LARGE)) for n in range(30, 60)]
        broker.node.start()
        for future in sent:
            future.result(120.0)
        wait_until(lambda: len(got) >= 60, timeout=60.0, message=lambda: f"60 documents; there are {len(got)}")
    assert sorted(document.number for document, _ in got) == list(range(60))
    assert {document.text for document, _ in got} == {LARGE}


# -- a body that cannot be had --------------------------------------------------------------


def test_a_missing_body_is_waited_for_under_the_retry_policy(broker: BrokerUnderTest, folder: Path) -> None:
    app = new_app(broker, url_of(folder))
    got = consume(app, retry=Retry("100ms", attempts=1_000))
    with app.worker(), app, app.publisher() as publisher:
        aside = folder.parent / "aside"
        publisher.publish(Document(number=1, text=SMALL))
        wait_until(lambda: len(got) == 1, message="the consumer runs")
        store = app._claim_check.store
        assert isinstance(store, FileBodies)
        kept = store.put

        def late(key: str, body: bytes) -> None:
            kept(key, body)
            (folder / key).rename(aside)
            late_keys.append(key)

        late_keys: list[str] = []
        store.put = late
        publisher.publish(Document(number=2, text=LARGE))
        aside.rename(folder / late_keys[0])
        wait_until(lambda: len(got) == 2, message="the body is fetched once it is there")


def test_a_missing_body_ends_as_a_dead_letter_that_says_so_and_is_replayed_once_it_is_back(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path, tmp_path: Path
) -> None:
    ready_queue(broker, plain)
    with new_app(broker, url_of(folder)) as app:
        app.publish(Document(number=1, text=LARGE), headers={"tenant": "a"})
    (file,) = files_in(folder)
    aside = file.rename(tmp_path / "aside")
    consuming = new_app(broker, url_of(folder))
    got = consume(consuming, unknown="dead-letter")
    with consuming.worker():
        plain.wait_depth(f"{QUEUE}.dead", 1)
        assert got == []

        (told,) = json.loads(
            cli("inspect", f"{QUEUE}.dead", "--json", cwd=tmp_path, broker=broker.url).stdout.join("[]")
        )
        assert told["dead"]["reason"] == "exhausted"
        assert told["dead"]["attempts"] == 3
        assert told["dead"]["error_type"].endswith("BodyMissing")
        assert told["body"]["claim_check"] == str(file.relative_to(folder))
        assert told["properties"]["content_type"] == REFERENCE_TYPE

        file.write_bytes(aside.read_bytes())
        replayed = cli("replay", f"{QUEUE}.dead", "--yes", cwd=tmp_path, broker=broker.url)
        assert replayed.returncode == 0, replayed.stderr
        wait_until(lambda: len(got) == 1, message="the replayed document")
    ((document, delivery),) = got
    assert document == Document(number=1, text=LARGE)
    assert delivery.headers["tenant"] == "a"


def test_an_edit_refuses_a_reference_and_changes_nothing(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path, tmp_path: Path
) -> None:
    ready_queue(broker, plain)
    with new_app(broker, url_of(folder)) as app:
        app.publish(Document(number=1, text=LARGE))
    consuming = new_app(broker, None)
    consume(consuming)
    with consuming.worker():
        plain.wait_depth(f"{QUEUE}.dead", 1)
    edited = cli("replay", f"{QUEUE}.dead", "--edit", cwd=tmp_path, broker=broker.url, env={"EDITOR": "false"})
    assert edited.returncode == 2
    assert "claim check, where nothing is edited" in edited.stderr
    plain.wait_depth(f"{QUEUE}.dead", 1)


def test_a_drained_reference_is_replayed_from_its_file(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path, tmp_path: Path
) -> None:
    ready_queue(broker, plain)
    with new_app(broker, url_of(folder)) as app:
        app.publish(Document(number=1, text=LARGE))
    drained = cli("drain", QUEUE, "--to", "kept.ndjson", cwd=tmp_path, broker=broker.url)
    assert drained.returncode == 0, drained.stderr
    assert plain.depth(QUEUE) == 0
    replayed = cli("replay", "kept.ndjson", "--yes", cwd=tmp_path, broker=broker.url)
    assert replayed.returncode == 0, replayed.stderr
    consuming = new_app(broker, url_of(folder))
    got = consume(consuming)
    with consuming.worker():
        wait_until(lambda: len(got) == 1, message="the document")
    assert got[0][0].text == LARGE


@pytest.mark.parametrize("change", ["other", "shorter", "longer", "empty"])
def test_a_changed_body_is_dead_lettered_at_once_and_never_handled(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path, change: str
) -> None:
    ready_queue(broker, plain)
    with new_app(broker, url_of(folder)) as app:
        app.publish(Document(number=1, text=LARGE))
    (file,) = files_in(folder)
    whole = file.read_bytes()
    reference = json.loads(plain_peek(plain))
    changed = {
        "other": whole.replace(b"page", b"bill", 1),
        "shorter": whole[:-1],
        "longer": whole + b" ",
        "empty": b"",
    }
    file.write_bytes(changed[change])
    consuming = new_app(broker, url_of(folder))
    got = consume(consuming)
    with consuming.worker():
        letter = plain.take(f"{QUEUE}.dead")
    assert dead(letter, "reason") == "contract"
    assert dead(letter, "error-type").endswith("BodyChanged")
    assert reference["claim_check"] in dead(letter, "error")
    assert json.loads(letter.body) == reference
    assert got == []


def plain_peek(plain: PlainPika) -> bytes:
    """The body of the only message, which is put back."""
    method, _, body = plain.channel.basic_get(QUEUE)
    plain.channel.basic_nack(method.delivery_tag, requeue=True)
    return bytes(body)


def test_a_consumer_without_the_store_says_what_it_lacks(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with new_app(broker, url_of(folder)) as app:
        ready_queue(broker, plain)
        app.publish(Document(number=1, text=LARGE))
    consuming = new_app(broker, None)
    got = consume(consuming)
    with consuming.worker():
        letter = plain.take(f"{QUEUE}.dead")
    assert dead(letter, "reason") == "contract"
    assert "claim_check" in dead(letter, "error")
    assert letter.properties.content_type == REFERENCE_TYPE
    assert got == []


@pytest.mark.parametrize(
    "body", [b"{}", b"not json", b'{"claim_check":"../../etc/passwd","size":1,"sha256":"","content_type":null}']
)
def test_a_reference_that_warren_did_not_write_is_a_contract_failure(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path, body: bytes
) -> None:
    ready_queue(broker, plain)
    plain.publish("documents", "documents.scanned", body, content_type=REFERENCE_TYPE)
    consuming = new_app(broker, url_of(folder))
    consume(consuming)
    with consuming.worker():
        letter = plain.take(f"{QUEUE}.dead")
    assert dead(letter, "reason") == "contract"
    assert letter.body == body


class Recovering(FileBodies):
    """A store that is down for so many calls."""

    def __init__(self, folder: Path, times: int) -> None:
        super().__init__(folder)
        self.times = times

    def get(self, key: str, size: int) -> bytes:
        if self.times:
            self.times -= 1
            raise OSError("stale file handle")
        return super().get(key, size)


@pytest.mark.parametrize("idempotent", [False, True], ids=["plain", "idempotent"])
def test_an_outage_of_the_store_costs_no_attempt(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path, idempotent: bool
) -> None:
    ready_queue(broker, plain)
    with new_app(broker, url_of(folder)) as app:
        app.publish(Document(number=1, text=LARGE))
    store = Recovering(folder, 5)
    consuming = new_app(broker, store)
    got = consume(consuming, retry=Retry(), idempotent=idempotent)
    with consuming.worker():
        wait_until(lambda: len(got) == 1, message="the document")
    assert store.times == 0
    assert got[0][1].attempt == 1


def test_a_worker_stopped_while_the_store_is_down_leaves_the_message_with_the_broker(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    ready_queue(broker, plain)
    with new_app(broker, url_of(folder)) as app:
        app.publish(Document(number=1, text=LARGE))
    store = Recovering(folder, 1_000_000)
    waiting = new_app(broker, store)
    got = consume(waiting)
    with waiting.worker():
        wait_until(lambda: store.times < 1_000_000, message="the store was asked")
    assert got == []
    plain.wait_depth(QUEUE, 1)
    back = new_app(broker, url_of(folder))
    got = consume(back)
    with back.worker():
        wait_until(lambda: len(got) == 1, message="the document")
