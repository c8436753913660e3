"""The demo's closing tables: each consumer's account, where each number was read, and why messages are dead.

Not here: the numbers (`evidence.py`, `ledger.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from warren.cli.demo.evidence import WITNESS, Evidence
from warren.cli.demo.ledger import Account

__all__ = ["show_report"]

_SOME: Final = 5

_ROWS: Final[tuple[tuple[str, Callable[[Account], object], str], ...]] = (
    ("confirmed", lambda account: account.confirmed, "broker's confirms"),
    ("published", lambda account: account.published, f"ids in {WITNESS}"),
    ("  second copies", lambda account: account.copies, f"ids in {WITNESS}"),
    ("effects", lambda account: account.effects, "SQL: rows"),
    ("  after a retry", lambda account: account.after_retry, "SQL: attempts"),
    ("  recorded as done", lambda account: account.done_keys, "SQL: the store"),
    ("dead letters", lambda account: account.dead, "ids in *.dead"),
    ("  contract", lambda account: account.dead_by_reason.get("contract", 0), "headers in *.dead"),
    ("  permanent", lambda account: account.dead_by_reason.get("permanent", 0), "headers in *.dead"),
    ("  exhausted", lambda account: account.dead_by_reason.get("exhausted", 0), "headers in *.dead"),
    ("effects twice", lambda account: len(account.twice), "SQL: rows"),
    ("left in queues", lambda account: account.left, "the queues"),
)


def show_report(console: Console, evidence: Evidence, accounts: Sequence[Account]) -> None:
    """Print everything."""
    console.print(_accounts(accounts))
    console.print(_deaths(evidence))
    for account in accounts:
        console.print(verdict(account), markup=False, highlight=False, soft_wrap=True)


def verdict(account: Account) -> str:
    """Say whether one account closes, and what stands against it."""
    published, effects, dead = account.published, account.effects, account.dead
    if account.closes:
        return f"✔ {account.consumer}: {published} published = {effects} effects + {dead} dead letters, no effect twice"
    doubts = [
        f"{text}: {_some(found)}"
        for text, found in (
            ("effects twice for orders", account.twice),
            ("neither effect nor dead letter", account.missing),
            ("both effect and dead letter, or never published", account.doubtful),
        )
        if found
    ]
    if account.confirmed != account.published + account.copies:
        doubts.append(f"{account.confirmed} confirmed, but {account.published + account.copies} on the broker")
    if account.left:
        doubts.append(f"{account.left} messages left in queues")
    if account.done_keys != account.effects:
        doubts.append(f"{account.done_keys} keys done for {account.effects} effects")
    return f"✘ {account.consumer}: {published} published, {effects} effects, {dead} dead letters; {'; '.join(doubts)}"


def _accounts(accounts: Sequence[Account]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("ledger", no_wrap=True)
    for account in accounts:
        table.add_column(account.consumer, justify="right", no_wrap=True)
    table.add_column("read from", style="dim", no_wrap=True)
    for label, number, source in _ROWS:
        table.add_row(label, *(str(number(account)) for account in accounts), source)
    return table


def _deaths(evidence: Evidence) -> Table:
    """One row for each cause of death, told from the headers of the dead letters."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("dead letters, and why", ratio=1)
    table.add_column("class")
    table.add_column("tries", justify="right")
    counted = []
    for consumer in evidence.consumers:
        table.add_column(consumer.consumer.partition(".")[0], justify="right")
        counted.append(Counter((letter.reason, letter.attempts, _shortened(letter.error)) for letter in consumer.dead))
    for cause in sorted(set().union(*counted)):
        reason, attempts, error = cause
        table.add_row(error, reason, str(attempts), *(str(causes[cause] or "") for causes in counted))
    return table


def _shortened(error: str) -> str:
    kind, _, text = error.partition(": ")
    # A body's own values make every such error another one.
    return f"{kind.rpartition('.')[2]}: {text.partition(', got')[0].partition('; this consumer')[0]}"


def _some(found: Sequence[object]) -> str:
    return ", ".join(map(str, found[:_SOME])) + (f" and {len(found) - _SOME} more" if len(found) > _SOME else "")
