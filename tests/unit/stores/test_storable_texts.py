"""Keys and consumer names as stores keep them.

Not here: that stores take any text (tests/contract).
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from warren.reliability.stores.keys import MAX_LENGTH, storable

TEXTS = st.text(st.characters(), max_size=400)  # with surrogates and NUL


def test_ordinary_keys_stay_readable() -> None:
    for text in ("0190163d-8694-739b-aea5-966c26f8ad91", "order 4821", "größer", "発注", "x" * MAX_LENGTH):
        assert storable(text) == text


def test_long_keys_become_a_digest() -> None:
    assert storable("x" * 100_000).startswith("sha256:")
    assert len(storable("x" * 100_000)) == 71


@given(TEXTS)
def test_what_is_stored_is_short_and_fit_for_every_store(text: str) -> None:
    stored = storable(text)

    assert len(stored) <= MAX_LENGTH
    assert "\0" not in stored
    stored.encode()


@given(TEXTS, TEXTS)
def test_different_texts_are_stored_differently(one: str, other: str) -> None:
    assert (storable(one) == storable(other)) == (one == other)


def test_a_text_that_looks_like_a_digest_is_not_taken_for_one() -> None:
    digest = storable("x" * 201)

    assert storable(digest) != digest
