"""Nothing in a message reaches the terminal as a command to it.

Not here: what is shown (tests/acceptance/test_cli_inspect.py).
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.operations.messages import DEAD, held
from warren.cli.inspected import draw_groups, draw_messages, write_in_full
from warren.cli.terminal import json_line, pretty_json, printable
from warren.operations.groups import Groups
from warren.operations.message import describe

EVIL = "\x1b[2J\x9b31m\x07\x08\r\x7f\u202eevil\u2028\udcff"
COMMANDS = ("Cc", "Cf", "Cs", "Zl", "Zp")
ANYTHING = st.text(st.characters(codec=None), max_size=60)


def commands_in(text: str, allowed: str = "") -> set[str]:
    return {one for one in text if unicodedata.category(one) in COMMANDS and one not in allowed}


@given(ANYTHING)
def test_printable_text_has_no_control_characters(text: str) -> None:
    assert printable(text).isprintable()
    assert not commands_in(printable(text, lines=True), "\n\t")


@given(ANYTHING | st.dictionaries(ANYTHING, ANYTHING))
def test_json_has_no_control_characters_and_means_the_same(value: Any) -> None:
    assert not commands_in(json_line(value))
    assert not commands_in(pretty_json(value), "\n")
    assert json.loads(json_line(value)) == value
    assert json.loads(pretty_json(value)) == value


def test_ordinary_text_stays_as_it_is() -> None:
    assert printable("Grüße, 東京 ✓") == "Grüße, 東京 ✓"
    assert json_line({"ä": "東京"}) == '{"ä": "東京"}'


@pytest.mark.parametrize(
    "body", [EVIL.encode("utf-8", "surrogateescape"), json.dumps({EVIL: EVIL}).encode(), b"\x1b\0\xff"]
)
def test_a_message_full_of_escape_sequences_is_drawn_without_them(body: bytes) -> None:
    headers = {**{name: EVIL if isinstance(value, str) else value for name, value in DEAD.items()}, EVIL: EVIL}
    message = held(body, headers=headers, message_id=EVIL, type=EVIL, app_id=EVIL)
    groups = Groups()
    groups.add(message)
    told = describe(message).as_json(now=1_700_000_000.0, full=True)

    drawn = "\n".join([*draw_messages([told]), write_in_full(1, told), draw_groups(groups.by_count(), now=0.0)])

    assert not commands_in(drawn, "\n\t")
    assert "\\x1b[2J" in drawn


def test_a_binary_body_is_shown_as_bytes() -> None:
    told = describe(held(b"\x89PNG\r\n" + bytes(3_000))).as_json(now=0.0)
    assert "3,006 bytes: 89504e47 0d0a0000" in "\n".join(draw_messages([told]))
    assert "89 50 4e 47 0d 0a" in write_in_full(1, told)
    assert ".PNG.." in write_in_full(1, told)
