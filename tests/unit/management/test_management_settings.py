"""Where the management API is, derived from the broker's settings."""

from __future__ import annotations

import pytest

from warren.config import BrokerSettings, TlsSettings
from warren.errors import ConfigurationError
from warren.management.settings import ManagementSettings


def of(url: str) -> ManagementSettings:
    return ManagementSettings.of(BrokerSettings.parse(url))


def test_the_url_is_derived_from_every_host_of_the_broker() -> None:
    found = of("amqp://ana:pw@one:5673,[::1]/vh")
    assert found.urls == ("http://one:15672", "http://[::1]:15672")
    assert (found.user, found.password, found.tls) == ("ana", "pw", None)


def test_with_tls_it_is_https_with_the_brokers_certificates() -> None:
    found = of("amqps://ana:pw@one/vh?server_name=rabbit.example")
    assert found.urls == ("https://one:15671",)
    assert found.tls == TlsSettings(server_name="rabbit.example")


def test_a_given_url_counts_and_may_carry_a_login_of_its_own() -> None:
    found = of("amqp://ana:pw@one/vh?management=https://mon:s%252F3@two:443/rabbit/")
    assert found.urls == ("https://two:443/rabbit",)
    assert (found.user, found.password) == ("mon", "s/3")


def test_a_given_url_without_login_uses_the_brokers() -> None:
    found = of("amqp://ana:pw@one/vh?management=http://two:1234")
    assert (found.urls, found.user, found.password) == (("http://two:1234",), "ana", "pw")


def test_the_password_is_not_shown() -> None:
    assert "s3cret" not in repr(of("amqp://ana:s3cret@one/vh?management=http://mon:s3cret@two:1234"))


@pytest.mark.parametrize("url", ["two:15672", "ftp://two", ""])
def test_a_url_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="write http://localhost:15672"):
        ManagementSettings((url,))


def test_no_url_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs a URL"):
        ManagementSettings(())
