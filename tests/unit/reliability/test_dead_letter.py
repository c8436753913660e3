"""A dead letter says why it is dead, under a name that equal causes share, within the size of a frame."""

from __future__ import annotations

import importlib.util
import logging
import sys
import sysconfig
import textwrap
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warren.contracts.properties import FieldValue
from warren.errors import InvalidPayload
from warren.reliability import dead_letter
from warren.reliability.dead_letter import Death, cut, death_headers, fingerprint, fit, size_of, text_of, told_type
from warren.reliability.outcome import DeathReason
from warren.transport.fields import encode_table

FRAME_MAX = 131_072
BUDGET = FRAME_MAX - 20_000


def raised(action: Callable[[], Any]) -> Exception:
    """Return what an action raises, with its traceback."""
    try:
        action()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def divide() -> float:
    return 1 / 0


def death(error: BaseException, **details: Any) -> Death:
    known: dict[str, Any] = {
        "reason": DeathReason.EXHAUSTED,
        "error": error,
        "attempts": 4,
        "first_failed_at": 1_700_000_000.25,
        "last_failed_at": 1_700_000_071.5,
        "exchange": "orders",
        "routing_key": "orders.created",
        "queue": "billing.invoices",
        "consumer": "billing.invoices",
        "host": "node-1",
        "message_type": "orders.created",
        "code_version": "1.4.2",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    return Death(**{**known, **details})


# -- what it says -------------------------------------------------------------------------------------


def test_it_says_what_where_when_how_often_and_by_whom() -> None:
    headers = death_headers(death(raised(divide)))
    stack = headers.pop(dead_letter.STACK)

    assert headers == {
        "x-warren-dead-reason": "exhausted",
        "x-warren-dead-error-type": "ZeroDivisionError",
        "x-warren-dead-error": "division by zero",
        "x-warren-dead-fingerprint": "ZeroDivisionError@reliability/test_dead_letter.py:divide",
        "x-warren-dead-first-failed-at": 1_700_000_000_250,
        "x-warren-dead-last-failed-at": 1_700_000_071_500,
        "x-warren-dead-attempts": 4,
        "x-warren-dead-exchange": "orders",
        "x-warren-dead-routing-key": "orders.created",
        "x-warren-dead-queue": "billing.invoices",
        "x-warren-dead-consumer": "billing.invoices",
        "x-warren-dead-host": "node-1",
        "x-warren-dead-code-version": "1.4.2",
        "x-warren-dead-trace-id": "4bf92f3577b34da6a3ce929d0e0e4736",
    }
    assert isinstance(stack, str)
    assert "return 1 / 0" in stack


def test_what_is_not_known_is_left_out() -> None:
    headers = death_headers(death(raised(divide), code_version=None, trace_id=None))

    assert dead_letter.CODE_VERSION not in headers
    assert dead_letter.TRACE_ID not in headers


@pytest.mark.parametrize("reason", DeathReason)
def test_every_reason_can_be_written(reason: DeathReason) -> None:
    assert encode_table(death_headers(death(raised(divide), reason=reason)))


def test_the_type_of_an_error_is_named_with_its_module() -> None:
    headers = death_headers(death(InvalidPayload("order_id is missing")))

    assert headers[dead_letter.ERROR_TYPE] == "warren.errors.InvalidPayload"


class Mute(Exception):
    """An error whose text fails, as one with a broken `__str__` does."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_an_error_without_a_text_is_no_reason_to_keep_its_message() -> None:
    headers = death_headers(death(Mute()))

    assert "Mute" in str(headers[dead_letter.ERROR])
    assert text_of(Mute()).endswith("Mute (its text could not be made)")


@pytest.mark.parametrize("redact", [None, dict], ids=["plain", "redacted"])
def test_an_error_without_a_stack_is_no_reason_to_keep_its_message(redact: Any) -> None:
    error = SyntaxError("no line", ("file.py", "1", "a", "text"))  # the traceback module cannot print it

    headers = death_headers(death(error), redact=redact)

    assert headers[dead_letter.ERROR_TYPE] == told_type(error, redact) == "SyntaxError"
    assert headers[dead_letter.STACK] == "(the stack could not be made: TypeError)"


def test_texts_that_are_no_utf_8_can_still_be_written() -> None:
    headers = death_headers(death(ValueError("\ud800 and \udce9"), exchange="caf\udce9"))

    assert encode_table(fit(headers, own=headers.keys(), frame_max=FRAME_MAX))


# -- redaction ------------------------------------------------------------------------------------------


def test_redaction_decides_on_the_error_and_nothing_else() -> None:
    def redact(texts: dict[str, str]) -> dict[str, str]:
        return {
            **{name: text.replace("4111-1111", "****") for name, text in texts.items()},
            dead_letter.STACK: "",
            dead_letter.QUEUE: "another",
            "x-mine": "added",
        }

    headers = death_headers(death(ValueError("card 4111-1111")), redact=redact)

    assert headers[dead_letter.ERROR] == "card ****"
    assert headers[dead_letter.STACK] == ""
    assert headers[dead_letter.QUEUE] == "billing.invoices"
    assert "x-mine" not in headers


def test_what_redaction_leaves_out_is_not_written() -> None:
    headers = death_headers(death(raised(divide)), redact=lambda _: {})

    assert not {dead_letter.ERROR_TYPE, dead_letter.ERROR, dead_letter.STACK} & headers.keys()


@pytest.mark.parametrize(
    "redact", [lambda _: 1 / 0, lambda _: None, lambda _: 5], ids=["raises", "nothing", "nonsense"]
)
def test_where_redaction_fails_the_error_is_blank_and_the_message_is_dead_lettered(
    redact: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="warren.worker"):
        headers = death_headers(death(ValueError("card 4111-1111")), redact=redact)

    assert (headers[dead_letter.ERROR], headers[dead_letter.STACK]) == ("", "")
    assert headers[dead_letter.REASON] == "exhausted"
    assert "redaction" in caplog.text


def test_what_redaction_returns_is_written_as_text() -> None:
    headers = death_headers(death(raised(divide)), redact=lambda texts: {**texts, dead_letter.ERROR: None})

    assert headers[dead_letter.ERROR] == "None"


# -- fingerprints -----------------------------------------------------------------------------------------

SOURCE = """
import json

def charge(order):
    return int(order["amount"])

def refund(order):
    return int(order["amount"])

def parse(text):
    return json.loads(text)
"""


def module_from(folder: Path, source: str) -> ModuleType:
    path = folder / "billing" / "handlers.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source))
    spec = importlib.util.spec_from_file_location("billing.handlers", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_fingerprint_outlives_edits_elsewhere_in_the_file(tmp_path: Path) -> None:
    before = module_from(tmp_path / "one", SOURCE)
    after = module_from(tmp_path / "two", "# a comment\n" * 40 + SOURCE.replace("int(", "int(  "))

    marks = {fingerprint(raised(lambda module=module: module.charge({"amount": "x"}))) for module in (before, after)}

    assert marks == {"ValueError@billing/handlers.py:charge"}


def test_equal_causes_share_a_fingerprint_and_others_do_not(tmp_path: Path) -> None:
    module = module_from(tmp_path, SOURCE)

    first, again = (fingerprint(raised(lambda text=text: module.charge({"amount": text}))) for text in ("x", "y"))
    assert first == again
    assert first != fingerprint(raised(lambda: module.refund({"amount": "x"})))
    assert first != fingerprint(raised(lambda: module.charge({})))


def test_the_place_is_the_applications_where_a_library_raises(tmp_path: Path) -> None:
    module = module_from(tmp_path, SOURCE)

    assert fingerprint(raised(lambda: module.parse("{"))) == "JSONDecodeError@billing/handlers.py:parse"


def test_without_a_place_the_message_type_stands_for_it() -> None:
    assert fingerprint(InvalidPayload("missing"), "orders.created") == "InvalidPayload@orders.created"
    assert fingerprint(InvalidPayload("missing")) == "InvalidPayload@unknown"


@pytest.mark.parametrize("name", ["stdlib", "platstdlib", "purelib", "platlib"])
def test_installed_code_is_a_library(name: str) -> None:
    assert dead_letter._is_library(Path(sysconfig.get_paths()[name]) / "somewhere" / "module.py")


def test_an_application_below_the_prefix_of_python_is_none() -> None:
    """As /usr/src/app is below /usr, or an application that holds its own environment."""
    assert not dead_letter._is_library(Path(sys.prefix) / "src" / "app" / "handlers.py")


# -- the size budget ----------------------------------------------------------------------------------------


@settings(deadline=None)
@given(st.text(max_size=3_000), st.integers(60, 2_000))
def test_a_cut_text_keeps_both_ends_within_its_limit(text: str, limit: int) -> None:
    short = cut(text, limit)

    assert len(short.encode()) <= limit
    if len(text.encode()) > limit:
        assert "bytes left out" in short
        assert text.startswith(short.partition("\n…")[0])
        assert text.endswith(short.rpartition("…\n")[2])
    else:
        assert short == text


field_values: st.SearchStrategy[FieldValue] = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(allow_nan=False),
        st.text(max_size=50),
        st.binary(max_size=50),
        st.just(Decimal("1.50")),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=20), field_values, max_size=8))
def test_a_size_is_what_the_wire_takes_or_a_little_more(headers: dict[str, FieldValue]) -> None:
    assert len(encode_table(headers)) <= size_of(headers)


def test_headers_that_fit_are_left_alone() -> None:
    headers: dict[str, FieldValue] = {**death_headers(death(raised(divide))), "tenant": "acme"}

    assert fit(headers, own=headers.keys() - {"tenant"}, frame_max=FRAME_MAX) == headers


@settings(deadline=None, max_examples=60)
@given(
    sizes=st.lists(st.sampled_from([0, 10, 300, 5_000, 60_000, 120_000]), max_size=12),
    error_size=st.sampled_from([0, 1_000, 1_000_000]),
    frame_max=st.sampled_from([8_192, 65_536, FRAME_MAX]),
)
def test_whatever_a_message_brings_its_dead_letter_fits_a_frame(
    sizes: list[int], error_size: int, frame_max: int
) -> None:
    own = death_headers(death(ValueError("e" * error_size)))
    brought: dict[str, FieldValue] = {f"x-brought-{number}": "b" * size for number, size in enumerate(sizes)}

    fitted = fit({**brought, **own}, own=own.keys(), frame_max=frame_max)

    assert len(encode_table(fitted)) <= max(frame_max - 20_000, frame_max // 2)
    assert own.keys() <= fitted.keys()
    assert {name: fitted[name] for name in own if name != dead_letter.STACK} == {
        name: own[name] for name in own if name != dead_letter.STACK
    }
    gone = brought.keys() - fitted.keys()
    assert gone == set(fitted.get(dead_letter.DROPPED, []))
    if gone:
        smallest = min(len(str(brought[name])) for name in gone)
        assert all(len(str(brought[name])) <= smallest for name in brought.keys() - gone), "the largest go first"


def test_the_stack_gives_way_before_anything_of_the_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    own: dict[str, FieldValue] = {dead_letter.STACK: "s" * 60_000, dead_letter.QUEUE: "billing.invoices"}

    fitted = fit({"note": "n" * 80_000, **own}, own=own.keys(), frame_max=FRAME_MAX)

    assert fitted["note"] == "n" * 80_000
    assert "bytes left out" in str(fitted[dead_letter.STACK])
    assert dead_letter.DROPPED not in fitted


def test_a_header_in_our_name_that_a_producer_made_long_is_dropped_like_any_other() -> None:
    """It would never fit, and the message could be neither retried nor dead-lettered."""
    own: dict[str, FieldValue] = {dead_letter.QUEUE: "billing.invoices"}

    fitted = fit({"x-warren-version": "v" * 120_000, **own}, own=own.keys(), frame_max=FRAME_MAX)

    assert fitted == {dead_letter.QUEUE: "billing.invoices", dead_letter.DROPPED: ["x-warren-version"]}


def test_thousands_of_small_headers_fit_too() -> None:
    brought: dict[str, FieldValue] = {f"{'é' * 100}{number}": number for number in range(5_000)}

    fitted = fit(brought, own=(), frame_max=FRAME_MAX)

    assert len(encode_table(fitted)) <= BUDGET
    names = fitted[dead_letter.DROPPED]
    assert isinstance(names, list)
    assert len(names) == 50
