"""Figures, times and sentences as the pages write them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from warren.dashboard.wording import UNKNOWN, ago, figure, moment, parted, sentence


def test_what_is_not_known_is_a_dash() -> None:
    assert [figure(None), ago(None), moment(None)] == [UNKNOWN] * 3


def test_a_moment_is_in_utc_and_can_be_read_by_machines() -> None:
    assert moment(1_700_000_000.25) == Markup(
        '<time datetime="2023-11-14T22:13:20.250Z">2023-11-14 22:13:20 UTC</time>'
    )


def test_a_moment_that_no_calendar_has_is_not_known() -> None:
    assert [moment(1e20), moment(float("nan"))] == [UNKNOWN] * 2


def test_what_to_do_next_is_a_sentence_with_its_commands_as_code() -> None:
    assert sentence("see why; then `warren replay`") == Markup("See why; then <code>warren replay</code>.")


def test_a_sentence_is_text_whatever_is_in_it() -> None:
    assert sentence("<b> `<i>`") == Markup("&lt;b&gt; <code>&lt;i&gt;</code>.")


def test_long_names_break_between_their_parts_and_stay_text() -> None:
    assert parted("IndexError@orders.created") == "IndexError@<wbr>orders.<wbr>created"
    assert parted("<b>.a-long:name/of...it") == "&lt;b&gt;.<wbr>a-<wbr>long:<wbr>name/<wbr>of...<wbr>it"
    assert parted("billing.invoices") == "billing.invoices"
    assert parted("<b>") == "&lt;b&gt;"


@given(st.text())
def test_a_name_in_parts_is_copied_as_it_is(name: str) -> None:
    assert Markup(str(parted(name)).replace("<wbr>", "")) == escape(name)
