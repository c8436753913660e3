"""The pages of dead letters, made of any message there may be: nothing in it breaks them, and all of it stays text."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.raw_properties import raw_properties
from tests.unit.operations.messages import DEAD, held
from warren.dashboard.fragment import render
from warren.dashboard.letters.counting import Counting
from warren.dashboard.letters.letter import Letter, Sought, export_line, letter_of
from warren.dashboard.letters.masking import Masking
from warren.dashboard.letters.seen import Look, Stage
from warren.dashboard.letters.shown import parts_of
from warren.dashboard.shell import Frame
from warren.operations.lease import Held
from warren.operations.select import FIELDS, Selection
from warren.transport.wire import read_properties

QUEUE = "billing.invoices.dead"
URL: Any = partial(Frame.url, SimpleNamespace(prefix=""))


def address(fingerprint: str = "", filters: tuple[str, ...] = ()) -> str:
    return str(URL("dead-letters", QUEUE, fingerprint=fingerprint, filter="".join(filters)))


def pages_of_message(letter: Letter | None, **sought: Any) -> str:
    known = Sought(**{"stage": Stage.DONE, "reach": 100, "letter": letter, **sought})
    head = {
        "queue": QUEUE,
        "sought": known,
        "letter": letter,
        "furthest": 1_000,
        "inspect": "warren inspect",
        "is_exporting": False,
        "may_agree": True,
    }
    pages = [render("message.html", url=URL, **head)]
    if letter is not None:
        parts = parts_of(letter.body.text, "a")
        pages.append(render("message_why.html", letter=letter))
        pages.append(render("message_body.html", letter=letter, parts_of_body=parts, wanted="a", found=1, most_found=9))
        pages.append(render("message_headers.html", letter=letter, drain="warren drain"))
    return "".join(pages)


def pages_of_queue(look: Look | None, fingerprint: str = "", **given: Any) -> str:
    group = None if look is None else look.group(fingerprint)
    head = {
        "filters": (),
        "problem": "",
        "wrong": "",
        "depth": 5,
        "furthest": 1_000,
        "inspect": "warren inspect",
        "is_exporting": False,
        "may_agree": True,
        **given,
    }
    return "".join(
        [
            render(
                "dead_letter_queue.html",
                url=URL,
                address=address,
                queue=QUEUE,
                fingerprint=fingerprint,
                look=look,
                group=group,
                fields=tuple(FIELDS),
                **head,
            ),
            render("dead_letter_groups.html", look=look, address=address, filters=head["filters"]),
            render(
                "dead_letter_messages.html",
                url=URL,
                queue=QUEUE,
                look=look,
                group=group,
                picked=set(),
                is_picking=False,
                is_all=False,
            ),
        ]
    )


def look_at(*messages: Held, **given: Any) -> Look:
    counting = Counting(Masking(), Selection())
    counting.add(messages)
    start, end = counting.span() or (None, None)
    known = {"stage": Stage.DONE, "reach": 100, "total": len(messages), "looked": len(messages), "ended_at": 1.0}
    return Look(
        **{**known, "matched": counting.matched, "groups": counting.groups(), "start": start, "end": end, **given}
    )


@settings(max_examples=30)
@given(raw_properties(odd=True), st.binary(max_size=60), st.sampled_from(["", "orders\udcff", "<b>"]))
def test_any_message_has_its_pages(raw: bytes, body: bytes, exchange: str) -> None:
    one = Held(1, True, exchange, "\udcffkey", read_properties(raw), raw, body)
    look = look_at(one)

    pages = pages_of_message(letter_of(QUEUE, one, Masking())) + pages_of_queue(look, look.groups[0].fingerprint)

    pages.encode()
    export_line(QUEUE, one, Masking(), now=1.0).decode()


ATTACK = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_what_a_message_says_stays_text() -> None:
    hostile = {name: ATTACK for name in DEAD if not isinstance(DEAD[name], int)} | {ATTACK: ATTACK}
    texts = dict.fromkeys(("message_id", "type", "app_id", "content_type"), ATTACK)
    one = held(ATTACK.encode(), headers=DEAD | hostile, **texts)
    look = look_at(one)

    pages = pages_of_message(letter_of(QUEUE, one, Masking())) + pages_of_queue(look, look.groups[0].fingerprint)

    assert "<script" not in pages
    assert "<img" not in pages
    assert "&lt;script&gt;" in pages


def test_what_is_hidden_is_on_no_page() -> None:
    one = held(headers=DEAD | {"Authorization": "hunter2"}, message_id="m-1")

    pages = pages_of_message(letter_of(QUEUE, one, Masking())) + pages_of_queue(look_at(one))

    assert "hunter2" not in pages
    assert "Authorization" in pages


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"stage": Stage.WAITING, "total": 0, "groups": (), "ended_at": None}, "waiting for its turn"),
        ({"stage": Stage.LOOKING, "looked": 10, "total": 90, "ended_at": None}, "Looking at the messages"),
        ({"stage": Stage.LOOKING, "looked": 10, "total": 90, "took": 5.0}, "Looking at the messages"),
        ({"stage": Stage.LOOKING, "took": 0.1}, "Looked at the one message there is"),
        ({"stage": Stage.ASKING, "question": "it would count"}, "Look all the same"),
        ({"stage": Stage.FAILED, "problem": "no permission"}, "no permission"),
        ({"total": 90_000}, "Looked at the first 1 of 90,000"),
        ({"total": 90_000, "reach": 10}, "Look at the first 1,000"),
        ({"total": 90_000, "reach": 1_000}, "No look goes further"),
        ({"stopped": "near its limit"}, "near its limit"),
        ({"groups": (), "total": 0}, "No dead letters here"),
        ({"groups": (), "total": 4}, "No message meets"),
    ],
)
def test_each_state_of_a_look_has_its_words(given: dict[str, Any], said: str) -> None:
    assert said in pages_of_queue(look_at(held(headers=DEAD), **given))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"stage": Stage.WAITING}, "waiting for its turn"),
        ({"stage": Stage.ASKING, "question": "it would count"}, "Look all the same"),
        ({"stage": Stage.FAILED, "problem": "no permission"}, "no permission"),
        ({"is_gone": True, "total": 5, "looked": 5}, "The message is not here"),
        ({"is_gone": True, "total": 5_000, "looked": 100}, "Look at the first 1,000"),
    ],
)
def test_each_state_of_a_search_has_its_words(given: dict[str, Any], said: str) -> None:
    assert said in pages_of_message(None, **given)


def test_a_message_that_is_gone_is_still_shown() -> None:
    letter = letter_of(QUEUE, held(headers=DEAD, message_id="m-1"), Masking())

    pages = pages_of_message(letter, is_gone=True, total=3, looked=3)

    assert "It is gone meanwhile" in pages
    assert "m-1" in pages


def test_a_filter_that_cannot_be_read_is_said_to_and_nothing_is_looked_at() -> None:
    pages = pages_of_queue(None, filters=("queue=q",), problem="which no message has", wrong="typ=x")

    assert 'value="typ=x"' in pages
    assert pages.count("Remove the filter") == 1
    assert "That is no condition" in pages
    assert "Looked at" not in pages
