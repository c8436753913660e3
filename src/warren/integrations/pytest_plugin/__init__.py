"""The pytest plugin: fixtures that run an application on a broker in this process, or on RabbitMQ.

Not here: what the fixtures give (`running.py`, `run.py`). It is imported with the first test that asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from warren.integrations.pytest_plugin.running import WarrenTest
    from warren.integrations.pytest_plugin.stage import Stage

__all__ = ["warren_broker", "warren_stages", "warren_test"]

_REPORTS: Final = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("warren")
    group.addoption("--warren-broker", metavar="URL", help="run tests on this RabbitMQ instead of the embedded broker")
    group.addoption(
        "--warren-time-scale",
        metavar="FACTOR",
        help="how much shorter retry tiers are on RabbitMQ (default 0.001: a minute takes 60 ms)",
    )
    parser.addini("warren_broker", "the RabbitMQ to run tests on (default: the embedded broker)", default="")
    parser.addini("warren_time_scale", "how much shorter retry tiers are on RabbitMQ", default="0.001")


@pytest.fixture(scope="session")
def warren_broker(pytestconfig: pytest.Config) -> str | None:
    """The URL of the RabbitMQ that tests run on; None is a broker in this process, with a clock of its own.

    Override it where the URL is known in the session only, or to run every test on several brokers.
    """
    return _setting(pytestconfig, "warren_broker") or None


@pytest.fixture(scope="session")
def warren_stages(warren_broker: str | None, pytestconfig: pytest.Config) -> Iterator[Callable[[], Stage]]:
    """What `warren_test` gets its virtual hosts from."""
    if warren_broker is not None:
        from warren.integrations.pytest_plugin.rabbitmq_stage import rabbitmq_stages

        yield rabbitmq_stages(warren_broker, _setting(pytestconfig, "warren_time_scale"))
        return
    from warren.integrations.pytest_plugin.embedded_stage import embedded_stages

    with embedded_stages() as new_stage:
        yield new_stage


@pytest.fixture
def warren_test(request: pytest.FixtureRequest, warren_stages: Callable[[], Stage]) -> WarrenTest:
    """Runs applications: `with warren_test.running(app) as run:`."""
    from warren.integrations.pytest_plugin.running import WarrenTest

    test = WarrenTest(warren_stages)
    request.node.stash[_REPORTS] = test.reports
    return test


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show how the run was where a test failed inside of it."""
    told = yield
    if told.failed and call.when == "call":
        told.sections += [("warren", text) for text in item.stash.get(_REPORTS, [])]
    return told


def _setting(config: pytest.Config, name: str) -> str:
    given = config.getoption(name)
    return str(given or config.getini(name))
