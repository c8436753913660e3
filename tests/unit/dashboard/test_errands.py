"""Work on threads whose latest result everybody can read."""

from __future__ import annotations

import threading

import pytest

from tests.support.waiting import wait_until
from warren.dashboard.letters.errands import Errands


def failed(error: Exception) -> str:
    return f"failed: {error}"


def done(errands: Errands[str, str], *keys: str) -> None:
    wait_until(lambda: not any(errands.is_running(key) for key in keys), message="the work is done")


def test_what_stands_first_is_replaced_by_what_the_work_puts() -> None:
    errands: Errands[str, str] = Errands("test", most=5)
    may_end = threading.Event()

    def work() -> str:
        may_end.wait(10)
        return "found"

    errands.begin("a", "looking", work, failed)
    assert errands.value("a") == "looking"
    may_end.set()
    done(errands, "a")

    assert errands.value("a") == "found"


def test_one_works_on_a_key_at_a_time() -> None:
    errands: Errands[str, str] = Errands("test", most=5)
    may_end, began = threading.Event(), list[int]()

    def work() -> str:
        began.append(1)
        may_end.wait(10)
        return "found"

    begun = [errands.begin("a", "looking", work, failed) for _ in range(20)]
    may_end.set()
    done(errands, "a")

    assert begun == [True, *[False] * 19]
    assert began == [1]


def test_what_the_work_raises_becomes_a_value() -> None:
    errands: Errands[str, str] = Errands("test", most=5)

    def work() -> str:
        raise ValueError("no")

    errands.begin("a", "looking", work, failed)
    done(errands, "a")

    assert errands.value("a") == "failed: no"


def test_a_thread_that_cannot_begin_is_told_of_and_another_may(monkeypatch: pytest.MonkeyPatch) -> None:
    errands: Errands[str, str] = Errands("test", most=5)

    def start(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(threading.Thread, "start", start)
        errands.begin("a", "looking", lambda: "found", failed)

    assert errands.value("a") == "failed: can't start new thread"
    assert errands.begin("a", "looking", lambda: "found", failed)
    done(errands, "a")
    assert errands.value("a") == "found"


def test_what_was_asked_for_longest_ago_is_forgotten() -> None:
    errands: Errands[str, str] = Errands("test", most=2)
    for key in "ab":
        errands.put(key, key)
    errands.value("a")
    errands.put("c", "c")

    assert [errands.value(key) for key in "abc"] == ["a", None, "c"]


def test_no_more_than_a_few_work_at_once() -> None:
    errands: Errands[str, str] = Errands("test", most=9, at_once=2)
    may_end = threading.Event()

    def work() -> str:
        may_end.wait(10)
        return "found"

    begun = [errands.begin(key, "looking", work, failed) for key in "abcd"]
    may_end.set()
    done(errands, *"ab")

    assert begun == [True, True, False, False]
    assert errands.value("c") is None
    assert errands.begin("c", "looking", work, failed)


def test_nothing_is_begun_after_the_end() -> None:
    errands: Errands[str, str] = Errands("test", most=2)
    errands.stop()

    assert not errands.begin("a", "looking", str, failed)
    assert errands.is_ending
