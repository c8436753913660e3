"""The claim check: what is kept, what is sent in its place, and what comes back, or why not.

Not here: the store of files (test_files.py), real brokers (tests/contract/test_claim_check.py).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren import ClaimCheck, ConfigurationError, Message, Warren
from warren.claim_check.check import claim_check_of
from warren.claim_check.files import FileBodies
from warren.claim_check.reference import REFERENCE_TYPE, Reference, new_key
from warren.claim_check.size import parse_size
from warren.contracts.envelope import Outgoing, encode
from warren.contracts.incoming import Incoming
from warren.errors import BodyChanged, BodyMissing, StoreUnavailable, Undecodable


class Document(Message, routing_key="documents"):
    text: str


class Kept:
    """A store in memory."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {}

    def put(self, key: str, body: bytes) -> None:
        self.bodies[key] = body

    def get(self, key: str, size: int) -> bytes:
        if key not in self.bodies:
            raise BodyMissing(key)
        return self.bodies[key]


def checked(store: Kept) -> tuple[ClaimCheck, Outgoing, Outgoing]:
    check = ClaimCheck(store, above=1_024)
    outgoing = encode(Document(text="x" * 5_000), now=1_795_428_900.0, app_id="a")
    return check, outgoing, check.check_in(outgoing, now=1_795_428_900.0)


def delivered(outgoing: Outgoing) -> Incoming:
    return Incoming(outgoing.body, outgoing.properties, "", "documents", False, 1, 1, "tag")


def test_what_comes_back_is_what_was_sent() -> None:
    check, outgoing, sent = checked(Kept())
    back = check.check_out(delivered(sent), max_body=10_000)
    assert (back.body, back.properties) == (outgoing.body, outgoing.properties)
    assert (back.routing_key, back.delivery_tag, back.generation) == ("documents", 1, 1)


def test_only_body_and_content_type_differ_on_the_wire() -> None:
    _, outgoing, sent = checked(Kept())
    assert sent.properties.content_type == REFERENCE_TYPE
    assert sent.properties._replace(content_type="application/json") == outgoing.properties
    assert sent._replace(properties=outgoing.properties, body=outgoing.body) == outgoing


def test_equal_bodies_have_keys_of_their_own_so_that_age_is_enough_to_delete_them() -> None:
    store = Kept()
    checked(store)
    checked(store)
    assert len(store.bodies) == 2
    assert all(key.startswith("2026-11-23/") for key in store.bodies)


def test_above_is_the_size_that_still_travels() -> None:
    check = ClaimCheck(Kept(), above=2_000)
    outgoing = encode(Document(text="x"), now=1.0)
    assert not check.takes(outgoing._replace(body=b"x" * 2_000))
    assert check.takes(outgoing._replace(body=b"x" * 2_001))


@pytest.mark.parametrize(
    "change",
    [lambda body: body[:-1], lambda body: body + b"x", lambda body: b"y" + body[1:], lambda _: b""],
    ids=["shorter", "longer", "other", "empty"],
)
def test_another_body_than_was_sent_never_comes_back(change: Callable[[bytes], bytes]) -> None:
    store = Kept()
    check, _, sent = checked(store)
    (key,) = store.bodies
    store.bodies[key] = change(store.bodies[key])
    with pytest.raises(BodyChanged, match=key):
        check.check_out(delivered(sent), max_body=10_000)


def test_a_body_over_the_limit_is_not_asked_for() -> None:
    store = Kept()
    check, _, sent = checked(store)
    store.bodies.clear()
    with pytest.raises(Undecodable, match="the limit is 1,000"):
        check.check_out(delivered(sent), max_body=1_000)


def test_a_missing_body_says_so() -> None:
    store = Kept()
    check, _, sent = checked(store)
    store.bodies.clear()
    with pytest.raises(BodyMissing):
        check.check_out(delivered(sent), max_body=10_000)


def test_whatever_a_store_raises_counts_as_an_outage() -> None:
    class Broken(Kept):
        def put(self, key: str, body: bytes) -> None:
            raise RuntimeError("bucket on fire")

        def get(self, key: str, size: int) -> bytes:
            raise KeyError("region")

    _, outgoing, sent = checked(Kept())
    broken = ClaimCheck(Broken())
    with pytest.raises(StoreUnavailable, match="bucket on fire"):
        broken.check_in(outgoing, now=1.0)
    with pytest.raises(StoreUnavailable, match="KeyError"):
        broken.check_out(delivered(sent), max_body=10_000)


# -- references ---------------------------------------------------------------------------


@given(st.integers(0, 2**40), st.binary(min_size=32, max_size=32), st.one_of(st.none(), st.text()))
def test_a_reference_survives_the_wire(size: int, digest: bytes, content_type: str | None) -> None:
    reference = Reference(new_key(1_795_428_900.0), size, digest.hex(), content_type)
    assert Reference.from_json(reference.to_json()) == reference


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["claim_check", "size"]), inner),
    max_leaves=10,
)
FIELDS = st.fixed_dictionaries(dict.fromkeys(("claim_check", "size", "sha256", "content_type"), JSON))


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()) | FIELDS.map(lambda v: json.dumps(v).encode()))
def test_anything_else_is_undecodable_and_nothing_worse(body: bytes) -> None:
    with pytest.raises(Undecodable):
        Reference.from_json(body)


@pytest.mark.parametrize(
    "key",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "2026-11-23/../../../../../../../etc/passwd",
        "2026-11-23/5b0c6f1d2f7a4c0e9d3b8a7e6f5c4d3b\n",
        "2026-11-23/5B0C6F1D2F7A4C0E9D3B8A7E6F5C4D3B",
        "٢٠٢٦-11-23/5b0c6f1d2f7a4c0e9d3b8a7e6f5c4d3b",
    ],
)
def test_a_key_that_warren_does_not_write_is_not_read(key: str) -> None:
    body = json.dumps({"claim_check": key, "size": 1, "sha256": "0" * 64, "content_type": None}).encode()
    with pytest.raises(Undecodable):
        Reference.from_json(body)


# -- settings -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "size"),
    [(5_000, 5_000), ("5000", 5_000), ("256KB", 256_000), ("1 MB", 1_000_000), ("2KiB", 2_048), ("1gib", 2**30)],
)
def test_sizes_are_read(text: int | str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "KB", "-1KB", "1.5MB", "1XB", True, None, 2.5])
def test_other_sizes_are_configuration_errors(text: object) -> None:
    with pytest.raises(ConfigurationError, match="is no size"):
        parse_size(text)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("s3://bucket", "'s3'"),
        ("/srv/bodies", "no scheme"),
        ("file://host/srv", "absolute"),
        ("file:srv", "absolute"),
        ("file:///srv?above=1MB#x", "no size"),
        ("file:///srv?below=1MB", "'below'"),
        ("file:///srv?above=10", "less than 1,024"),
    ],
)
def test_a_wrong_url_is_a_configuration_error(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(says)):
        Warren("a", claim_check=url)


def test_a_url_may_say_from_which_size_on() -> None:
    check = claim_check_of("file:///srv/with%20space?above=1MB")
    assert check is not None
    assert check.above == 1_000_000
    assert isinstance(check.store, FileBodies)
    assert repr(check.store) == f"<FileBodies {Path('/srv/with space')}>"


def test_the_environment_names_it_where_the_code_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert claim_check_of(None) is None
    monkeypatch.setenv("WARREN_CLAIM_CHECK", "file:///srv/bodies")
    check = claim_check_of(None)
    assert check is not None
    assert check.above == 256_000
    own = ClaimCheck(Kept())
    assert claim_check_of(own) is own
