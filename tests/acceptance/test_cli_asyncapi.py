"""`warren contracts asyncapi` as a user runs it: where it writes, and how it fails.

Not here: the document (tests/unit/asyncapi).
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.support.cli import WARREN, cli, environment

SHOP = '''
"""Bills orders."""
from warren import Message, Warren


class Order(Message, routing_key="orders"):
    order_id: int


app = Warren("billing", broker="amqp://bob:s3cret@nowhere.invalid/shop")


@app.consumer("orders", Order)
def bill(order: Order) -> None: ...
'''


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP.lstrip())
    return tmp_path


def test_without_options_the_document_is_all_of_stdout(shop: Path) -> None:
    done = cli("contracts", "asyncapi", "shop:app", cwd=shop)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["info"] == {"title": "billing", "version": "0.0.0", "description": "Bills orders."}
    assert done.stderr == ""
    assert "s3cret" not in done.stdout


def test_files_are_written_and_named_on_stderr(shop: Path) -> None:
    done = cli("contracts", "asyncapi", "shop:app", "--output", "a.json", "--html", "a.html", "--no-server", cwd=shop)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.splitlines() == ["a.json written", "a.html written"]
    assert "servers" not in json.loads((shop / "a.json").read_text())
    assert (shop / "a.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("option", ["--output", "--html"])
def test_a_file_that_cannot_be_written_is_one_line(option: str, shop: Path) -> None:
    done = cli("contracts", "asyncapi", "shop:app", option, "no/such/folder", cwd=shop)
    assert done.returncode == 2
    assert done.stderr == "error: cannot write no/such/folder: No such file or directory\n"


def test_an_application_that_is_not_there_is_a_configuration_error(shop: Path) -> None:
    done = cli("contracts", "asyncapi", "shop:other", cwd=shop)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1


def test_a_reader_that_leaves_ends_it_quietly(shop: Path) -> None:
    command = f"{' '.join(WARREN)} contracts asyncapi shop:app | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=shop, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_every_process_writes_the_same_document(shop: Path) -> None:
    documents = {
        cli("contracts", "asyncapi", "shop:app", cwd=shop, env={"PYTHONHASHSEED": seed}).stdout for seed in "123"
    }
    assert len(documents) == 1
