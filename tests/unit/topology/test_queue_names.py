"""The names of retry tiers and dead-letter queues."""

from __future__ import annotations

import pytest

from warren.topology import dead_letter_queue, retry_delay, retry_queue
from warren.topology.naming import is_kept_beside


def test_names_are_derived_from_the_consumers_queue() -> None:
    assert dead_letter_queue("billing.invoices") == "billing.invoices.dead"
    assert retry_queue("billing.invoices", 10.0) == "billing.invoices.retry.10s"
    assert retry_queue("billing.invoices", 0.5) == "billing.invoices.retry.500ms"


def test_a_tiers_delay_is_read_back_from_its_name() -> None:
    assert retry_delay("billing", "billing.retry.90s") == 90.0


@pytest.mark.parametrize("name", ["billing", "billing.retry", "billing.retry.soon", "shop.retry.10s", "billing.dead"])
def test_other_names_are_no_tiers(name: str) -> None:
    assert retry_delay("billing", name) is None


def test_tiers_and_dead_letter_queue_are_kept_beside_their_queue() -> None:
    assert is_kept_beside("billing", "billing.dead")
    assert is_kept_beside("billing", "billing.retry.1m")
    assert not is_kept_beside("billing", "billing")
    assert not is_kept_beside("billing", "billing.deadlines")
