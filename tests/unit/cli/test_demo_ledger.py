"""The demo's books close only where each message has its effect once or is dead once: every other case is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from warren.cli.demo.evidence import ConsumerEvidence, DeadLetter, Effect, Evidence
from warren.cli.demo.ledger import open_account
from warren.cli.demo.report import verdict

# Three orders, one of them published twice, one dead; and one message that is no order.
CONSUMER = ConsumerEvidence(
    consumer="billing.invoices",
    effects=(Effect(1, 1), Effect(2, 3)),
    dead=(DeadLetter("m-3", "exhausted", "TimeoutError: no", 3), DeadLetter("odd", "contract", "Undecodable: no", 1)),
    done_keys=2,
    left=0,
)
EVIDENCE = Evidence(
    confirmed=5,
    published=("m-1", "m-2", "m-3", "m-1", "odd"),
    orders={1: "m-1", 2: "m-2", 3: "m-3"},
    consumers=(CONSUMER,),
)


def test_books_that_close() -> None:
    account = open_account(EVIDENCE, CONSUMER)
    assert account.closes
    assert (account.published, account.copies) == (4, 1)
    assert (account.effects, account.after_retry, account.dead) == (2, 1, 2)
    assert account.dead_by_reason == {"exhausted": 1, "contract": 1}
    assert verdict(account) == "✔ billing.invoices: 4 published = 2 effects + 2 dead letters, no effect twice"


@pytest.mark.parametrize(
    ("consumer", "doubt"),
    [
        (replace(CONSUMER, effects=(Effect(1, 1),), done_keys=1), "neither effect nor dead letter: m-2"),
        (replace(CONSUMER, effects=(*CONSUMER.effects, Effect(1, 1)), done_keys=3), "effects twice for orders: 1"),
        (replace(CONSUMER, dead=CONSUMER.dead[:1]), "neither effect nor dead letter: odd"),
        (
            replace(CONSUMER, effects=(*CONSUMER.effects, Effect(3, 1)), done_keys=3),
            "both effect and dead letter, or never published: m-3",
        ),
        (
            replace(CONSUMER, effects=(*CONSUMER.effects, Effect(9, 1)), done_keys=3),
            "both effect and dead letter, or never published: order 9, never published",
        ),
        (
            replace(CONSUMER, effects=(Effect(1, 1), Effect(1, 1)), done_keys=2),
            "effects twice for orders: 1; neither effect nor dead letter: m-2",
        ),
        (replace(CONSUMER, done_keys=1), "1 keys done for 2 effects"),
        (replace(CONSUMER, left=2), "2 messages left in queues"),
    ],
)
def test_books_that_do_not_close_say_why(consumer: ConsumerEvidence, doubt: str) -> None:
    account = open_account(EVIDENCE, consumer)
    assert not account.closes
    assert verdict(account).startswith("✘ billing.invoices: 4 published, ")
    assert verdict(account).endswith(doubt)


def test_what_was_confirmed_and_is_not_on_the_broker_keeps_the_books_open() -> None:
    account = open_account(replace(EVIDENCE, confirmed=6), CONSUMER)
    assert not account.closes
    assert verdict(account).endswith("; 6 confirmed, but 5 on the broker")


def test_nothing_published_is_no_success() -> None:
    nothing = replace(CONSUMER, effects=(), dead=(), done_keys=0)
    assert not open_account(Evidence(0, (), {}, (nothing,)), nothing).closes
