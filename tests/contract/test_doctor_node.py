"""`warren doctor` on a node of its own: alarms, TLS and what else concerns the whole node.

Not here: what a virtual host is enough for (test_doctor.py).
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from tests.support import BrokerUnderTest
from tests.support.certificates import Certificates
from tests.support.waiting import wait_until
from warren.config import BrokerSettings
from warren.doctor.collect import Subject, collect
from warren.doctor.examine import examine
from warren.doctor.findings import Finding, FindingId
from warren.integrations.loopback_ports import free_port


def found_at(url: str) -> dict[FindingId, Finding]:
    return {one.id: one for one in examine(collect(Subject(broker=BrokerSettings.parse(url))))}


def test_a_memory_alarm_is_named_with_the_node_and_without_it_where_nodes_may_not_be_seen(
    private_broker: Callable[..., BrokerUnderTest],
) -> None:
    broker = private_broker()
    broker.run_out_of_memory()
    url = f"{broker.url}?management={quote(broker.management_url, safe='')}"
    found = wait_until(lambda: found_at(url).get(FindingId.MEMORY_ALARM), message="the alarm is found")
    assert "@" in found.subject
    assert "publishers are blocked" in found.summary

    broker.api("PUT", "users/clerk", {"password": "clerk", "tags": "management"})
    broker.api("PUT", "permissions/{vhost}/clerk", {"configure": "", "write": "", "read": ""})
    as_clerk = url.replace(quote("guest:guest@", safe=""), quote("clerk:clerk@", safe=""))
    assert as_clerk != url
    seen = found_at(as_clerk)
    assert FindingId.ALARM_IN_EFFECT in seen
    assert FindingId.MEMORY_ALARM not in seen
    broker.have_memory_again()
    wait_until(lambda: FindingId.MEMORY_ALARM not in found_at(url), message="the alarm is over")


def test_the_brokers_certificate_is_looked_at(
    private_broker: Callable[..., BrokerUnderTest], certificates: Certificates
) -> None:
    """Those of the tests are valid for a day."""
    port = free_port()
    private_broker(**certificates.broker_options(port=port))
    authority = quote(str(certificates.authority), safe="")
    url = f"amqps://guest:guest@localhost:{port}/%2F?cafile={authority}"
    assert found_at(url)[FindingId.CERTIFICATE_EXPIRES].subject == f"certificate of localhost:{port}"
    both = (
        f"{url}&certfile={quote(str(certificates.certificate('client')), safe='')}"
        f"&keyfile={quote(str(certificates.key('client')), safe='')}"
    )
    told = examine(collect(Subject(broker=BrokerSettings.parse(both))))
    subjects = {one.subject for one in told if one.id is FindingId.CERTIFICATE_EXPIRES}
    assert subjects == {f"certificate of localhost:{port}", f"client certificate {certificates.certificate('client')}"}
    refused = found_at(f"amqps://guest:guest@localhost:{port}/%2F")
    assert "cannot be verified" in refused[FindingId.BROKER_REFUSED].summary
