"""Broker URLs: what each says, and that no mistake in one, nor any text about it, shows the password."""

from __future__ import annotations

import subprocess
import traceback
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.certificates import Certificates
from warren.config import BrokerSettings, Host, TlsSettings, WorkerSettings, parse_brokers
from warren.errors import ConfigurationError

SECRET = "hunter2"


@pytest.fixture(autouse=True)
def no_broker_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WARREN_BROKER", raising=False)


# -- what a URL says ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "hosts", "virtual_host", "user", "password"),
    [
        ("amqp://localhost", "localhost:5672", "/", "guest", "guest"),
        ("amqp://localhost/", "localhost:5672", "/", "guest", "guest"),
        ("amqp://localhost/%2F", "localhost:5672", "/", "guest", "guest"),
        ("amqp://localhost//", "localhost:5672", "/", "guest", "guest"),
        ("amqp://localhost/shop", "localhost:5672", "shop", "guest", "guest"),
        ("amqp://localhost/caf%C3%A9%20bar", "localhost:5672", "café bar", "guest", "guest"),
        ("amqp://bob@localhost", "localhost:5672", "/", "bob", ""),
        ("amqp://bob:@localhost", "localhost:5672", "/", "bob", ""),
        ("amqp://bob:s@localhost", "localhost:5672", "/", "bob", "s"),
        ("amqp://bob:a:b@localhost", "localhost:5672", "/", "bob", "a:b"),
        ("amqp://b%40b:s%2F%3F%23%40%25@localhost", "localhost:5672", "/", "b@b", "s/?#@%"),
        ("amqp://bob:s+s@localhost", "localhost:5672", "/", "bob", "s+s"),
        ("amqp://localhost:5673", "localhost:5673", "/", "guest", "guest"),
        ("amqp://localhost:", "localhost:5672", "/", "guest", "guest"),
        ("amqps://localhost", "localhost:5671", "/", "guest", "guest"),
        ("AMQP://localhost", "localhost:5672", "/", "guest", "guest"),
        (" amqp://localhost\n", "localhost:5672", "/", "guest", "guest"),
        ("amqp://one,two:5673, three/shop", "one:5672,two:5673,three:5672", "shop", "guest", "guest"),
        ("amqp://[::1]", "[::1]:5672", "/", "guest", "guest"),
        ("amqp://bob:s@[::1]:5673/shop", "[::1]:5673", "shop", "bob", "s"),
        ("amqp://one,[::1]:5673,[fe80::1]", "one:5672,[::1]:5673,[fe80::1]:5672", "/", "guest", "guest"),
    ],
)
def test_what_a_url_says(url: str, hosts: str, virtual_host: str, user: str, password: str) -> None:
    settings = BrokerSettings.parse(url)

    assert ",".join(map(str, settings.hosts)) == hosts
    assert (settings.virtual_host, settings.user, settings.password) == (virtual_host, user, password)


def test_options_are_read_with_their_defaults() -> None:
    plain = BrokerSettings.parse("amqp://localhost")
    assert (plain.heartbeat, plain.connection_timeout, plain.management, plain.tls) == (60, 10.0, None, None)

    options = "heartbeat=0&connection_timeout=2.5&management=http%3A%2F%2Fu%3Ap%40host:15672/a+b"
    said = BrokerSettings.parse(f"amqp://localhost/?{options}")
    assert (said.heartbeat, said.connection_timeout) == (0, 2.5)
    assert said.management == "http://u:p@host:15672/a+b"


def test_tls_options_name_files_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "a+b c.pem"
    path.touch()
    settings = BrokerSettings.parse(f"amqps://localhost/?cafile={quote(str(path), safe='/+')}&server_name=mq.internal")

    assert settings.tls == TlsSettings(cafile=str(path), server_name="mq.internal")


def test_the_environment_speaks_where_the_code_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    assert BrokerSettings.parse().redacted == "amqp://guest:***@localhost:5672/%2F"
    monkeypatch.setenv("WARREN_BROKER", "amqp://elsewhere")
    assert BrokerSettings.parse().hosts == BrokerSettings.parse("").hosts == (Host("elsewhere", 5672),)
    assert BrokerSettings.parse("amqp://here").hosts == (Host("here", 5672),)
    monkeypatch.setenv("WARREN_BROKER", "")
    assert BrokerSettings.parse().hosts == (Host("localhost", 5672),)


@given(st.text(min_size=1), st.text(), st.text(min_size=1))
def test_any_login_and_virtual_host_can_be_written(user: str, password: str, virtual_host: str) -> None:
    login = f"{quote(user, safe='')}:{quote(password, safe='')}"

    settings = BrokerSettings.parse(f"amqp://{login}@localhost/{quote(virtual_host, safe='')}")

    assert (settings.user, settings.password, settings.virtual_host) == (user, password, virtual_host)
    again = BrokerSettings.parse(settings.redacted)
    assert (again.user, again.virtual_host, again.hosts) == (user, virtual_host, settings.hosts)


# -- several ----------------------------------------------------------------------------------------


def test_several_urls_are_hosts_of_one_cluster() -> None:
    settings = parse_brokers(["amqp://bob:s@one/shop?heartbeat=5", "amqp://bob:s@two,three:5673/shop?heartbeat=5"])

    assert [str(host) for host in settings.hosts] == ["one:5672", "two:5672", "three:5673"]
    assert (settings.user, settings.virtual_host, settings.heartbeat) == ("bob", "shop", 5)
    assert parse_brokers([]) == parse_brokers(None) == parse_brokers("amqp://localhost")


@pytest.mark.parametrize(
    "other",
    [
        "amqp://bob:s@two/other",
        "amqp://eve:s@two/shop",
        "amqp://bob:t@two/shop",
        "amqps://bob:s@two/shop",
        "amqp://bob:s@two/shop?heartbeat=5",
    ],
)
def test_several_urls_that_are_no_cluster_are_refused(other: str) -> None:
    with pytest.raises(ConfigurationError, match="one cluster"):
        parse_brokers(["amqp://bob:s@one/shop", other])


# -- mistakes -----------------------------------------------------------------------------------------

MISTAKES = [
    ("localhost", "no scheme; write amqp://"),
    ("localhost:5672", "starts with 'localhost'"),
    (f"guest:{SECRET}@localhost", "starts with 'guest'"),
    (f"//guest:{SECRET}@localhost", "no scheme"),
    (f"http://guest:{SECRET}@localhost", "starts with 'http'"),
    (f"amqp:guest:{SECRET}@localhost", "write amqp://user"),
    ("amqp://", "names no host"),
    (f"amqp://guest:{SECRET}@", "names no host"),
    (f"amqp://guest:{SECRET}@/shop", "names no host"),
    (f"amqp://guest:{SECRET}@,", "names no host"),
    (f"amqp://guest:{SECRET}@:5672", "a port without a host"),
    (f"amqp://guest:{SECRET}@host:port", "port 'port' for host 'host'"),
    (f"amqp://guest:{SECRET}@host:0", "from 1 to 65535"),
    (f"amqp://guest:{SECRET}@host:65536", "from 1 to 65535"),
    (f"amqp://guest:{SECRET}@host:٣", "from 1 to 65535"),
    (f"amqp://guest:{SECRET}@one,two:x", "port 'x' for host 'two'"),
    (f"amqp://guest:{SECRET}@::1", "in brackets"),
    (f"amqp://guest:{SECRET}@::1:5672", "in brackets"),
    (f"amqp://guest:{SECRET}@[::1", "in brackets"),
    (f"amqp://guest:{SECRET}@[::1]5672", "in brackets"),
    (f"amqp://guest:{SECRET}@x[::1]", "in brackets"),
    # The password is cut where it has one of these, and what is left of it looks like something else.
    (f"amqp://guest:{SECRET}/1@localhost", "write / as %2F"),
    (f"amqp://guest:1/{SECRET}@localhost", "write / as %2F"),
    (f"amqp://guest:{SECRET}?1@localhost", "? as %3F"),
    (f"amqp://guest:1?{SECRET}@localhost", "? as %3F"),
    (f"amqp://guest:{SECRET}#1@localhost", "# as %23"),
    (f"amqp://guest:1#{SECRET}@localhost", "# as %23"),
    (f"amqp://guest:1@2?{SECRET}@localhost", "the unknown option"),
    (f"amqp://guest:{SECRET}", "no host after its login"),
    (f"amqp://guest:{SECRET}@localhost/?heartbeats=3", "the unknown option 'heartbeats'; known are cafile"),
    (f"amqp://guest:{SECRET}@localhost/?heartbeat=soon", "heartbeat of the broker URL is 'soon'"),
    (f"amqp://guest:{SECRET}@localhost/?heartbeat=0.5", "whole seconds"),
    (f"amqp://guest:{SECRET}@localhost/?heartbeat=-1", "whole seconds"),
    (f"amqp://guest:{SECRET}@localhost/?heartbeat=65536", "whole seconds"),
    (f"amqp://guest:{SECRET}@localhost/?connection_timeout=0", "more than 0"),
    (f"amqp://guest:{SECRET}@localhost/?connection_timeout=nan", "more than 0"),
    (f"amqp://guest:{SECRET}@localhost/?connection_timeout=", "more than 0"),
    (f"amqp://guest:{SECRET}@localhost/?server_name=x", "write amqps://"),
    (f"amqps://guest:{SECRET}@localhost/?cafile=/no/such/file", "is not a file"),
]


@pytest.mark.parametrize(("url", "says"), MISTAKES)
def test_a_mistake_is_told_in_one_line_that_says_what_to_write(url: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        BrokerSettings.parse(url)

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    everything = "".join(traceback.format_exception(refused.value))
    assert SECRET not in everything.replace(repr(url), "").replace(url, "")


@given(st.text(alphabet="amqps:/?#@[],.%&=1h \n", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"amqp://{text}", f"amqp://guest:{SECRET}@{text}"):
        try:
            said = f"{BrokerSettings.parse(url)!r} {BrokerSettings.parse(url)}"
        except ConfigurationError as error:
            said = str(error)
        assert SECRET not in said


# -- secrets ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("show", [repr, str, lambda settings: settings.redacted, "{}".format])
@pytest.mark.parametrize(
    "url",
    [f"amqp://bob:{SECRET}@localhost", f"amqp://localhost/?management=http%3A//bob:{SECRET}%40localhost:15672"],
)
def test_settings_never_show_a_password(show: Any, url: str) -> None:
    assert SECRET not in show(BrokerSettings.parse(url))


# -- TLS ------------------------------------------------------------------------------------------------


def test_tls_verifies_certificate_and_host_name_always() -> None:
    context = TlsSettings().context()

    assert context.check_hostname
    assert context.verify_mode.name == "CERT_REQUIRED"


def test_a_client_certificate_is_loaded(certificates: Certificates) -> None:
    settings = TlsSettings(
        cafile=str(certificates.authority),
        certfile=str(certificates.certificate("client")),
        keyfile=str(certificates.key("client")),
    )

    assert [each["subject"] for each in settings.context().get_ca_certs()] == [((("commonName", "authority"),),)]


def test_files_that_cannot_be_used_are_named(certificates: Certificates, tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pem"
    nonsense.write_text("no certificate")
    encrypted = tmp_path / "encrypted.key"
    command = ["openssl", "pkey", "-in", certificates.key("client"), "-aes128", "-passout", "pass:x", "-out", encrypted]
    subprocess.run(command, check=True, capture_output=True)
    certificate = str(certificates.certificate("client"))

    for settings, says in [
        (TlsSettings(cafile=str(nonsense)), "cafile"),
        (TlsSettings(certfile=str(nonsense)), "certfile"),
        (TlsSettings(certfile=certificate, keyfile=str(certificates.key("server"))), "certfile"),
        (TlsSettings(certfile=certificate, keyfile=str(encrypted)), "certfile"),
        (TlsSettings(keyfile=str(certificates.key("client"))), "keyfile without certfile"),
    ]:
        with pytest.raises(ConfigurationError, match=says):
            settings.context()


# -- the worker's -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [{"grace": -1}, {"lease": 0}, {"consumer_timeout": 0}])
def test_a_workers_times_must_make_sense(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        WorkerSettings(**wrong)
