"""From paths to handlers, with names of any kind in them."""

from __future__ import annotations

import pytest

from warren.broker.management.request import NO_CONTENT, Refusal, Request, Response
from warren.broker.management.routing import Route, Router


def handler(request: Request) -> Response:
    return NO_CONTENT


@pytest.fixture
def router() -> Router:
    return Router(
        [
            Route("GET", "queues", handler),
            Route("GET", "queues/detailed", handler),
            Route("GET", "queues/{vhost}", handler),
            Route("GET", "queues/{vhost}/{queue}", handler),
            Route("PUT", "queues/{vhost}/{queue}", handler),
            Route("POST", "queues/{vhost}/{queue}/get", handler),
        ]
    )


@pytest.mark.parametrize(
    ("path", "variables"),
    [
        ("queues", {}),
        ("queues/", {}),
        ("queues/%2F", {"vhost": "/"}),
        ("queues/%2F/a%2Fb%20c", {"vhost": "/", "queue": "a/b c"}),
        ("queues/v/%C3%BC", {"vhost": "v", "queue": "ü"}),
        ("queues//q", {"vhost": "", "queue": "q"}),
        ("queues/v/%ff", {"vhost": "v", "queue": "\udcff"}),
    ],
)
def test_names_are_decoded_after_the_path_is_split(router: Router, path: str, variables: dict[str, str]) -> None:
    route, found = router.find("GET", path)
    assert isinstance(route, Route)
    assert found == variables


def test_a_fixed_word_goes_before_a_name(router: Router) -> None:
    route, variables = router.find("GET", "queues/detailed")
    assert isinstance(route, Route)
    assert (route.path, variables) == ("queues/detailed", {})


def test_an_unknown_path_is_not_found(router: Router) -> None:
    for path in ("", "nothing", "queues/a/b/c", "queues/a/b/get/more"):
        with pytest.raises(Refusal) as refused:
            router.find("GET", path)
        assert (refused.value.status, refused.value.error) == (404, "Object Not Found")


def test_a_method_that_a_path_does_not_have_is_told_which_it_has(router: Router) -> None:
    answer, _ = router.find("DELETE", "queues/%2F/q")
    assert isinstance(answer, Response)
    assert (answer.status, answer.headers["allow"]) == (405, "HEAD, GET, PUT, OPTIONS")
    answer, _ = router.find("GET", "queues/%2F/q/get")
    assert isinstance(answer, Response)
    assert answer.headers["allow"] == "POST, OPTIONS"


def test_options_and_head_are_answered(router: Router) -> None:
    answer, _ = router.find("OPTIONS", "queues/%2F/q")
    assert isinstance(answer, Response)
    assert answer.status == 200
    route, _ = router.find("HEAD", "queues/%2F/q")
    assert isinstance(route, Route)
    assert route.method == "GET"
