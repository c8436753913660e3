"""Message ids are unique, grow with time, and survive a fork; derived ones name the delivery."""

from __future__ import annotations

import subprocess
import sys
import threading
from uuid import RFC_4122, UUID

from hypothesis import given
from hypothesis import strategies as st

from warren.contracts.ids import MessageIds, derive_message_id, new_message_id

NOW = 1_700_000_000.123


@given(st.floats(0, 2**47 / 1000))
def test_an_id_is_a_uuid_of_version_7_with_its_milliseconds(now: float) -> None:
    made = UUID(new_message_id(now))

    assert (made.version, made.variant) == (7, RFC_4122)
    assert made.int >> 80 == int(now * 1000)


def test_ids_of_one_process_grow() -> None:
    made = [new_message_id(NOW + n / 10_000) for n in range(1_000)]

    assert made == sorted(set(made))


def test_the_counter_wraps_without_repeating_an_id_soon() -> None:
    ids = MessageIds(random=lambda size: b"\xff" * size)

    first, second = ids.new(NOW), ids.new(NOW)

    assert (first[-8:], second[-8:]) == ("ffffffff", "00000000")


def test_threads_never_share_an_id() -> None:
    made: list[str] = []

    def make() -> None:
        made.extend([new_message_id(NOW) for _ in range(5_000)])

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == 20_000


FORK = """
import os
from warren.contracts.ids import new_message_id
if os.fork() == 0:
    print(new_message_id(0), flush=True)
    os._exit(0)
os.wait()
print(new_message_id(0))
"""


def test_a_forked_child_makes_other_ids() -> None:
    run = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, check=True, timeout=60)
    child, parent = run.stdout.split()

    assert UUID(child).version == UUID(parent).version == 7
    assert child[14:28] != parent[14:28]


# -- derived ids --------------------------------------------------------------------------


def derived(body: bytes = b"{}", **changes: object) -> str:
    arguments: dict[str, object] = {"exchange": "orders", "routing_key": "a", "queue": "q", "salt": b"salt", "tag": 1}
    return derive_message_id(body, **{**arguments, **changes})


def test_a_derived_id_says_so_and_is_the_same_for_the_same_delivery() -> None:
    assert derived() == derived() == "derived-" + derived().removeprefix("derived-")
    assert len(derived()) == 48


def test_two_deliveries_of_equal_bodies_have_different_ids() -> None:
    assert len({derived(tag=1), derived(tag=2), derived(salt=b"other"), derived(b"[]"), derived(queue="p")}) == 5


def test_parts_do_not_run_into_each_other() -> None:
    assert derived(exchange="ab", routing_key="c") != derived(exchange="a", routing_key="bc")


def test_names_that_are_not_utf8_on_the_wire_can_be_derived_from() -> None:
    assert derived(routing_key=b"\xff".decode("utf-8", "surrogateescape")).startswith("derived-")
