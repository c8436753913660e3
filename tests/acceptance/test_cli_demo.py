"""`warren demo` as users run it: it ends by itself, its books close, it sees when they do not, and nothing stays."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.conftest import give_up
from tests.support import BrokerUnderTest, wait_until
from tests.support.cli import WARREN, cli, environment, is_alive, running_cli, url_with_management
from warren.errors import ConfigurationError
from warren.integrations.rabbitmq_installation import find_installation

EXAMPLE = Path(__file__).parents[2] / "examples" / "orders"

CLOSED = re.compile(r"✔ (\S+): (\d+) published = (\d+) effects \+ (\d+) dead letters, no effect twice")


@pytest.fixture
def installed() -> None:
    """RabbitMQ on this machine, for a private node."""
    try:
        find_installation()
    except ConfigurationError as reason:
        give_up(reason)


def closed_books(output: str) -> dict[str, tuple[int, int, int]]:
    """Return published, effects and dead letters of each consumer whose books close."""
    return {name: (int(a), int(b), int(c)) for name, a, b, c in CLOSED.findall(output)}


def virtual_hosts(broker: BrokerUnderTest) -> list[str]:
    return [vhost["name"] for vhost in broker.api("GET", "vhosts")]


def processes_in(folder: Path) -> Iterator[int]:
    """Yield the processes that were started with something in `folder`."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes() and int(path.parent.name) != os.getpid():
                yield int(path.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            pass


def nothing_stays(folder: Path) -> bool:
    return not list(folder.glob("warren-demo-*")) and not any(map(is_alive, processes_in(folder)))


# -- on a running broker -----------------------------------------------------------------------


def test_the_demo_closes_its_books_on_a_running_broker_and_leaves_it_as_it_was(
    broker: BrokerUnderTest, tmp_path: Path
) -> None:
    before = virtual_hosts(broker)
    done = cli("demo", "--broker", url_with_management(broker), cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    books = closed_books(done.stdout)
    assert set(books) == {"billing.invoices", "shipping.labels"}
    for published, effects, dead in books.values():
        assert published == effects + dead
        assert published >= 300
        assert dead > 0
    for what in ("InvalidPayload", "Undecodable", "UnknownType", "TimeoutError", "UnknownCustomer"):
        assert what in done.stdout
    assert done.stderr == ""
    assert "\x1b" not in done.stdout  # plain lines, for it is no terminal
    assert virtual_hosts(broker) == before
    assert nothing_stays(tmp_path)


@pytest.mark.parametrize(
    ("original", "mutated", "doubt"),
    [
        ("    session.execute(invoice)\n", "", "✘ billing.invoices: "),
        (
            "    session.execute(invoice)\n",
            "    session.execute(invoice)\n    session.execute(invoice)\n",
            "effects twice for orders",
        ),
        ("    idempotent=True,\n", "", "✘ shipping.labels: "),
    ],
    ids=["an effect is lost", "an effect comes twice", "duplicates are not absorbed"],
)
def test_the_demo_sees_it_when_the_books_do_not_close(
    broker: BrokerUnderTest, tmp_path: Path, original: str, mutated: str, doubt: str
) -> None:
    shutil.copytree(EXAMPLE, tmp_path / "orders", ignore=shutil.ignore_patterns("__pycache__"))
    source = (tmp_path / "orders" / "app.py").read_text()
    assert original in source
    (tmp_path / "orders" / "app.py").write_text(source.replace(original, mutated))
    program = (
        "import sys; from pathlib import Path; from warren.cli import main; from warren.cli.demo import example\n"
        f"example._home = lambda: Path({str(tmp_path)!r})\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "demo", "--orders", "40", "--broker", url_with_management(broker)],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert doubt in done.stdout


def test_a_broker_that_may_not_be_used_is_one_line(broker: BrokerUnderTest, tmp_path: Path) -> None:
    url = url_with_management(broker).replace("guest:guest", "guest:wrong").replace("guest%3Aguest", "guest%3Awrong")
    done = cli("demo", "--broker", url, cwd=tmp_path, env={"TMPDIR": str(tmp_path)})
    assert done.returncode == 2
    assert done.stderr.startswith("error: the management API at ")
    assert done.stderr.count("\n") == 1
    assert "wrong" not in done.stderr
    assert nothing_stays(tmp_path)


# -- on a node of its own ------------------------------------------------------------------------


@pytest.mark.usefixtures("installed")
def test_two_demos_at_once_each_on_a_node_of_its_own_close_their_books_and_leave_nothing(tmp_path: Path) -> None:
    both = [
        subprocess.Popen(
            [*WARREN, "demo", "--orders", "60", "--seed", str(seed), "--fast"],
            cwd=tmp_path,
            env=environment(TMPDIR=str(tmp_path)),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for seed in (1, 2)
    ]
    for process in both:
        output, _ = process.communicate(timeout=100)
        assert process.returncode == 0, output
        assert len(closed_books(output)) == 2
    assert nothing_stays(tmp_path)


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_demo_that_is_interrupted_takes_its_node_and_its_files_along(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    with running_cli("demo", "--rabbitmq", "--orders", "20000", cwd=tmp_path, env={"TMPDIR": str(tmp_path)}) as running:
        running.wait(lambda: any("published" in line for line in running.stdout), "the demo publishes", timeout=60.0)
        assert list(processes_in(tmp_path))
        running.signal(number)
        assert running.finish() == code
    assert "Traceback" not in "".join(running.stderr)
    wait_until(lambda: nothing_stays(tmp_path), message=lambda: str(list(processes_in(tmp_path))))


def test_without_rabbitmq_the_demo_says_how_to_get_it(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from warren.integrations import rabbitmq_installation as found\n"
        "found._debian_scripts = found._scripts_on_path = lambda *_: None\n"
        "from warren.cli import main; sys.exit(main(['demo', '--rabbitmq']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment(TMPDIR=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: --rabbitmq needs RabbitMQ, and there is no RabbitMQ on this machine; install")
    assert done.stderr.endswith("leave the option out: the embedded broker needs nothing\n")
    assert nothing_stays(tmp_path)


# -- with the dashboard ---------------------------------------------------------------------------


@pytest.mark.timeout(240)
def test_with_the_dashboard_orders_keep_coming_until_ctrl_c_and_the_books_close(tmp_path: Path) -> None:
    with running_cli("demo", "--dashboard", "--orders", "40", cwd=tmp_path, env={"TMPDIR": str(tmp_path)}) as running:
        running.wait(
            lambda: address_in(running.stdout) is not None, "the demo says where the dashboard is", timeout=60.0
        )
        address = address_in(running.stdout)

        def shows_dead_letters() -> bool:
            page = httpx.get(f"{address}dead-letters", trust_env=False, timeout=20.0)
            assert page.status_code == 200
            assert "Read-only" not in page.text
            return "shipping.labels.dead" in page.text

        wait_until(shows_dead_letters, timeout=60.0, message=lambda: "no dead letters on the page")
        running.signal(signal.SIGINT)
        assert running.finish(timeout=90.0) == 0, "".join(running.stderr)  # the last orders have a minute
    books = closed_books("".join(running.stdout))
    assert set(books) == {"billing.invoices", "shipping.labels"}
    assert "Traceback" not in "".join(running.stderr)
    assert nothing_stays(tmp_path)


def address_in(lines: list[str]) -> str | None:
    return next((found[1] for line in lines if (found := re.search(r"dashboard at (http://\S+/);", line))), None)
