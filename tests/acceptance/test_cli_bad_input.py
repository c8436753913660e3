"""What is wrong, from the command line to the body of a message: one line that says what to do, or a dead letter."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pika.exceptions
import pytest

from tests.support import BrokerUnderTest
from tests.support.cli import cli, running_cli, url_with_management
from tests.support.plain import PlainPika
from warren.integrations.loopback_ports import free_port

SHOP = Path(__file__).parent / "shop.py"
APP_LINE = 1 + SHOP.read_text().splitlines().index('app = Warren("shop")')


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the application in it."""
    shutil.copy(SHOP, tmp_path / "shop.py")
    return tmp_path


@pytest.fixture
def plain(broker: BrokerUnderTest) -> Iterator[PlainPika]:
    with PlainPika(broker.url) as plain:
        yield plain


def one_line(done: subprocess.CompletedProcess[str], code: int = 2) -> str:
    """Return the only line of a failed command that is no log line."""
    told = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr, done.stderr.replace("\\n", "\n")
    assert len(told) == 1, told
    assert told[0].startswith("error: ")
    return told[0].removeprefix("error: ")


# -- the application -------------------------------------------------------------------------

HEAD = "from warren import *\norders = Exchange('orders', 'topic')\n"
MESSAGE = HEAD + "class Order(Message, exchange=orders, routing_key='o'):\n    number: int\n"


@pytest.mark.parametrize(
    ("target", "source", "error"),
    [
        ("stock:app", "", "there is no module 'stock' in {folder} or on the Python path; run warren in the folder"),
        ("pack.stock:app", "", "there is no module 'pack' in {folder} or on the Python path; run warren in the folder"),
        ("./mine.py", "", "'./mine.py' names a file; name the module, as in mine:app"),
        ("mine app", "", "'mine app' names no application; write MODULE:APP, as in shop.billing:app"),
        (
            "mine:app",
            "import nothing_like_it\n",
            "module mine cannot be imported: ModuleNotFoundError: No module named",
        ),
        ("mine:app", "\n\nraise KeyError('x')\n", "module mine cannot be imported: KeyError: 'x' (mine.py:3)"),
        (
            "mine:app",
            "import json\njson.loads('{')\n",
            "module mine cannot be imported: json.decoder.JSONDecodeError: ",
        ),
        ("mine:app", "import sys\nsys.exit('no')\n", "module mine cannot be imported: SystemExit: no (mine.py:2)"),
        ("mine:app", "x = 1\ndef f(:\n", "mine.py:2: "),
        ("mine:app", "", "module mine has no 'app'; no Warren was found in it; write app = Warren(\"mine\")"),
        ("mine:ap", HEAD + "app = Warren('a')\n", "module mine has no 'ap'; did you mean mine:app?"),
        ("mine:other", HEAD + "app = Warren('a')\n", "module mine has no 'other'; it has mine:app"),
        (
            "mine",
            HEAD + "a = Warren('a')\nb = Warren('b')\n",
            "say which application of mine: it has mine:a, mine:b",
        ),
        (
            "mine:orders",
            HEAD + "app = Warren('a')\n",
            "mine:orders is a Exchange, not a Warren; it has mine:app",
        ),
        (
            "mine:app",
            HEAD + "app = Warren('a')\n",
            "the application has no consumers; declare one with @app.consumer(queue, Message)",
        ),
        (
            "mine:app",
            MESSAGE + "app = Warren('a')\n@app.consumer('q', Order)\ndef handle():\n    pass\n",
            "mine.py:6: handler handle takes no message; write def handle(message: …)",
        ),
        (
            "mine:app",
            MESSAGE + "app = Warren('a')\n@app.consumer('q', Order)\ndef handle(order, database):\n    pass\n",
            "mine.py:6: handler handle asks for 'database', which Warren does not have; annotate it as Delivery, ",
        ),
        (
            "mine:app",
            MESSAGE + "app = Warren('a')\n@app.consumer('q', Order)\ndef handle(order: int):\n    pass\n",
            "mine.py:6: handler handle: <class 'int'> is no message class; derive one from warren.Message",
        ),
        (
            "mine:app",
            MESSAGE + "app = Warren('a')\n@app.consumer('q', Order, time_limit='1h')\ndef handle(order):\n    pass\n",
            "consumer q: its time limit of 3600 s is not below the broker's consumer_timeout of 1800 s",
        ),
    ],
)
def test_an_application_that_cannot_run_says_why_in_one_line(
    tmp_path: Path, target: str, source: str, error: str
) -> None:
    (tmp_path / "mine.py").write_text(source)
    nobody = f"amqp://guest:guest@127.0.0.1:{free_port()}/"
    done = cli("run", target, "--log-format", "json", cwd=tmp_path, broker=nobody)
    assert one_line(done).startswith(error.replace("{folder}", str(tmp_path)))


def test_every_command_loads_applications_alike(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise KeyError('x')\n")
    for command in (
        ("run", "mine:app"),
        ("publish", "mine:app", "orders.created", "{}"),
        ("topology", "plan", "mine:app"),
        ("topology", "apply", "mine:app"),
        ("topology", "show", "mine:app"),
    ):
        done = cli(*command, cwd=tmp_path)
        assert one_line(done) == "module mine cannot be imported: KeyError: 'x' (mine.py:1)"


def test_debug_shows_the_traceback_before_the_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("raise KeyError('x')\n")
    for command in (("run", "mine:app"), ("topology", "show", "mine:app")):
        done = cli("--debug", *command, cwd=tmp_path)
        assert done.returncode == 2
        assert "Traceback (most recent call last)" in done.stderr
        assert "KeyError: 'x'" in done.stderr
        assert done.stderr.splitlines()[-1] == "error: module mine cannot be imported: KeyError: 'x' (mine.py:1)"


# -- the command line --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("run",), "Missing argument 'MODULE:APP'; see `warren run --help`"),
        (("run", "shop:app", "--processes", "0"), "Invalid value for '--processes': 0 is not in the range 1<=x<=512"),
        (("run", "shop:app", "--grace", "-1"), "Invalid value for '--grace': '-1' is not a time"),
        (("run", "shop:app", "--log-level", "loud"), "Invalid value for '--log-level': 'loud' is not one of"),
        (("replay", "q", "--canary-timeout", "26m"), "the canary's time is at most 1,500 seconds: RabbitMQ takes back"),
        (("runs", "shop:app"), "No such command 'runs'"),
        (("run", "shop:app", "--reload"), "No such option"),
    ],
)
def test_a_wrong_command_line_is_one_line(folder: Path, arguments: tuple[str, ...], error: str) -> None:
    assert one_line(cli(*arguments, cwd=folder)).startswith(error)


def test_a_health_port_that_is_taken_is_one_line(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = cli("run", "shop:app", "--health-port", str(port), cwd=folder)
    assert one_line(done) == f"cannot serve health on 127.0.0.1:{port}: Address already in use"


# -- the broker ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("http://localhost", "the broker URL starts with 'http'; write amqp://user:password@host:5672/vhost"),
        ("localhost:5672", "the broker URL starts with 'localhost'; write amqp://user:password@host:5672/vhost"),
        ("amqp://guest:secret@host:port/", "the broker URL has port 'port' for host 'host'; a port is a number"),
        ("amqp://guest:secret@host/?heartbeats=3", "the broker URL has the unknown option 'heartbeats'; known are"),
    ],
)
def test_a_wrong_broker_url_is_one_line_and_shows_no_password(folder: Path, url: str, error: str) -> None:
    line = one_line(cli("run", "shop:app", "--log-format", "json", cwd=folder, broker=url))
    assert line.startswith(f"shop.py:{APP_LINE}: {error}")
    assert "secret" not in line


def test_a_refused_login_is_one_line(broker: BrokerUnderTest, folder: Path) -> None:
    url = broker.url.replace("guest:guest@", "guest:wrong@")
    host = url.partition("@")[2].partition("/")[0]
    for command in (("run", "shop:app", "--log-format", "json"), ("topology", "apply", "shop:app")):
        line = one_line(cli(*command, cwd=folder, broker=url))
        assert line.startswith(f"{host} refused amqp://guest:***@{host}/")
        assert line.endswith("the login was refused: check user and password of the broker URL")
        assert "wrong" not in line


def test_a_missing_virtual_host_is_one_line(broker: BrokerUnderTest, folder: Path) -> None:
    url = broker.url.rpartition("/")[0] + "/nowhere"
    for command in (("run", "shop:app", "--log-format", "json"), ("topology", "apply", "shop:app")):
        line = one_line(cli(*command, cwd=folder, broker=url))
        assert "the virtual host was refused (NOT_ALLOWED - vhost nowhere not found): check its name and" in line


def test_a_conflicting_queue_is_one_line_and_nothing_is_created(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    plain.channel.queue_declare("billing.invoices", durable=True, arguments={"x-queue-type": "classic"})
    for command in (("run", "shop:app", "--log-format", "json"), ("topology", "apply", "shop:app")):
        line = one_line(cli(*command, cwd=folder, broker=url_with_management(broker)))
        assert line.startswith(
            "the broker has it, but different; nothing was changed: queue 'billing.invoices': type is 'classic' on the "
            "broker and 'quorum' in the code; cannot be changed in place: drain and delete it, then apply; or say "
            'type="classic"'
        )
    assert [queue["name"] for queue in broker.api("GET", "queues/{vhost}")] == ["billing.invoices"]


# -- messages ------------------------------------------------------------------------------------


def test_messages_that_do_not_fit_their_contract_are_dead_letters_that_say_why(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    with running_cli("run", "shop:app", "--log-format", "json", cwd=folder, broker=broker.url) as running:
        running.wait_event("subscribed", 2)
        for message_id, body, properties in (
            ("no-json", b"{oops", {}),
            ("wrong-type", b'{"order_id": "4821"}', {}),
            ("missing", b"{}", {}),
            ("unknown-type", b'{"order_id": 1}', {"type": "orders.moved"}),
            ("unknown-version", b'{"order_id": 1}', {"type": "orders.created", "headers": {"x-warren-version": 9}}),
        ):
            plain.publish("orders", "orders.created", body, message_id=message_id, **properties)
        plain.publish("orders", "orders.created", b'{"order_id": 5}', message_id="fits")
        plain.wait_depth("billing.invoices.dead", 5)
        dead = {one.properties.message_id: one for one in plain.drain("billing.invoices.dead")}
        plain.wait_depth("billing.invoices", 0)
    assert {one.headers["x-warren-dead-reason"] for one in dead.values()} == {"contract"}
    errors = {message_id: one.headers["x-warren-dead-error"] for message_id, one in dead.items()}
    assert errors["no-json"].startswith("the body is not JSON: ")
    assert errors["wrong-type"] == 'orders.created v1: order_id: expected a valid integer, got string "4821"'
    assert errors["missing"] == "orders.created v1: order_id is missing"
    assert errors["unknown-type"].startswith("type 'orders.moved' is not handled here; this consumer reads ")
    assert errors["unknown-version"].startswith("version 9 of orders.created is not handled here; ")
    assert "end 5 attempt 1" in (folder / "notes").read_text()
    assert "Traceback" not in "".join(running.stderr)


def test_a_body_of_20_mb_is_refused_by_the_broker_or_dead_lettered_with_its_size(
    broker: BrokerUnderTest, plain: PlainPika, folder: Path
) -> None:
    body = json.dumps({"order_id": 1, "wait_for": "x" * 20_971_520}).encode()
    with running_cli("run", "shop:app", "--log-format", "json", cwd=folder, broker=broker.url) as running:
        running.wait_event("subscribed", 2)
        plain.channel.confirm_delivery()
        try:
            plain.publish("orders", "orders.created", body, message_id="huge")
        except pika.exceptions.ChannelClosedByBroker as error:
            assert broker.version.startswith("4.")  # 16 MiB by default there
            assert "larger than configured max size" in error.reply_text  # noqa: PT017 - on one broker only
            return
        plain.wait_depth("billing.invoices.dead", 1)
        (dead,) = plain.drain("billing.invoices.dead")
    assert dead.body == body
    assert dead.headers["x-warren-dead-error"] == f"the body has {len(body):,} bytes; the limit is 16,777,216"


def test_publishing_20_mb_is_refused_before_it_is_sent(broker: BrokerUnderTest, folder: Path) -> None:
    (folder / "huge.ndjson").write_text(json.dumps({"order_id": 1, "wait_for": "x" * 20_971_520}) + "\n")
    done = cli("publish", "shop:app", "orders.created", "huge.ndjson", cwd=folder, broker=broker.url)
    assert done.returncode == 1
    first, last = done.stderr.splitlines()
    assert first.startswith("error: line 1: message ")
    assert "the limit is 16,777,216" in first
    assert last == "error: 0 messages confirmed, 1 failed"
