"""`warren contracts lock` and `check` as users run them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cli import cli, environment

SHOP = """
from pydantic import BaseModel

from warren import Exchange, Message, Warren, upcaster

orders = Exchange("orders", "topic")


class Line(BaseModel):
    sku: str
    price: int


class OrderCreated(Message, exchange=orders, routing_key="orders.created", version=1):
    order_id: int
    lines: list[Line]


app = Warren("billing", broker="amqp://guest:secret@127.0.0.1:1/")
app.publishes(OrderCreated)


@app.consumer("billing.invoices", OrderCreated)
def send_invoice(order: OrderCreated) -> None: ...
"""
UPCASTER = """

@upcaster(OrderCreated, from_version=1)
def as_text(body: dict) -> dict:
    return {**body, "lines": [{**line, "price": str(line["price"])} for line in body["lines"]]}

"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the application and its lock."""
    change(tmp_path)
    locked = cli("contracts", "lock", "shop:app", cwd=tmp_path)
    assert (locked.returncode, locked.stdout) == (0, "")
    assert locked.stderr == "contracts.lock.json written: 1 contract; commit it\n"
    return tmp_path


def change(folder: Path, *changes: tuple[str, str]) -> None:
    """Write the application as it was at first, but for these changes."""
    source = SHOP
    for old, new in changes:
        assert old in source
        source = source.replace(old, new)
    (folder / "shop.py").write_text(source)


PRICE = ("price: int", "price: str")


def test_what_did_not_change_passes_and_is_not_written_again(folder: Path) -> None:
    before = (folder / "contracts.lock.json").stat()
    checked = cli("contracts", "check", "shop:app", cwd=folder)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "compatible (backward and forward)\n")
    again = cli("contracts", "lock", "shop:app", cwd=folder)
    assert (again.returncode, again.stderr) == (0, "contracts.lock.json has them already: 1 contract\n")
    assert (folder / "contracts.lock.json").stat().st_ino == before.st_ino


def test_a_breaking_change_fails_and_names_field_reason_victim_and_remedy(folder: Path) -> None:
    change(folder, PRICE)
    checked = cli("contracts", "check", "shop:app", cwd=folder)
    assert checked.returncode == 1
    assert checked.stdout.splitlines() == [
        "✗ orders.created v1 lines[].price: integer → string",
        "    breaks producers (backward): new consumers dead-letter what old producers send, and what waits in queues",
        "    → read both as a union while both are sent, or make it a new version with an upcaster",
        "✗ orders.created v1 lines[].price: integer → string",
        "    breaks consumers (forward): old consumers dead-letter what new producers send",
        "    → release consumers that read it before any producer sends it, or make it a new version",
    ]
    assert checked.stderr == "2 breaking changes (backward and forward)\n"


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        (("order_id: int", "order_id: int\n    note: str"), {"backward": 1, "forward": 0, "full": 1}),
        (("    order_id: int\n", ""), {"backward": 0, "forward": 1, "full": 1}),
        (("order_id: int", "order_id: int\n    note: str = ''"), {"backward": 0, "forward": 0, "full": 0}),
    ],
)
def test_each_mode_asks_about_its_own_direction(folder: Path, changed: tuple[str, str], codes: dict[str, int]) -> None:
    change(folder, changed)
    for mode, code in codes.items():
        assert cli("contracts", "check", "shop:app", "--mode", mode, cwd=folder).returncode == code, mode


def test_json_is_all_there_is_on_stdout(folder: Path) -> None:
    change(folder, PRICE, ("order_id: int", "order_id: int = 0"))
    checked = cli("contracts", "check", "shop:app", "--mode", "backward", "--json", cwd=folder)
    assert checked.returncode == 1
    told = json.loads(checked.stdout)
    assert (told["compatible"], told["mode"], told["stale"]) == (False, "backward", True)
    breaking, remark = told["findings"]
    assert {name: breaking[name] for name in ("type", "version", "field", "direction", "breaks")} == {
        "type": "orders.created",
        "version": 1,
        "field": "lines[].price",
        "direction": "backward",
        "breaks": "producers",
    }
    assert (remark["field"], remark["breaking"], remark["breaks"]) == ("order_id", False, None)


def test_a_lock_refuses_what_breaks_unless_it_is_told_to(folder: Path) -> None:
    before = (folder / "contracts.lock.json").read_text()
    change(folder, PRICE)
    refused = cli("contracts", "lock", "shop:app", cwd=folder)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "✗ orders.created v1 lines[].price: integer → string" in refused.stderr
    assert refused.stderr.splitlines()[-1] == (
        "error: not locked: 2 breaking changes (backward and forward); lock it all the same with --allow-breaking"
    )
    assert (folder / "contracts.lock.json").read_text() == before
    assert cli("contracts", "lock", "shop:app", "--allow-breaking", cwd=folder).returncode == 0
    assert cli("contracts", "check", "shop:app", cwd=folder).returncode == 0


def test_a_compatible_change_passes_and_asks_for_a_new_lock(folder: Path) -> None:
    change(folder, ("order_id: int", "order_id: int\n    note: str | None = None"))
    checked = cli("contracts", "check", "shop:app", cwd=folder)
    assert checked.returncode == 0
    assert checked.stderr.splitlines()[-1] == (
        "contracts.lock.json is older than the code; bring it up to date with: warren contracts lock shop:app"
    )
    assert cli("contracts", "lock", "shop:app", cwd=folder).returncode == 0
    assert cli("contracts", "check", "shop:app", cwd=folder).stderr == "compatible (backward and forward)\n"


def test_a_new_version_passes_in_two_releases(folder: Path) -> None:
    """First consumers that read both, then producers that send the new one."""
    first = SHOP.partition("app = ")[0].rpartition("\n\nclass OrderCreated")[2]
    old = "\n\nclass OldOrder" + first.replace("Line", "OldLine")
    lines = "class OldLine(BaseModel):\n    sku: str\n    price: int\n"
    new = [PRICE, ("version=1", "version=2"), ("app = Warren", f"{UPCASTER}{lines}{old}app = Warren")]
    change(folder, *new, ("app.publishes(OrderCreated)", "app.publishes(OldOrder)"))
    reading = cli("contracts", "lock", "shop:app", cwd=folder)
    assert reading.returncode == 0, reading.stderr
    change(folder, *new)
    publishing = cli("contracts", "lock", "shop:app", cwd=folder)
    assert publishing.returncode == 0, publishing.stderr


def test_another_file_can_be_named(folder: Path) -> None:
    assert cli("contracts", "lock", "shop:app", "--file", "released.json", cwd=folder).returncode == 0
    (folder / "contracts.lock.json").unlink()
    assert cli("contracts", "check", "shop:app", "--file", "released.json", cwd=folder).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "shop:app", "--file", "none.json"], "error: there is no none.json; write it with `warren contracts"),
        (["check", "shop:app", "--file", "shop.py"], "error: shop.py is no JSON ("),
        (["lock", "shop:app", "--file", "shop.py"], "error: shop.py is no JSON ("),
        (["lock", "shop:app", "--file", "no/folder.json"], "error: cannot write no/folder.json: No such file"),
        (["check", "shop:app", "--file", "."], "error: Invalid value for '--file': File '.' is a directory"),
        (["check", "shop:app", "--mode", "sideways"], "error: Invalid value for '--mode'"),
        (["check", "shop:application"], "error: module shop has no 'application'"),
        (["check"], "error: Missing argument 'MODULE:APP'"),
        (["chekc", "shop:app"], "error: No such command 'chekc'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(folder: Path, arguments: list[str], says: str) -> None:
    done = cli("contracts", *arguments, cwd=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(says), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_reader_who_stops_early_ends_it_quietly(folder: Path) -> None:
    change(folder, PRICE)
    command = f"{sys.executable} -m warren contracts check shop:app | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 141
    assert done.stderr == ""
