"""Why connections fail, from pika's exceptions as they were recorded from RabbitMQ 3.10 and 4.0."""

from __future__ import annotations

import socket
import ssl

import pika.exceptions
import pytest
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorAMQPHandshakeError,
    AMQPConnectorSocketConnectError,
    AMQPConnectorStackTimeout,
    AMQPConnectorTransportSetupError,
)

from warren.transport.failures import explain, is_missing, is_refusal

LOGIN = pika.exceptions.ProbableAuthenticationError
VHOST = pika.exceptions.ProbableAccessDeniedError
SILENCE = pika.exceptions.IncompatibleProtocolError


def closed(code: int, text: str) -> str:
    """Return what pika puts into the error of a stage: the repr of what the broker closed with."""
    return repr(pika.exceptions.ConnectionClosedByBroker(code, text))


def lost(cause: BaseException) -> str:
    return repr(pika.exceptions.StreamLostError(f"Stream connection lost: {cause!r}"))


def unverified() -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED]")
    error.verify_message = "Hostname mismatch"
    return error


def wrong_version() -> ssl.SSLError:
    error = ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number")
    error.reason = "WRONG_VERSION_NUMBER"
    return error


REFUSALS = [
    (LOGIN(closed(403, "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN.")), "check user"),
    (VHOST(closed(530, "NOT_ALLOWED - vhost nov not found")), "NOT_ALLOWED - vhost nov not found"),
    (VHOST(closed(530, "NOT_ALLOWED - vhost limits not found")), "limits not found"),
    (
        VHOST(closed(530, "NOT_ALLOWED - access to vhost 'shop' refused for user 'bob'")),
        "NOT_ALLOWED - access to vhost 'shop' refused for user 'bob'",
    ),
    (AMQPConnectionWorkflowFailed([AMQPConnectorTransportSetupError(unverified())]), "Hostname mismatch"),
    (
        SILENCE(lost(ssl.SSLError(1, "[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] tlsv13 alert certificate required"))),
        "our client certificate (certificate required)",
    ),
    (SILENCE(lost(ssl.SSLError(1, "[SSL: TLSV1_ALERT_UNKNOWN_CA] alert"))), "our client certificate (unknown ca)"),
    (SILENCE(lost(ssl.SSLError(1, "[SSL: SSLV3_ALERT_BAD_CERTIFICATE] alert"))), "(bad certificate)"),
]
FAILURES = [
    (
        VHOST(
            closed(530, "NOT_ALLOWED - access to vhost 'lim' refused for user 'bob': connection limit (0) is reached")
        ),
        "connection limit (0) is reached",
    ),
    (
        VHOST(closed(530, "NOT_ALLOWED - connection refused for user 'bob': user connection limit (1) is reached")),
        "user connection limit (1) is reached",
    ),
    (VHOST(closed(530, "NOT_ALLOWED - access to vhost '/' refused for user 'bob': vhost '/' is down")), "is down"),
    (VHOST(closed(320, "CONNECTION_FORCED - broker forced connection closure")), "CONNECTION_FORCED"),
    (VHOST(lost(ConnectionResetError(104, "reset"))), "the connection was lost"),
    (LOGIN(lost(ConnectionResetError(104, "reset"))), "the connection was lost"),
    (SILENCE(lost(ConnectionResetError(104, "reset"))), "does not speak AMQP 0-9-1"),
    (
        pika.exceptions.AMQPConnectionError(
            AMQPConnectionWorkflowFailed([AMQPConnectorSocketConnectError(ConnectionRefusedError(111, "refused"))])
        ),
        "nothing listens there",
    ),
    (
        AMQPConnectionWorkflowFailed([socket.gaierror(-2, "Name or service not known")]),
        "the host name is not known: Name or service not known",
    ),
    (AMQPConnectionWorkflowFailed([AMQPConnectorTransportSetupError(wrong_version())]), "does not speak TLS"),
    (AMQPConnectionWorkflowFailed([AMQPConnectorSocketConnectError(TimeoutError("timed out"))]), "no answer in time"),
    (AMQPConnectorAMQPHandshakeError(AMQPConnectorStackTimeout("Timeout")), "no answer in time"),
    (pika.exceptions.ConnectionClosedByBroker(541, "INTERNAL_ERROR"), "541 INTERNAL_ERROR"),
    (pika.exceptions.AMQPHeartbeatTimeout("No activity in the last 60 seconds"), "No activity"),
    (pika.exceptions.StreamLostError("Transport indicated EOF"), "Transport indicated EOF"),
    (OSError(), "OSError"),
]


@pytest.mark.parametrize(("error", "says"), REFUSALS)
def test_what_no_further_try_can_change_is_a_refusal(error: BaseException, says: str) -> None:
    assert is_refusal(error)
    assert says in explain(error)


@pytest.mark.parametrize(("error", "says"), FAILURES)
def test_what_may_pass_is_a_failure(error: BaseException, says: str) -> None:
    assert not is_refusal(error)
    assert says in explain(error)


@pytest.mark.parametrize("error", [error for error, _ in REFUSALS + FAILURES])
def test_an_explanation_is_one_line(error: BaseException) -> None:
    assert explain(error)
    assert "\n" not in explain(error)


@pytest.mark.parametrize(
    ("code", "text", "expected"),
    [
        (404, "NOT_FOUND - no queue 'q' in vhost '/'", True),
        (404, "NOT_FOUND - no exchange 'x' in vhost '/'", True),
        (404, "NOT_FOUND - home node 'rabbit@b' of durable queue 'q' in vhost '/' is down or inaccessible", False),
        (404, "NOT_FOUND - queue 'q' in vhost '/' process is stopped by supervisor", False),
        (404, "NOT_FOUND - failed to perform operation on queue 'q' in vhost '/' due to timeout", False),
        (406, "PRECONDITION_FAILED - no queue", False),
    ],
)
def test_a_queue_whose_node_is_down_is_not_missing(code: int, text: str, expected: bool) -> None:
    assert is_missing(pika.exceptions.ChannelClosedByBroker(code, text)) is expected
