"""The names and files of a service that `warren init` writes.

Not here: that the service works (tests/acceptance/test_cli_init.py).
"""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import PurePosixPath

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tests.support.markdown import ROOT, fences
from warren.cli.scaffold import Scaffold
from warren.errors import ConfigurationError

CONTAINER = ROOT / "docs" / "deployment" / "container.md"
FOLDER_NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9 ._-]{0,30}", fullmatch=True)
MESSAGES = st.from_regex(r"[A-Z][a-z0-9]{0,6}([A-Z][a-z0-9]{0,6}){0,3}", fullmatch=True)


def written(name: str, message: str = "OrderCreated") -> dict[str, str]:
    return {str(path): text for path, text in Scaffold.of(name, message).files("warren-mq>=1.2.3").items()}


@pytest.mark.parametrize(
    ("message", "exchange", "key", "field", "queue", "handler"),
    [
        ("OrderCreated", "orders", "orders.created", "order_id", "billing.orders", "on_order_created"),
        ("BigOrderLost", "big_orders", "big_orders.lost", "big_order_id", "billing.big_orders", "on_big_order_lost"),
        ("Ping", "pings", "pings", "ping_id", "billing.pings", "on_ping"),
        ("News", "news", "news", "news_id", "billing.news", "on_news"),
    ],
)
def test_names_follow_from_that_of_the_message(
    message: str, exchange: str, key: str, field: str, queue: str, handler: str
) -> None:
    files = written("billing", message)
    assert f'Exchange("{exchange}", "topic")' in files["billing/messages.py"]
    assert f'class {message}(Message, exchange={exchange}, routing_key="{key}"' in files["billing/messages.py"]
    assert f"    {field}: int\n" in files["billing/messages.py"]
    assert f'@app.consumer("{queue}", {message}' in files["billing/app.py"]
    assert f"def {handler}(message: {message})" in files["billing/app.py"]


@pytest.mark.parametrize(
    ("folder", "name", "package"),
    [
        ("billing", "billing", "billing"),
        ("Order Books", "order-books", "order_books"),
        ("my.app_2", "my-app-2", "my_app_2"),
    ],
)
def test_the_name_of_a_folder_becomes_that_of_a_service_and_of_a_package(folder: str, name: str, package: str) -> None:
    scaffold = Scaffold.of(folder, "OrderCreated")
    assert (scaffold.name, scaffold.package) == (name, package)


@pytest.mark.parametrize(
    ("name", "message", "said"),
    [
        ("2024", "OrderCreated", "say --name"),
        ("", "OrderCreated", "say --name"),
        ("中文", "OrderCreated", "say --name"),
        ("queue", "OrderCreated", "would hide"),
        ("tests", "OrderCreated", "would hide"),
        ("class", "OrderCreated", "would hide"),
        ("warren", "OrderCreated", "would hide"),
        ("billing", "order_created", "write it like OrderCreated"),
        ("billing", "Order-Created", "write it like OrderCreated"),
        ("billing", "", "write it like OrderCreated"),
        ("billing", "None", "write it like OrderCreated"),
        ("billing", "Message", "write it like OrderCreated"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_with_what_to_say_instead(name: str, message: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Scaffold.of(name, message)


@given(FOLDER_NAMES, MESSAGES)
def test_whatever_the_names_every_file_can_be_read(folder: str, message: str) -> None:
    try:
        files = written(folder, message)
    except ConfigurationError:
        return
    for path, text in files.items():
        assert not re.search(r"@[a-z]+@", path + text), f"{path} has a placeholder left"
        match PurePosixPath(path).suffix:
            case ".py":
                ast.parse(text)
            case ".toml":
                tomllib.loads(text)
            case ".yaml" | ".yml":
                assert yaml.safe_load(text)


def test_the_container_is_the_one_that_the_documentation_explains() -> None:
    shown = {fence.title: fence.text for fence in fences(CONTAINER) if fence.title}
    files = written("billing")
    assert {name: files[name] for name in shown} == shown


@pytest.mark.parametrize("requirement", ["warren-mq>=1.2.3", "warren-mq @ file:///srv/warren"])
def test_the_service_asks_for_the_warren_that_wrote_it(requirement: str) -> None:
    files = Scaffold.of("billing", "OrderCreated").files(requirement)
    project = tomllib.loads({str(path): text for path, text in files.items()}["pyproject.toml"])
    assert project["project"]["dependencies"] == [requirement]
    assert ("metadata" in project["tool"]["hatch"]) == ("@" in requirement)  # or hatchling refuses it
