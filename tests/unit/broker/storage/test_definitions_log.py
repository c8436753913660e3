"""Definitions: every AMQP type comes back as it was; history is compacted; a torn tail is cut.

Not here: what the definitions mean.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.broker.storage.journals import Loop, flush, open_journal
from warren.broker.protocol import fields
from warren.broker.storage.definitions import Definitions
from warren.broker.storage.records import FileKind, file_header
from warren.errors import ConfigurationError

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(1 << 63), (1 << 63) - 1),
        st.floats(allow_nan=False),
        st.text(),
        st.text(st.characters(min_codepoint=0xDC80, max_codepoint=0xDCFF)),  # bytes that are no UTF-8
        st.binary(),
        st.builds(fields.Timestamp, st.integers(0, 1 << 40)),
        st.builds(fields.Int8, st.integers(-128, 127)),
        st.builds(fields.UInt32, st.integers(0, 1 << 31)),
        st.builds(fields.Float32, st.floats(width=32, allow_nan=False)),
        st.decimals(allow_nan=False, allow_infinity=False),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(st.text(), st.just("$")), inner, max_size=4)
    ),
    max_leaves=12,
)


def types(value: object) -> object:
    if isinstance(value, dict):
        return {key: types(one) for key, one in value.items()}
    if isinstance(value, list):
        return [types(one) for one in value]
    return type(value)


@given(value=st.dictionaries(st.text(), VALUES, max_size=5))
def test_a_value_comes_back_with_its_types(value) -> None:
    written, found = Definitions(), Definitions()
    written.define("queue", ("/", "q"), value)
    log = file_header(FileKind.DEFINITIONS) + written.take()[0]
    assert found.read(log) == len(log)
    (definition,) = found
    assert definition == ("queue", ("/", "q"), value)
    assert types(definition.value) == types(value)


def test_a_type_that_amqp_lacks_is_refused() -> None:
    with pytest.raises(TypeError, match="a definition cannot hold complex"):
        Definitions().define("queue", ("/", "q"), {"one": 1j})


def test_definitions_come_back_in_order_without_what_was_forgotten() -> None:
    written, found = Definitions(), Definitions()
    written.define("exchange", ("/", "x"), {})
    written.define("queue", ("/", "q"), {"id": 1})
    written.define("binding", ("/", "x", "queue", "q", "", ""), {})
    written.define("exchange", ("/", "x"), None)
    written.define("exchange", ("/", "x"), {"type": "topic"})
    written.define("policy", ("/", "never there"), None)
    found.read(file_header(FileKind.DEFINITIONS) + written.take()[0])
    assert [one.kind for one in found] == ["queue", "binding", "exchange"]


def test_what_stands_already_is_no_change() -> None:
    definitions = Definitions()
    definitions.define("vhost", ("/",), {})
    definitions.take()
    definitions.define("vhost", ("/",), {})
    assert not definitions.has_changes


def test_a_log_that_is_mostly_history_is_replaced(tmp_path: Path) -> None:
    loop = Loop()
    journal = open_journal(tmp_path / "data", loop)
    list(journal.recover().messages)
    journal.define("vhost", ("/",), {})
    sizes = []
    for number in range(60):
        journal.define("parameter", ("component", "name"), {"value": "x" * 40_000, "number": number})
        flush(journal, loop)
        sizes.append((tmp_path / "data" / "definitions.log").stat().st_size)
    assert max(sizes) < 1_400_000
    assert min(sizes[len(sizes) // 3 :]) < 100_000
    journal.close(())

    journal = open_journal(tmp_path / "data", loop)
    found = journal.recover().definitions
    assert [(one.kind, one.value.get("number")) for one in found] == [("vhost", None), ("parameter", 59)]
    journal.close(())


@pytest.mark.parametrize("end", [b"\x00" * 20, b"\x05", b"\xff" * 40])
def test_a_torn_tail_is_cut_and_written_on(tmp_path: Path, end: bytes) -> None:
    loop = Loop()
    path = tmp_path / "data" / "definitions.log"
    journal = open_journal(tmp_path / "data", loop)
    list(journal.recover().messages)
    journal.define("vhost", ("/",), {})
    journal.close(())
    with path.open("ab") as file:
        file.write(end)

    journal = open_journal(tmp_path / "data", loop)
    recovered = journal.recover()
    assert not list(recovered.messages)
    assert [one.key for one in recovered.definitions] == [("/",)]
    journal.define("vhost", ("other",), {})
    journal.close(())

    journal = open_journal(tmp_path / "data", loop)
    assert [one.key for one in journal.recover().definitions] == [("/",), ("other",)]
    journal.close(())


@pytest.mark.parametrize("content", [b"", b"something else, and long enough"])
def test_a_file_that_is_no_log_of_definitions_is_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data" / "definitions.log"
    path.parent.mkdir()
    path.write_bytes(content)
    journal = open_journal(tmp_path / "data", Loop())
    with pytest.raises(ConfigurationError, match="is no log of definitions of a broker"):
        journal.recover()
    journal.close(())
    assert path.read_bytes() == content


def test_decimals_keep_their_digits() -> None:
    written, found = Definitions(), Definitions()
    written.define("queue", ("/", "q"), {"amount": Decimal("1.10")})
    found.read(file_header(FileKind.DEFINITIONS) + written.take()[0])
    assert str(next(iter(found)).value["amount"]) == "1.10"
