"""Bodies made readable, and searched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from warren.dashboard.letters.shown import LONGEST, parts_of, show_body
from warren.operations.body import BodyKind


def test_json_is_indented() -> None:
    shown = show_body(b'{"a":[1,2.5]}')

    assert shown.kind is BodyKind.JSON
    assert shown.text == '{\n  "a": [\n    1,\n    2.5\n  ]\n}'
    assert not shown.is_rounded


def test_a_number_that_loses_digits_is_said_to() -> None:
    assert show_body(b'{"a":0.12345678901234567890}').is_rounded
    assert not show_body(b'{"a":12345678901234567890}').is_rounded


def test_what_is_no_json_is_text() -> None:
    assert show_body(b"<b>hi</b>").text == "<b>hi</b>"


def test_what_is_no_text_is_hexadecimal() -> None:
    shown = show_body(b"\x00\xffAB")

    assert shown.kind is BodyKind.BINARY
    assert shown.text == "00000000  00 ff 41 42" + " " * 36 + "  ··AB"


def test_what_is_compressed_stays_so() -> None:
    assert show_body(b"{}", "gzip").kind is BodyKind.BINARY


def test_a_long_body_is_cut_and_its_size_is_told() -> None:
    shown = show_body(b"x" * (LONGEST + 1))

    assert shown.is_cut
    assert len(shown.text) == LONGEST
    assert shown.size == LONGEST + 1


def test_json_that_is_too_deep_is_shown_as_it_is() -> None:
    assert show_body(b"[" * 3_000 + b"]" * 3_000).text.startswith("[[[")


@given(st.binary(max_size=300))
def test_any_body_can_be_shown_and_sent_to_a_browser(body: bytes) -> None:
    shown = show_body(body)

    shown.text.encode()
    assert shown.size == len(body)


def test_half_a_character_in_json_does_no_harm() -> None:
    show_body(b'"\\ud800"').text.encode()


def test_text_is_found_in_upper_and_lower_case() -> None:
    parts = parts_of("Script and script", "SCRIPT")

    assert [part.text for part in parts if part.is_found] == ["Script", "script"]


def test_nothing_is_found_of_nothing() -> None:
    assert [part.is_found for part in parts_of("abc", "")] == [False]


def test_what_is_not_there_is_not_found() -> None:
    assert [tuple(part) for part in parts_of("abc", "x")] == [("abc", False)]


def test_the_number_of_what_is_found_is_bounded() -> None:
    assert sum(part.is_found for part in parts_of("a" * 10_000, "a")) == 1_000


@given(st.text(max_size=80), st.text(max_size=3))
def test_the_parts_are_the_text(text: str, wanted: str) -> None:
    parts = parts_of(text, wanted)

    assert "".join(part.text for part in parts) == text
    assert all(len(part.text) == len(wanted) for part in parts if part.is_found)
