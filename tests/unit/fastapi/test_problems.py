"""Every error of Warren's as an answer: its status, its Retry-After, and nothing of its text."""

from __future__ import annotations

import json

import pytest

from warren import errors
from warren.integrations.fastapi.problems import Refused, WorkIndeterminate, problem_of
from warren.integrations.fastapi.work import _UNDERWAY

STATUS = {
    errors.Blocked: 503,
    errors.Nacked: 503,
    errors.Indeterminate: 503,
    errors.BrokerUnavailable: 503,
    errors.StoreUnavailable: 503,
    errors.MessageTooLarge: 413,
    errors.Unroutable: 500,
    errors.PublishError: 500,
    errors.ConfigurationError: 500,
    errors.BrokerRefused: 500,
    errors.TopologyConflict: 500,
}


@pytest.mark.parametrize("kind", STATUS, ids=lambda kind: kind.__name__)
def test_an_error_has_its_status_and_its_text_stays_here(kind: type[errors.WarrenError]) -> None:
    answer = problem_of(kind("s3cr3t at db.internal")).response(7)

    body = json.loads(bytes(answer.body))
    assert answer.status_code == body["status"] == STATUS[kind]
    assert answer.headers.get("Retry-After") == ("7" if STATUS[kind] == 503 else None)
    assert "s3cr3t" not in str(body)
    assert {"type", "title", "detail"} <= body.keys()


def test_of_several_messages_some_may_be_stored() -> None:
    error = errors.PublishManyError([(None, errors.Blocked("no"))], 3)

    assert problem_of(error).may_have_been_stored is True
    assert problem_of(error).status == 503


@pytest.mark.parametrize(
    ("cause", "kind"), [(errors.Indeterminate("?"), "not-confirmed"), (errors.Nacked("?"), "message-refused")]
)
def test_work_that_may_have_been_sent_names_its_status(cause: errors.PublishError, kind: str) -> None:
    answer = problem_of(WorkIndeterminate(cause, "w-1", "/work/w-1")).response(5)

    body = json.loads(bytes(answer.body))
    assert body["type"] == f"urn:warren:problem:{kind}"
    assert (body["id"], body["status_url"], body["may_have_been_stored"]) == ("w-1", "/work/w-1", True)


def test_a_refusal_says_itself_when_to_ask_again() -> None:
    assert problem_of(Refused(_UNDERWAY)).response(60).headers["Retry-After"] == "1"
