"""Logins last as long as they should, cookies are only ours, and who guesses passwords has to wait."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from warren.clock import ManualClock
from warren.dashboard.sessions import LONGEST_ALL, LONGEST_PAUSE, MOST_FAILURES, Pauses, Sessions, is_password

HOUR = 3_600.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def test_a_session_is_found_by_its_cookie_until_it_is_too_old(clock: ManualClock) -> None:
    sessions = Sessions(HOUR, clock=clock)
    cookie = sessions.open("ada")
    clock.advance(HOUR - 1)
    found = sessions.find(cookie)
    assert found is not None
    assert found.user == "ada"
    clock.advance(1)
    assert found.is_over
    assert sessions.find(cookie) is None


def test_a_closed_session_is_over_at_once_for_who_holds_it(clock: ManualClock) -> None:
    sessions = Sessions(HOUR, clock=clock)
    cookie, other = sessions.open("ada"), sessions.open("ada")
    held = sessions.find(cookie)
    assert held is not None
    sessions.close(cookie)
    assert held.is_over
    assert sessions.find(cookie) is None
    assert sessions.find(other) is not None
    sessions.close(cookie)  # again


@pytest.mark.asyncio
async def test_who_waits_for_the_end_of_a_session_hears_of_it(clock: ManualClock) -> None:
    sessions = Sessions(HOUR, clock=clock)
    cookie = sessions.open("ada")
    held = sessions.find(cookie)
    assert held is not None
    waiting = asyncio.create_task(held.ended())
    await asyncio.sleep(0)
    assert not waiting.done()
    sessions.close(cookie)
    await asyncio.wait_for(waiting, 5.0)


@pytest.mark.asyncio
async def test_the_end_of_an_old_session_is_not_waited_for(clock: ManualClock) -> None:
    sessions = Sessions(HOUR, clock=clock)
    held = sessions.find(sessions.open("ada"))
    assert held is not None
    clock.advance(2 * HOUR)
    await asyncio.wait_for(held.ended(), 5.0)


@given(st.text())
def test_what_we_have_not_signed_is_no_session(cookie: str) -> None:
    sessions = Sessions(HOUR, clock=ManualClock())
    sessions.open("ada")
    assert sessions.find(cookie) is None


def test_a_changed_cookie_and_one_of_another_dashboard_are_no_sessions(clock: ManualClock) -> None:
    sessions, others = Sessions(HOUR, clock=clock), Sessions(HOUR, clock=clock)
    cookie = sessions.open("ada")
    assert sessions.find(("A" if cookie[0] != "A" else "B") + cookie[1:]) is None
    assert sessions.find(cookie + "x") is None
    assert sessions.find(others.open("ada")) is None


def test_the_oldest_session_ends_where_there_are_too_many_and_dead_ones_are_not_kept(clock: ManualClock) -> None:
    sessions = Sessions(HOUR, clock=clock, most=3)
    cookies = [sessions.open(f"user {number}") for number in range(4)]
    assert [sessions.find(cookie) is not None for cookie in cookies] == [False, True, True, True]
    clock.advance(HOUR)
    sessions.open("ada")
    assert len(sessions) == 1


def test_a_password_is_right_only_with_its_user() -> None:
    right = ("ada", "pässword")
    assert is_password("ada", "pässword", of=right)
    assert not is_password("ben", "pässword", of=right)
    assert not is_password("ada", "password", of=right)
    assert not is_password("ada", "", of=right)
    assert not is_password("", "", of=right)


def test_the_third_failure_in_a_row_begins_pauses_that_double_up_to_a_minute(clock: ManualClock) -> None:
    pauses, waited = Pauses(clock=clock), []
    for _ in range(12):
        pauses.failed("192.0.2.1")
        waited.append(pauses.left("192.0.2.1"))
        clock.advance(waited[-1])
        assert pauses.left("192.0.2.1") == 0
    assert waited == [0, 0, 1, 2, 4, 8, 16, 32, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    assert pauses.left("192.0.2.2") == 0


def test_a_success_begins_anew(clock: ManualClock) -> None:
    pauses = Pauses(clock=clock)
    for _ in range(3):
        pauses.failed("192.0.2.1")
    pauses.forget("192.0.2.1")
    pauses.failed("192.0.2.1")
    assert pauses.left("192.0.2.1") == 0


def test_whoever_has_a_network_of_ipv6_addresses_is_one(clock: ManualClock) -> None:
    pauses = Pauses(clock=clock)
    for number in range(3):
        pauses.failed(f"2001:db8::{number}")
    assert pauses.left("2001:db8::ffff") == 1
    assert pauses.left("2001:db8:0:1::1") == 0


def test_addresses_are_remembered_within_bounds(clock: ManualClock) -> None:
    pauses = Pauses(clock=clock, most=10)
    for number in range(100):
        pauses.failed(f"192.0.2.{number}")
    assert len(pauses) == 10


def failed_from_everywhere(pauses: Pauses, times: int, *, first: int = 0) -> None:
    for number in range(first, first + times):
        pauses.failed(f"10.0.{number // 250}.{number % 250}")


def test_many_failures_from_everywhere_make_everybody_wait_who_is_new_but_not_for_long(clock: ManualClock) -> None:
    pauses = Pauses(clock=clock)
    failed_from_everywhere(pauses, MOST_FAILURES)
    assert pauses.left("192.0.2.1") == 1
    failed_from_everywhere(pauses, 1_000, first=MOST_FAILURES)  # at the same moment, so all were let try
    assert pauses.left("192.0.2.1") == LONGEST_ALL
    clock.advance(LONGEST_ALL)
    assert pauses.left("192.0.2.1") == 0
    pauses.failed("192.0.2.2")
    assert pauses.left("192.0.2.1") == 1
    clock.advance(3_600.0)
    failed_from_everywhere(pauses, MOST_FAILURES - 1)
    assert pauses.left("192.0.2.1") == 0


def test_who_has_logged_in_before_waits_only_for_failures_of_its_own(clock: ManualClock) -> None:
    pauses = Pauses(clock=clock)
    pauses.forget("192.0.2.1")
    failed_from_everywhere(pauses, 2 * MOST_FAILURES)
    assert pauses.left("192.0.2.1") == 0
    assert pauses.left("192.0.2.2") > 0
    for _ in range(3):
        pauses.failed("192.0.2.1")
    assert pauses.left("192.0.2.1") == 1


def test_addresses_that_have_logged_in_are_remembered_within_bounds(clock: ManualClock) -> None:
    pauses = Pauses(clock=clock, most=10)
    for number in range(100):
        pauses.forget(f"192.0.2.{number}")
    failed_from_everywhere(pauses, MOST_FAILURES)
    assert [pauses.left(f"192.0.2.{number}") for number in (0, 89, 90, 99)] == [1, 1, 0, 0]
