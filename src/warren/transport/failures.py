"""Why a connection failed, in one line for people, and whether trying again unchanged can help.

Not here: what follows from it (`connection.py`).
"""

from __future__ import annotations

import re
import socket
import ssl
from typing import Final

import pika.exceptions
from pika.adapters.utils.connection_workflow import (
    AMQPConnectionWorkflowFailed,
    AMQPConnectorException,
    AMQPConnectorStackTimeout,
)

__all__ = ["explain", "is_missing", "is_refusal"]

# A broker closes a handshake it refuses; pika wraps its words into the text of an error named for the stage.
_BROKERS_WORDS: Final = re.compile(r"\(\d{3}\) (?P<quote>['\"])(?P<text>.*)(?P=quote)")
_TLS_ALERT: Final = re.compile(r"\[SSL: [A-Z0-9]+_ALERT_(?P<name>[A-Z_]*CERT[A-Z_]*|UNKNOWN_CA|ACCESS_DENIED)\]")
_FULL: Final = re.compile(r"limit \(\d+\) is reached")
_DOWN: Final = re.compile(r"vhost .* is down")


def explain(error: BaseException) -> str:
    """Return one line on why a connection failed or ended."""
    cause = _root_cause(error)
    match cause:
        case pika.exceptions.ConnectionClosed():
            return f"{cause.reply_code} {cause.reply_text}"
        case pika.exceptions.ProbableAuthenticationError() if "ACCESS_REFUSED" in str(cause):
            return "the login was refused: check user and password of the broker URL"
        case pika.exceptions.ProbableAccessDeniedError() if "NOT_ALLOWED" in str(cause):
            return f"the virtual host was refused ({_brokers_words(cause)}): check its name and the user's permissions"
        case pika.exceptions.ProbableAuthenticationError() | pika.exceptions.ProbableAccessDeniedError():
            return f"it closed the connection during the login: {_brokers_words(cause)}"
        case pika.exceptions.IncompatibleProtocolError():
            return _explain_silence(cause)
        case ssl.SSLCertVerificationError():
            return f"its certificate cannot be verified: {cause.verify_message}"
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return "it does not speak TLS: this may be the port for amqp://"
        case ConnectionRefusedError():
            return "connection refused: nothing listens there"
        case socket.gaierror():
            return f"the host name is not known: {cause.strerror}"
        case TimeoutError() | AMQPConnectorStackTimeout() | pika.exceptions.ConnectionOpenAborted():
            return "no answer in time"
        case _:
            return str(cause) or type(cause).__name__


def is_missing(error: pika.exceptions.ChannelClosedByBroker) -> bool:
    """Whether a queue or exchange does not exist. RabbitMQ says 404 also of a queue that crashed, or its node did."""
    return bool(error.reply_code == 404 and error.reply_text.startswith("NOT_FOUND - no "))


def is_refusal(error: BaseException) -> bool:
    """Whether trying again unchanged cannot help. A virtual host that is down comes up, a full one gets room."""
    cause = _root_cause(error)
    text = str(cause)
    match cause:
        case pika.exceptions.ProbableAuthenticationError():
            return "ACCESS_REFUSED" in text  # without it the broker went away during the login
        case pika.exceptions.ProbableAccessDeniedError():
            return "NOT_ALLOWED" in text and not _FULL.search(text) and not _DOWN.search(text)
        case pika.exceptions.IncompatibleProtocolError():
            return _TLS_ALERT.search(text) is not None
        case _:
            return isinstance(cause, ssl.SSLCertVerificationError)


def _root_cause(error: BaseException) -> BaseException:
    """Unwrap what pika's connection workflow wrapped."""
    while True:
        match error:
            case AMQPConnectionWorkflowFailed() if error.exceptions:
                error = error.exceptions[-1]
            case AMQPConnectorException() if isinstance(getattr(error, "exception", None), BaseException):
                error = error.exception
            case pika.exceptions.AMQPConnectionError(args=(BaseException() as inner, *_)):
                error = inner
            case _:
                return error


def _explain_silence(cause: BaseException) -> str:
    alert = _TLS_ALERT.search(str(cause))
    if alert is None:
        return "it closed the connection at once: it is starting, or what listens there does not speak AMQP 0-9-1"
    complaint = alert["name"].lower().replace("_", " ")
    return f"it refused our client certificate ({complaint}): check certfile and keyfile of the broker URL"


def _brokers_words(cause: BaseException) -> str:
    """Return what the broker said inside one of pika's wrapped errors."""
    text = str(cause).replace("\\'", "'")
    found = _BROKERS_WORDS.search(text)
    return found["text"] if found is not None else "the connection was lost"
