"""Fixtures for all tests: brokers, databases, and what happens where a server is missing.

Not here: the servers themselves (tests/services).

Every test that asks for `broker` or `private_broker` runs once on each of BROKERS. Servers start when the first test
asks for them. Where one is missing, its tests are skipped and counted loudly; with CI=true they fail.
"""

from __future__ import annotations

import itertools
import os
import signal
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from hypothesis import settings

from tests.services.places import RELEASES, ServiceMissing, axe, chromium, openssl, prometheus
from tests.services.postgres_server import PostgresServer
from tests.services.redis_service import RedisService
from tests.support.broker import BrokerUnderTest, management_call
from tests.support.certificates import Certificates, make_certificates
from tests.support.embedded_node import EmbeddedNode
from warren.errors import ConfigurationError
from warren.integrations.rabbitmq_node import RabbitmqNode

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.support.browser import Browsing

BROKERS = ("rabbitmq-3.10", "rabbitmq-4.0", "embedded")

# No test times itself: on a busy machine an example may take long.
settings.register_profile("warren", deadline=None)
settings.load_profile("warren")

# A shell that runs the tests in its background lets them ignore Ctrl-C, and what they start inherits that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

_MISSING = "a server is missing: "


def give_up(reason: Exception) -> NoReturn:
    """Skip the asking test because a server is missing; with CI=true fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{_MISSING}{reason} (with CI=true nothing is skipped)", pytrace=False)
    pytest.skip(f"{_MISSING}{reason}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", []) if report.longrepr]
    missing = [reason.split(_MISSING, 1)[1] for reason in reasons if _MISSING in reason]
    if not missing:
        return
    terminalreporter.section("servers are missing", red=True, bold=True)
    for reason in sorted(set(missing)):
        terminalreporter.line(f"{missing.count(reason)} tests DID NOT RUN: {reason}", red=True, bold=True)


# -- brokers ------------------------------------------------------------------------------


def new_node(broker_version: str, data_dir: Path, **options: Any) -> RabbitmqNode | EmbeddedNode:
    """Return a node of one of BROKERS, not started; give up where it is not installed."""
    if broker_version == "embedded":
        return EmbeddedNode(data_dir, **options)
    try:
        root = RELEASES[broker_version.removeprefix("rabbitmq-")].root()
        return RabbitmqNode(data_dir, root=root, **options)
    except (ServiceMissing, ConfigurationError) as reason:
        give_up(reason)


@pytest.fixture(scope="session", params=BROKERS)
def broker_version(request: pytest.FixtureRequest) -> str:
    """The broker the test runs on. Session-wide, so that pytest groups the tests by broker."""
    return str(request.param)


@pytest.fixture(scope="session")
def broker_node(broker_version: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitmqNode | EmbeddedNode]:
    """The node all tests on this broker share."""
    node = new_node(broker_version, tmp_path_factory.mktemp(broker_version), statistics_interval=1.0)
    node.start()
    yield node
    node.kill()  # Its data is of no more use, and a graceful end takes seconds.


@pytest.fixture
def broker(broker_version: str, broker_node: RabbitmqNode | EmbeddedNode) -> Iterator[BrokerUnderTest]:
    """A fresh virtual host on the shared node: tests must not stop the node."""
    with _virtual_host(broker_version, broker_node) as fresh:
        yield fresh


@pytest.fixture(scope="module")
def module_broker(broker_version: str, broker_node: RabbitmqNode | EmbeddedNode) -> Iterator[BrokerUnderTest]:
    """A virtual host that the tests of a module share, each cleaning up before itself."""
    with _virtual_host(broker_version, broker_node) as fresh:
        yield fresh


@contextmanager
def _virtual_host(name: str, node: RabbitmqNode | EmbeddedNode) -> Iterator[BrokerUnderTest]:
    vhost = f"test-{uuid.uuid4().hex[:12]}"
    port = node.management_port
    management_call(port, "PUT", f"vhosts/{vhost}")
    management_call(port, "PUT", f"permissions/{vhost}/guest", {"configure": ".*", "write": ".*", "read": ".*"})
    yield _tested(name, node, vhost, f"amqp://guest:guest@127.0.0.1:{node.port}/{vhost}")
    management_call(port, "DELETE", f"vhosts/{vhost}")


@pytest.fixture
def private_broker(broker_version: str, tmp_path: Path) -> Iterator[Callable[..., BrokerUnderTest]]:
    """A function that starts a node of the test's own, to kill and restart: `private_broker(config={…})`.

    Takes the options of RabbitmqNode. The node is killed after the test.
    """
    with ExitStack() as ends:
        numbers = itertools.count(1)

        def start(**options: Any) -> BrokerUnderTest:
            data_dir = tmp_path / f"node-{next(numbers)}"
            node = new_node(broker_version, data_dir, **{"statistics_interval": 1.0, **options})
            node.start()
            ends.callback(node.kill)
            return _tested(broker_version, node, "/", node.url)

        yield start


def _tested(name: str, node: RabbitmqNode | EmbeddedNode, vhost: str, url: str) -> BrokerUnderTest:
    return BrokerUnderTest(
        name=name, version=node.version, vhost=vhost, url=url, management_url=node.management_url, node=node
    )


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """An authority with a server and a client: `private_broker(**certificates.broker_options(port=…))`."""
    try:
        openssl()
    except ServiceMissing as reason:
        give_up(reason)
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def prometheus_program() -> Path:
    """Prometheus's server program; `promtool` is there as well."""
    try:
        return prometheus()
    except ServiceMissing as reason:
        give_up(reason)


# -- databases ----------------------------------------------------------------------------


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """The PostgreSQL server all tests share."""
    try:
        server = PostgresServer()
    except ServiceMissing as reason:
        give_up(reason)
    with server:
        yield server


@pytest.fixture
def postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The SQLAlchemy URL of an empty PostgreSQL database of the test's own."""
    database = f"test_{uuid.uuid4().hex[:12]}"
    postgres_server.run(f"CREATE DATABASE {database}")
    yield postgres_server.url(database)
    postgres_server.run(f"DROP DATABASE {database} WITH (FORCE)")


@pytest.fixture(scope="session")
def redis_service() -> Iterator[RedisService]:
    """The Redis server all tests share."""
    try:
        server = RedisService()
    except ServiceMissing as reason:
        give_up(reason)
    with server:
        yield server


@pytest.fixture
def redis_url(redis_service: RedisService) -> str:
    """The URL of an empty Redis database."""
    redis_service.flush()
    return redis_service.url(0)


# -- a browser ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The Chromium that the tests of a module share."""
    from tests.support.browser import browser_running

    try:
        program = chromium()
        axe()
    except ServiceMissing as reason:
        give_up(reason)
    with browser_running(program) as running:
        yield running


@pytest.fixture
def browsing(browser: Browser, tmp_path: Path) -> Iterator[Browsing]:
    """Opens the pages of one test. What they showed is told where it fails, and it fails where one complained."""
    from tests.support.browser import Browsing

    browsing = Browsing(browser, tmp_path)
    yield browsing
    browsing.close()
    assert not browsing.complaints, "\n".join(browsing.complaints)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    given = getattr(item, "funcargs", {})
    if report.when == "call" and report.failed and "browsing" in given:
        report.sections.append(("what the pages showed", given["browsing"].told()))
        if "dashboard" in given:
            report.sections.append(("what the dashboard wrote", "".join(given["dashboard"].running.stderr)[-5_000:]))
    return report
