"""Every AMQP 0-9-1 method as a class. Generated from `spec.py` by `python -m warren.broker.protocol.generate`.

Not here: anything written by hand; what all methods share is in `arguments.py`.
"""

# ruff: noqa: A001, A002, RUF023  # AMQP calls an argument `type`; slots are in the order of the wire

from __future__ import annotations

from typing import Final

from warren.broker.model.message import Address, short_string
from warren.broker.protocol.arguments import Method, address, bits, end, long_string, read_long, read_short, text
from warren.broker.protocol.fields import FieldValue, decode_fields, encode_table

__all__ = [
    "METHODS",
    "AccessRequest",
    "AccessRequestOk",
    "BasicAck",
    "BasicCancel",
    "BasicCancelOk",
    "BasicConsume",
    "BasicConsumeOk",
    "BasicDeliver",
    "BasicGet",
    "BasicGetEmpty",
    "BasicGetOk",
    "BasicNack",
    "BasicPublish",
    "BasicQos",
    "BasicQosOk",
    "BasicRecover",
    "BasicRecoverAsync",
    "BasicRecoverOk",
    "BasicReject",
    "BasicReturn",
    "ChannelClose",
    "ChannelCloseOk",
    "ChannelFlow",
    "ChannelFlowOk",
    "ChannelOpen",
    "ChannelOpenOk",
    "ConfirmSelect",
    "ConfirmSelectOk",
    "ConnectionBlocked",
    "ConnectionClose",
    "ConnectionCloseOk",
    "ConnectionOpen",
    "ConnectionOpenOk",
    "ConnectionSecure",
    "ConnectionSecureOk",
    "ConnectionStart",
    "ConnectionStartOk",
    "ConnectionTune",
    "ConnectionTuneOk",
    "ConnectionUnblocked",
    "ConnectionUpdateSecret",
    "ConnectionUpdateSecretOk",
    "ExchangeBind",
    "ExchangeBindOk",
    "ExchangeDeclare",
    "ExchangeDeclareOk",
    "ExchangeDelete",
    "ExchangeDeleteOk",
    "ExchangeUnbind",
    "ExchangeUnbindOk",
    "Method",
    "QueueBind",
    "QueueBindOk",
    "QueueDeclare",
    "QueueDeclareOk",
    "QueueDelete",
    "QueueDeleteOk",
    "QueuePurge",
    "QueuePurgeOk",
    "QueueUnbind",
    "QueueUnbindOk",
    "TxCommit",
    "TxCommitOk",
    "TxRollback",
    "TxRollbackOk",
    "TxSelect",
    "TxSelectOk",
]

NOWHERE: Final = Address("", "")


class ConnectionStart(Method):
    __slots__ = ("version_major", "version_minor", "server_properties", "mechanisms", "locales")
    CLASS_ID = 10
    METHOD_ID = 10
    NAME = "connection.start"
    IDS = b"\x00\x0a\x00\x0a"

    def __init__(
        self,
        version_major: int = 0,
        version_minor: int = 0,
        server_properties: dict[str, FieldValue] | None = None,
        mechanisms: str = "",
        locales: str = "",
    ) -> None:
        self.version_major = version_major
        self.version_minor = version_minor
        self.server_properties = server_properties or {}
        self.mechanisms = mechanisms
        self.locales = locales

    def encode(self) -> bytes:
        return (
            self.IDS
            + self.version_major.to_bytes(1, "big")
            + self.version_minor.to_bytes(1, "big")
            + encode_table(self.server_properties)
            + long_string(self.mechanisms.encode("utf-8", "surrogateescape"))
            + long_string(self.locales.encode("utf-8", "surrogateescape"))
        )

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionStart:
        at = 4
        version_major = int.from_bytes(payload[at : at + 1], "big")
        at += 1
        version_minor = int.from_bytes(payload[at : at + 1], "big")
        at += 1
        server_properties, at = read_long(payload, at)
        mechanisms, at = read_long(payload, at)
        locales, at = read_long(payload, at)
        end(payload, at)
        return cls(
            version_major,
            version_minor,
            decode_fields(server_properties),
            mechanisms.decode("utf-8", "surrogateescape"),
            locales.decode("utf-8", "surrogateescape"),
        )


class ConnectionStartOk(Method):
    __slots__ = ("client_properties", "mechanism", "response", "locale")
    CLASS_ID = 10
    METHOD_ID = 11
    NAME = "connection.start-ok"
    IDS = b"\x00\x0a\x00\x0b"

    def __init__(
        self,
        client_properties: dict[str, FieldValue] | None = None,
        mechanism: str = "",
        response: bytes = b"",
        locale: str = "",
    ) -> None:
        self.client_properties = client_properties or {}
        self.mechanism = mechanism
        self.response = response
        self.locale = locale

    def encode(self) -> bytes:
        return (
            self.IDS
            + encode_table(self.client_properties)
            + short_string(self.mechanism)
            + long_string(self.response)
            + short_string(self.locale)
        )

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionStartOk:
        at = 4
        client_properties, at = read_long(payload, at)
        mechanism, at = read_short(payload, at)
        response, at = read_long(payload, at)
        locale, at = read_short(payload, at)
        end(payload, at)
        return cls(decode_fields(client_properties), text(mechanism), response, text(locale))


class ConnectionSecure(Method):
    __slots__ = ("challenge",)
    CLASS_ID = 10
    METHOD_ID = 20
    NAME = "connection.secure"
    IDS = b"\x00\x0a\x00\x14"

    def __init__(
        self,
        challenge: bytes = b"",
    ) -> None:
        self.challenge = challenge

    def encode(self) -> bytes:
        return self.IDS + long_string(self.challenge)

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionSecure:
        at = 4
        challenge, at = read_long(payload, at)
        end(payload, at)
        return cls(challenge)


class ConnectionSecureOk(Method):
    __slots__ = ("response",)
    CLASS_ID = 10
    METHOD_ID = 21
    NAME = "connection.secure-ok"
    IDS = b"\x00\x0a\x00\x15"

    def __init__(
        self,
        response: bytes = b"",
    ) -> None:
        self.response = response

    def encode(self) -> bytes:
        return self.IDS + long_string(self.response)

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionSecureOk:
        at = 4
        response, at = read_long(payload, at)
        end(payload, at)
        return cls(response)


class ConnectionTune(Method):
    __slots__ = ("channel_max", "frame_max", "heartbeat")
    CLASS_ID = 10
    METHOD_ID = 30
    NAME = "connection.tune"
    IDS = b"\x00\x0a\x00\x1e"

    def __init__(
        self,
        channel_max: int = 0,
        frame_max: int = 0,
        heartbeat: int = 0,
    ) -> None:
        self.channel_max = channel_max
        self.frame_max = frame_max
        self.heartbeat = heartbeat

    def encode(self) -> bytes:
        return (
            self.IDS
            + self.channel_max.to_bytes(2, "big")
            + self.frame_max.to_bytes(4, "big")
            + self.heartbeat.to_bytes(2, "big")
        )

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionTune:
        at = 4
        channel_max = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        frame_max = int.from_bytes(payload[at : at + 4], "big")
        at += 4
        heartbeat = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        end(payload, at)
        return cls(channel_max, frame_max, heartbeat)


class ConnectionTuneOk(Method):
    __slots__ = ("channel_max", "frame_max", "heartbeat")
    CLASS_ID = 10
    METHOD_ID = 31
    NAME = "connection.tune-ok"
    IDS = b"\x00\x0a\x00\x1f"

    def __init__(
        self,
        channel_max: int = 0,
        frame_max: int = 0,
        heartbeat: int = 0,
    ) -> None:
        self.channel_max = channel_max
        self.frame_max = frame_max
        self.heartbeat = heartbeat

    def encode(self) -> bytes:
        return (
            self.IDS
            + self.channel_max.to_bytes(2, "big")
            + self.frame_max.to_bytes(4, "big")
            + self.heartbeat.to_bytes(2, "big")
        )

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionTuneOk:
        at = 4
        channel_max = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        frame_max = int.from_bytes(payload[at : at + 4], "big")
        at += 4
        heartbeat = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        end(payload, at)
        return cls(channel_max, frame_max, heartbeat)


class ConnectionOpen(Method):
    __slots__ = ("virtual_host",)
    CLASS_ID = 10
    METHOD_ID = 40
    NAME = "connection.open"
    IDS = b"\x00\x0a\x00\x28"

    def __init__(
        self,
        virtual_host: str = "",
    ) -> None:
        self.virtual_host = virtual_host

    def encode(self) -> bytes:
        return self.IDS + short_string(self.virtual_host) + b"\x00" + b"\x00"

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionOpen:
        at = 4
        virtual_host, at = read_short(payload, at)
        capabilities, at = read_short(payload, at)
        at += 1
        end(payload, at)
        text(capabilities)
        return cls(text(virtual_host))


class ConnectionOpenOk(Method):
    __slots__ = ()
    CLASS_ID = 10
    METHOD_ID = 41
    NAME = "connection.open-ok"
    IDS = b"\x00\x0a\x00\x29"

    def encode(self) -> bytes:
        return self.IDS + b"\x00"

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionOpenOk:
        at = 4
        known_hosts, at = read_short(payload, at)
        end(payload, at)
        text(known_hosts)
        return cls()


class ConnectionClose(Method):
    __slots__ = ("reply_code", "reply_text", "class_id", "method_id")
    CLASS_ID = 10
    METHOD_ID = 50
    NAME = "connection.close"
    IDS = b"\x00\x0a\x00\x32"

    def __init__(
        self,
        reply_code: int = 0,
        reply_text: str = "",
        class_id: int = 0,
        method_id: int = 0,
    ) -> None:
        self.reply_code = reply_code
        self.reply_text = reply_text
        self.class_id = class_id
        self.method_id = method_id

    def encode(self) -> bytes:
        return (
            self.IDS
            + self.reply_code.to_bytes(2, "big")
            + short_string(self.reply_text)
            + self.class_id.to_bytes(2, "big")
            + self.method_id.to_bytes(2, "big")
        )

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionClose:
        at = 4
        reply_code = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        reply_text, at = read_short(payload, at)
        class_id = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        method_id = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        end(payload, at)
        return cls(reply_code, text(reply_text), class_id, method_id)


class ConnectionCloseOk(Method):
    __slots__ = ()
    CLASS_ID = 10
    METHOD_ID = 51
    NAME = "connection.close-ok"
    IDS = b"\x00\x0a\x00\x33"


class ConnectionBlocked(Method):
    __slots__ = ("reason",)
    CLASS_ID = 10
    METHOD_ID = 60
    NAME = "connection.blocked"
    IDS = b"\x00\x0a\x00\x3c"

    def __init__(
        self,
        reason: str = "",
    ) -> None:
        self.reason = reason

    def encode(self) -> bytes:
        return self.IDS + short_string(self.reason)

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionBlocked:
        at = 4
        reason, at = read_short(payload, at)
        end(payload, at)
        return cls(text(reason))


class ConnectionUnblocked(Method):
    __slots__ = ()
    CLASS_ID = 10
    METHOD_ID = 61
    NAME = "connection.unblocked"
    IDS = b"\x00\x0a\x00\x3d"


class ConnectionUpdateSecret(Method):
    __slots__ = ("new_secret", "reason")
    CLASS_ID = 10
    METHOD_ID = 70
    NAME = "connection.update-secret"
    IDS = b"\x00\x0a\x00\x46"

    def __init__(
        self,
        new_secret: bytes = b"",
        reason: str = "",
    ) -> None:
        self.new_secret = new_secret
        self.reason = reason

    def encode(self) -> bytes:
        return self.IDS + long_string(self.new_secret) + short_string(self.reason)

    @classmethod
    def decode(cls, payload: bytes) -> ConnectionUpdateSecret:
        at = 4
        new_secret, at = read_long(payload, at)
        reason, at = read_short(payload, at)
        end(payload, at)
        return cls(new_secret, text(reason))


class ConnectionUpdateSecretOk(Method):
    __slots__ = ()
    CLASS_ID = 10
    METHOD_ID = 71
    NAME = "connection.update-secret-ok"
    IDS = b"\x00\x0a\x00\x47"


class ChannelOpen(Method):
    __slots__ = ()
    CLASS_ID = 20
    METHOD_ID = 10
    NAME = "channel.open"
    IDS = b"\x00\x14\x00\x0a"

    def encode(self) -> bytes:
        return self.IDS + b"\x00"

    @classmethod
    def decode(cls, payload: bytes) -> ChannelOpen:
        at = 4
        out_of_band, at = read_short(payload, at)
        end(payload, at)
        text(out_of_band)
        return cls()


class ChannelOpenOk(Method):
    __slots__ = ()
    CLASS_ID = 20
    METHOD_ID = 11
    NAME = "channel.open-ok"
    IDS = b"\x00\x14\x00\x0b"

    def encode(self) -> bytes:
        return self.IDS + b"\x00\x00\x00\x00"

    @classmethod
    def decode(cls, payload: bytes) -> ChannelOpenOk:
        at = 4
        at += 4 + int.from_bytes(payload[at : at + 4], "big")
        end(payload, at)
        return cls()


class ChannelFlow(Method):
    __slots__ = ("active",)
    CLASS_ID = 20
    METHOD_ID = 20
    NAME = "channel.flow"
    IDS = b"\x00\x14\x00\x14"

    def __init__(
        self,
        active: bool = False,
    ) -> None:
        self.active = active

    def encode(self) -> bytes:
        return self.IDS + bits(self.active)

    @classmethod
    def decode(cls, payload: bytes) -> ChannelFlow:
        at = 4
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(flags & 1 != 0)


class ChannelFlowOk(Method):
    __slots__ = ("active",)
    CLASS_ID = 20
    METHOD_ID = 21
    NAME = "channel.flow-ok"
    IDS = b"\x00\x14\x00\x15"

    def __init__(
        self,
        active: bool = False,
    ) -> None:
        self.active = active

    def encode(self) -> bytes:
        return self.IDS + bits(self.active)

    @classmethod
    def decode(cls, payload: bytes) -> ChannelFlowOk:
        at = 4
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(flags & 1 != 0)


class ChannelClose(Method):
    __slots__ = ("reply_code", "reply_text", "class_id", "method_id")
    CLASS_ID = 20
    METHOD_ID = 40
    NAME = "channel.close"
    IDS = b"\x00\x14\x00\x28"

    def __init__(
        self,
        reply_code: int = 0,
        reply_text: str = "",
        class_id: int = 0,
        method_id: int = 0,
    ) -> None:
        self.reply_code = reply_code
        self.reply_text = reply_text
        self.class_id = class_id
        self.method_id = method_id

    def encode(self) -> bytes:
        return (
            self.IDS
            + self.reply_code.to_bytes(2, "big")
            + short_string(self.reply_text)
            + self.class_id.to_bytes(2, "big")
            + self.method_id.to_bytes(2, "big")
        )

    @classmethod
    def decode(cls, payload: bytes) -> ChannelClose:
        at = 4
        reply_code = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        reply_text, at = read_short(payload, at)
        class_id = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        method_id = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        end(payload, at)
        return cls(reply_code, text(reply_text), class_id, method_id)


class ChannelCloseOk(Method):
    __slots__ = ()
    CLASS_ID = 20
    METHOD_ID = 41
    NAME = "channel.close-ok"
    IDS = b"\x00\x14\x00\x29"


class AccessRequest(Method):
    __slots__ = ("realm", "exclusive", "passive", "active", "write", "read")
    CLASS_ID = 30
    METHOD_ID = 10
    NAME = "access.request"
    IDS = b"\x00\x1e\x00\x0a"

    def __init__(
        self,
        realm: str = "",
        exclusive: bool = False,
        passive: bool = False,
        active: bool = False,
        write: bool = False,
        read: bool = False,
    ) -> None:
        self.realm = realm
        self.exclusive = exclusive
        self.passive = passive
        self.active = active
        self.write = write
        self.read = read

    def encode(self) -> bytes:
        return (
            self.IDS + short_string(self.realm) + bits(self.exclusive, self.passive, self.active, self.write, self.read)
        )

    @classmethod
    def decode(cls, payload: bytes) -> AccessRequest:
        at = 4
        realm, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(text(realm), flags & 1 != 0, flags & 2 != 0, flags & 4 != 0, flags & 8 != 0, flags & 16 != 0)


class AccessRequestOk(Method):
    __slots__ = ("ticket",)
    CLASS_ID = 30
    METHOD_ID = 11
    NAME = "access.request-ok"
    IDS = b"\x00\x1e\x00\x0b"

    def __init__(
        self,
        ticket: int = 0,
    ) -> None:
        self.ticket = ticket

    def encode(self) -> bytes:
        return self.IDS + self.ticket.to_bytes(2, "big")

    @classmethod
    def decode(cls, payload: bytes) -> AccessRequestOk:
        at = 4
        ticket = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        end(payload, at)
        return cls(ticket)


class ExchangeDeclare(Method):
    __slots__ = ("exchange", "type", "passive", "durable", "auto_delete", "internal", "nowait", "arguments")
    CLASS_ID = 40
    METHOD_ID = 10
    NAME = "exchange.declare"
    IDS = b"\x00\x28\x00\x0a"

    def __init__(
        self,
        exchange: str = "",
        type: str = "",
        passive: bool = False,
        durable: bool = False,
        auto_delete: bool = False,
        internal: bool = False,
        nowait: bool = False,
        arguments: dict[str, FieldValue] | None = None,
    ) -> None:
        self.exchange = exchange
        self.type = type
        self.passive = passive
        self.durable = durable
        self.auto_delete = auto_delete
        self.internal = internal
        self.nowait = nowait
        self.arguments = arguments or {}

    def encode(self) -> bytes:
        return (
            self.IDS
            + b"\x00\x00"
            + short_string(self.exchange)
            + short_string(self.type)
            + bits(self.passive, self.durable, self.auto_delete, self.internal, self.nowait)
            + encode_table(self.arguments)
        )

    @classmethod
    def decode(cls, payload: bytes) -> ExchangeDeclare:
        at = 4
        at += 2
        exchange, at = read_short(payload, at)
        type, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        arguments, at = read_long(payload, at)
        end(payload, at)
        return cls(
            text(exchange),
            text(type),
            flags & 1 != 0,
            flags & 2 != 0,
            flags & 4 != 0,
            flags & 8 != 0,
            flags & 16 != 0,
            decode_fields(arguments),
        )


class ExchangeDeclareOk(Method):
    __slots__ = ()
    CLASS_ID = 40
    METHOD_ID = 11
    NAME = "exchange.declare-ok"
    IDS = b"\x00\x28\x00\x0b"


class ExchangeDelete(Method):
    __slots__ = ("exchange", "if_unused", "nowait")
    CLASS_ID = 40
    METHOD_ID = 20
    NAME = "exchange.delete"
    IDS = b"\x00\x28\x00\x14"

    def __init__(
        self,
        exchange: str = "",
        if_unused: bool = False,
        nowait: bool = False,
    ) -> None:
        self.exchange = exchange
        self.if_unused = if_unused
        self.nowait = nowait

    def encode(self) -> bytes:
        return self.IDS + b"\x00\x00" + short_string(self.exchange) + bits(self.if_unused, self.nowait)

    @classmethod
    def decode(cls, payload: bytes) -> ExchangeDelete:
        at = 4
        at += 2
        exchange, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(text(exchange), flags & 1 != 0, flags & 2 != 0)


class ExchangeDeleteOk(Method):
    __slots__ = ()
    CLASS_ID = 40
    METHOD_ID = 21
    NAME = "exchange.delete-ok"
    IDS = b"\x00\x28\x00\x15"


class ExchangeBind(Method):
    __slots__ = ("destination", "source", "routing_key", "nowait", "arguments")
    CLASS_ID = 40
    METHOD_ID = 30
    NAME = "exchange.bind"
    IDS = b"\x00\x28\x00\x1e"

    def __init__(
        self,
        destination: str = "",
        source: str = "",
        routing_key: str = "",
        nowait: bool = False,
        arguments: dict[str, FieldValue] | None = None,
    ) -> None:
        self.destination = destination
        self.source = source
        self.routing_key = routing_key
        self.nowait = nowait
        self.arguments = arguments or {}

    def encode(self) -> bytes:
        return (
            self.IDS
            + b"\x00\x00"
            + short_string(self.destination)
            + short_string(self.source)
            + short_string(self.routing_key)
            + bits(self.nowait)
            + encode_table(self.arguments)
        )

    @classmethod
    def decode(cls, payload: bytes) -> ExchangeBind:
        at = 4
        at += 2
        destination, at = read_short(payload, at)
        source, at = read_short(payload, at)
        routing_key, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        arguments, at = read_long(payload, at)
        end(payload, at)
        return cls(text(destination), text(source), text(routing_key), flags & 1 != 0, decode_fields(arguments))


class ExchangeBindOk(Method):
    __slots__ = ()
    CLASS_ID = 40
    METHOD_ID = 31
    NAME = "exchange.bind-ok"
    IDS = b"\x00\x28\x00\x1f"


class ExchangeUnbind(Method):
    __slots__ = ("destination", "source", "routing_key", "nowait", "arguments")
    CLASS_ID = 40
    METHOD_ID = 40
    NAME = "exchange.unbind"
    IDS = b"\x00\x28\x00\x28"

    def __init__(
        self,
        destination: str = "",
        source: str = "",
        routing_key: str = "",
        nowait: bool = False,
        arguments: dict[str, FieldValue] | None = None,
    ) -> None:
        self.destination = destination
        self.source = source
        self.routing_key = routing_key
        self.nowait = nowait
        self.arguments = arguments or {}

    def encode(self) -> bytes:
        return (
            self.IDS
            + b"\x00\x00"
            + short_string(self.destination)
            + short_string(self.source)
            + short_string(self.routing_key)
            + bits(self.nowait)
            + encode_table(self.arguments)
        )

    @classmethod
    def decode(cls, payload: bytes) -> ExchangeUnbind:
        at = 4
        at += 2
        destination, at = read_short(payload, at)
        source, at = read_short(payload, at)
        routing_key, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        arguments, at = read_long(payload, at)
        end(payload, at)
        return cls(text(destination), text(source), text(routing_key), flags & 1 != 0, decode_fields(arguments))


class ExchangeUnbindOk(Method):
    __slots__ = ()
    CLASS_ID = 40
    METHOD_ID = 51
    NAME = "exchange.unbind-ok"
    IDS = b"\x00\x28\x00\x33"


class QueueDeclare(Method):
    __slots__ = ("queue", "passive", "durable", "exclusive", "auto_delete", "nowait", "arguments")
    CLASS_ID = 50
    METHOD_ID = 10
    NAME = "queue.declare"
    IDS = b"\x00\x32\x00\x0a"

    def __init__(
        self,
        queue: str = "",
        passive: bool = False,
        durable: bool = False,
        exclusive: bool = False,
        auto_delete: bool = False,
        nowait: bool = False,
        arguments: dict[str, FieldValue] | None = None,
    ) -> None:
        self.queue = queue
        self.passive = passive
        self.durable = durable
        self.exclusive = exclusive
        self.auto_delete = auto_delete
        self.nowait = nowait
        self.arguments = arguments or {}

    def encode(self) -> bytes:
        return (
            self.IDS
            + b"\x00\x00"
            + short_string(self.queue)
            + bits(self.passive, self.durable, self.exclusive, self.auto_delete, self.nowait)
            + encode_table(self.arguments)
        )

    @classmethod
    def decode(cls, payload: bytes) -> QueueDeclare:
        at = 4
        at += 2
        queue, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        arguments, at = read_long(payload, at)
        end(payload, at)
        return cls(
            text(queue),
            flags & 1 != 0,
            flags & 2 != 0,
            flags & 4 != 0,
            flags & 8 != 0,
            flags & 16 != 0,
            decode_fields(arguments),
        )


class QueueDeclareOk(Method):
    __slots__ = ("queue", "message_count", "consumer_count")
    CLASS_ID = 50
    METHOD_ID = 11
    NAME = "queue.declare-ok"
    IDS = b"\x00\x32\x00\x0b"

    def __init__(
        self,
        queue: str = "",
        message_count: int = 0,
        consumer_count: int = 0,
    ) -> None:
        self.queue = queue
        self.message_count = message_count
        self.consumer_count = consumer_count

    def encode(self) -> bytes:
        return (
            self.IDS
            + short_string(self.queue)
            + self.message_count.to_bytes(4, "big")
            + self.consumer_count.to_bytes(4, "big")
        )

    @classmethod
    def decode(cls, payload: bytes) -> QueueDeclareOk:
        at = 4
        queue, at = read_short(payload, at)
        message_count = int.from_bytes(payload[at : at + 4], "big")
        at += 4
        consumer_count = int.from_bytes(payload[at : at + 4], "big")
        at += 4
        end(payload, at)
        return cls(text(queue), message_count, consumer_count)


class QueueBind(Method):
    __slots__ = ("queue", "exchange", "routing_key", "nowait", "arguments")
    CLASS_ID = 50
    METHOD_ID = 20
    NAME = "queue.bind"
    IDS = b"\x00\x32\x00\x14"

    def __init__(
        self,
        queue: str = "",
        exchange: str = "",
        routing_key: str = "",
        nowait: bool = False,
        arguments: dict[str, FieldValue] | None = None,
    ) -> None:
        self.queue = queue
        self.exchange = exchange
        self.routing_key = routing_key
        self.nowait = nowait
        self.arguments = arguments or {}

    def encode(self) -> bytes:
        return (
            self.IDS
            + b"\x00\x00"
            + short_string(self.queue)
            + short_string(self.exchange)
            + short_string(self.routing_key)
            + bits(self.nowait)
            + encode_table(self.arguments)
        )

    @classmethod
    def decode(cls, payload: bytes) -> QueueBind:
        at = 4
        at += 2
        queue, at = read_short(payload, at)
        exchange, at = read_short(payload, at)
        routing_key, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        arguments, at = read_long(payload, at)
        end(payload, at)
        return cls(text(queue), text(exchange), text(routing_key), flags & 1 != 0, decode_fields(arguments))


class QueueBindOk(Method):
    __slots__ = ()
    CLASS_ID = 50
    METHOD_ID = 21
    NAME = "queue.bind-ok"
    IDS = b"\x00\x32\x00\x15"


class QueuePurge(Method):
    __slots__ = ("queue", "nowait")
    CLASS_ID = 50
    METHOD_ID = 30
    NAME = "queue.purge"
    IDS = b"\x00\x32\x00\x1e"

    def __init__(
        self,
        queue: str = "",
        nowait: bool = False,
    ) -> None:
        self.queue = queue
        self.nowait = nowait

    def encode(self) -> bytes:
        return self.IDS + b"\x00\x00" + short_string(self.queue) + bits(self.nowait)

    @classmethod
    def decode(cls, payload: bytes) -> QueuePurge:
        at = 4
        at += 2
        queue, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(text(queue), flags & 1 != 0)


class QueuePurgeOk(Method):
    __slots__ = ("message_count",)
    CLASS_ID = 50
    METHOD_ID = 31
    NAME = "queue.purge-ok"
    IDS = b"\x00\x32\x00\x1f"

    def __init__(
        self,
        message_count: int = 0,
    ) -> None:
        self.message_count = message_count

    def encode(self) -> bytes:
        return self.IDS + self.message_count.to_bytes(4, "big")

    @classmethod
    def decode(cls, payload: bytes) -> QueuePurgeOk:
        at = 4
        message_count = int.from_bytes(payload[at : at + 4], "big")
        at += 4
        end(payload, at)
        return cls(message_count)


class QueueDelete(Method):
    __slots__ = ("queue", "if_unused", "if_empty", "nowait")
    CLASS_ID = 50
    METHOD_ID = 40
    NAME = "queue.delete"
    IDS = b"\x00\x32\x00\x28"

    def __init__(
        self,
        queue: str = "",
        if_unused: bool = False,
        if_empty: bool = False,
        nowait: bool = False,
    ) -> None:
        self.queue = queue
        self.if_unused = if_unused
        self.if_empty = if_empty
        self.nowait = nowait

    def encode(self) -> bytes:
        return self.IDS + b"\x00\x00" + short_string(self.queue) + bits(self.if_unused, self.if_empty, self.nowait)

    @classmethod
    def decode(cls, payload: bytes) -> QueueDelete:
        at = 4
        at += 2
        queue, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(text(queue), flags & 1 != 0, flags & 2 != 0, flags & 4 != 0)


class QueueDeleteOk(Method):
    __slots__ = ("message_count",)
    CLASS_ID = 50
    METHOD_ID = 41
    NAME = "queue.delete-ok"
    IDS = b"\x00\x32\x00\x29"

    def __init__(
        self,
        message_count: int = 0,
    ) -> None:
        self.message_count = message_count

    def encode(self) -> bytes:
        return self.IDS + self.message_count.to_bytes(4, "big")

    @classmethod
    def decode(cls, payload: bytes) -> QueueDeleteOk:
        at = 4
        message_count = int.from_bytes(payload[at : at + 4], "big")
        at += 4
        end(payload, at)
        return cls(message_count)


class QueueUnbind(Method):
    __slots__ = ("queue", "exchange", "routing_key", "arguments")
    CLASS_ID = 50
    METHOD_ID = 50
    NAME = "queue.unbind"
    IDS = b"\x00\x32\x00\x32"

    def __init__(
        self,
        queue: str = "",
        exchange: str = "",
        routing_key: str = "",
        arguments: dict[str, FieldValue] | None = None,
    ) -> None:
        self.queue = queue
        self.exchange = exchange
        self.routing_key = routing_key
        self.arguments = arguments or {}

    def encode(self) -> bytes:
        return (
            self.IDS
            + b"\x00\x00"
            + short_string(self.queue)
            + short_string(self.exchange)
            + short_string(self.routing_key)
            + encode_table(self.arguments)
        )

    @classmethod
    def decode(cls, payload: bytes) -> QueueUnbind:
        at = 4
        at += 2
        queue, at = read_short(payload, at)
        exchange, at = read_short(payload, at)
        routing_key, at = read_short(payload, at)
        arguments, at = read_long(payload, at)
        end(payload, at)
        return cls(text(queue), text(exchange), text(routing_key), decode_fields(arguments))


class QueueUnbindOk(Method):
    __slots__ = ()
    CLASS_ID = 50
    METHOD_ID = 51
    NAME = "queue.unbind-ok"
    IDS = b"\x00\x32\x00\x33"


class BasicQos(Method):
    __slots__ = ("prefetch_size", "prefetch_count", "global_")
    CLASS_ID = 60
    METHOD_ID = 10
    NAME = "basic.qos"
    IDS = b"\x00\x3c\x00\x0a"

    def __init__(
        self,
        prefetch_size: int = 0,
        prefetch_count: int = 0,
        global_: bool = False,
    ) -> None:
        self.prefetch_size = prefetch_size
        self.prefetch_count = prefetch_count
        self.global_ = global_

    def encode(self) -> bytes:
        return (
            self.IDS
            + self.prefetch_size.to_bytes(4, "big")
            + self.prefetch_count.to_bytes(2, "big")
            + bits(self.global_)
        )

    @classmethod
    def decode(cls, payload: bytes) -> BasicQos:
        at = 4
        prefetch_size = int.from_bytes(payload[at : at + 4], "big")
        at += 4
        prefetch_count = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(prefetch_size, prefetch_count, flags & 1 != 0)


class BasicQosOk(Method):
    __slots__ = ()
    CLASS_ID = 60
    METHOD_ID = 11
    NAME = "basic.qos-ok"
    IDS = b"\x00\x3c\x00\x0b"


class BasicConsume(Method):
    __slots__ = ("queue", "consumer_tag", "no_local", "no_ack", "exclusive", "nowait", "arguments")
    CLASS_ID = 60
    METHOD_ID = 20
    NAME = "basic.consume"
    IDS = b"\x00\x3c\x00\x14"

    def __init__(
        self,
        queue: str = "",
        consumer_tag: str = "",
        no_local: bool = False,
        no_ack: bool = False,
        exclusive: bool = False,
        nowait: bool = False,
        arguments: dict[str, FieldValue] | None = None,
    ) -> None:
        self.queue = queue
        self.consumer_tag = consumer_tag
        self.no_local = no_local
        self.no_ack = no_ack
        self.exclusive = exclusive
        self.nowait = nowait
        self.arguments = arguments or {}

    def encode(self) -> bytes:
        return (
            self.IDS
            + b"\x00\x00"
            + short_string(self.queue)
            + short_string(self.consumer_tag)
            + bits(self.no_local, self.no_ack, self.exclusive, self.nowait)
            + encode_table(self.arguments)
        )

    @classmethod
    def decode(cls, payload: bytes) -> BasicConsume:
        at = 4
        at += 2
        queue, at = read_short(payload, at)
        consumer_tag, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        arguments, at = read_long(payload, at)
        end(payload, at)
        return cls(
            text(queue),
            text(consumer_tag),
            flags & 1 != 0,
            flags & 2 != 0,
            flags & 4 != 0,
            flags & 8 != 0,
            decode_fields(arguments),
        )


class BasicConsumeOk(Method):
    __slots__ = ("consumer_tag",)
    CLASS_ID = 60
    METHOD_ID = 21
    NAME = "basic.consume-ok"
    IDS = b"\x00\x3c\x00\x15"

    def __init__(
        self,
        consumer_tag: str = "",
    ) -> None:
        self.consumer_tag = consumer_tag

    def encode(self) -> bytes:
        return self.IDS + short_string(self.consumer_tag)

    @classmethod
    def decode(cls, payload: bytes) -> BasicConsumeOk:
        at = 4
        consumer_tag, at = read_short(payload, at)
        end(payload, at)
        return cls(text(consumer_tag))


class BasicCancel(Method):
    __slots__ = ("consumer_tag", "nowait")
    CLASS_ID = 60
    METHOD_ID = 30
    NAME = "basic.cancel"
    IDS = b"\x00\x3c\x00\x1e"

    def __init__(
        self,
        consumer_tag: str = "",
        nowait: bool = False,
    ) -> None:
        self.consumer_tag = consumer_tag
        self.nowait = nowait

    def encode(self) -> bytes:
        return self.IDS + short_string(self.consumer_tag) + bits(self.nowait)

    @classmethod
    def decode(cls, payload: bytes) -> BasicCancel:
        at = 4
        consumer_tag, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(text(consumer_tag), flags & 1 != 0)


class BasicCancelOk(Method):
    __slots__ = ("consumer_tag",)
    CLASS_ID = 60
    METHOD_ID = 31
    NAME = "basic.cancel-ok"
    IDS = b"\x00\x3c\x00\x1f"

    def __init__(
        self,
        consumer_tag: str = "",
    ) -> None:
        self.consumer_tag = consumer_tag

    def encode(self) -> bytes:
        return self.IDS + short_string(self.consumer_tag)

    @classmethod
    def decode(cls, payload: bytes) -> BasicCancelOk:
        at = 4
        consumer_tag, at = read_short(payload, at)
        end(payload, at)
        return cls(text(consumer_tag))


class BasicPublish(Method):
    __slots__ = ("address", "mandatory", "immediate")
    CLASS_ID = 60
    METHOD_ID = 40
    NAME = "basic.publish"
    IDS = b"\x00\x3c\x00\x28"

    def __init__(
        self,
        address: Address = NOWHERE,
        mandatory: bool = False,
        immediate: bool = False,
    ) -> None:
        self.address = address
        self.mandatory = mandatory
        self.immediate = immediate

    def encode(self) -> bytes:
        return self.IDS + b"\x00\x00" + self.address.wire + bits(self.mandatory, self.immediate)

    @classmethod
    def decode(cls, payload: bytes) -> BasicPublish:
        at = 4
        at += 2
        exchange, at = read_short(payload, at)
        routing_key, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(address(exchange, routing_key), flags & 1 != 0, flags & 2 != 0)


class BasicReturn(Method):
    __slots__ = ("reply_code", "reply_text", "exchange", "routing_key")
    CLASS_ID = 60
    METHOD_ID = 50
    NAME = "basic.return"
    IDS = b"\x00\x3c\x00\x32"

    def __init__(
        self,
        reply_code: int = 0,
        reply_text: str = "",
        exchange: str = "",
        routing_key: str = "",
    ) -> None:
        self.reply_code = reply_code
        self.reply_text = reply_text
        self.exchange = exchange
        self.routing_key = routing_key

    def encode(self) -> bytes:
        return (
            self.IDS
            + self.reply_code.to_bytes(2, "big")
            + short_string(self.reply_text)
            + short_string(self.exchange)
            + short_string(self.routing_key)
        )

    @classmethod
    def decode(cls, payload: bytes) -> BasicReturn:
        at = 4
        reply_code = int.from_bytes(payload[at : at + 2], "big")
        at += 2
        reply_text, at = read_short(payload, at)
        exchange, at = read_short(payload, at)
        routing_key, at = read_short(payload, at)
        end(payload, at)
        return cls(reply_code, text(reply_text), text(exchange), text(routing_key))


class BasicDeliver(Method):
    __slots__ = ("consumer_tag", "delivery_tag", "redelivered", "exchange", "routing_key")
    CLASS_ID = 60
    METHOD_ID = 60
    NAME = "basic.deliver"
    IDS = b"\x00\x3c\x00\x3c"

    def __init__(
        self,
        consumer_tag: str = "",
        delivery_tag: int = 0,
        redelivered: bool = False,
        exchange: str = "",
        routing_key: str = "",
    ) -> None:
        self.consumer_tag = consumer_tag
        self.delivery_tag = delivery_tag
        self.redelivered = redelivered
        self.exchange = exchange
        self.routing_key = routing_key

    def encode(self) -> bytes:
        return (
            self.IDS
            + short_string(self.consumer_tag)
            + self.delivery_tag.to_bytes(8, "big")
            + bits(self.redelivered)
            + short_string(self.exchange)
            + short_string(self.routing_key)
        )

    @classmethod
    def decode(cls, payload: bytes) -> BasicDeliver:
        at = 4
        consumer_tag, at = read_short(payload, at)
        delivery_tag = int.from_bytes(payload[at : at + 8], "big")
        at += 8
        flags = payload[at]
        at += 1
        exchange, at = read_short(payload, at)
        routing_key, at = read_short(payload, at)
        end(payload, at)
        return cls(text(consumer_tag), delivery_tag, flags & 1 != 0, text(exchange), text(routing_key))


class BasicGet(Method):
    __slots__ = ("queue", "no_ack")
    CLASS_ID = 60
    METHOD_ID = 70
    NAME = "basic.get"
    IDS = b"\x00\x3c\x00\x46"

    def __init__(
        self,
        queue: str = "",
        no_ack: bool = False,
    ) -> None:
        self.queue = queue
        self.no_ack = no_ack

    def encode(self) -> bytes:
        return self.IDS + b"\x00\x00" + short_string(self.queue) + bits(self.no_ack)

    @classmethod
    def decode(cls, payload: bytes) -> BasicGet:
        at = 4
        at += 2
        queue, at = read_short(payload, at)
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(text(queue), flags & 1 != 0)


class BasicGetOk(Method):
    __slots__ = ("delivery_tag", "redelivered", "exchange", "routing_key", "message_count")
    CLASS_ID = 60
    METHOD_ID = 71
    NAME = "basic.get-ok"
    IDS = b"\x00\x3c\x00\x47"

    def __init__(
        self,
        delivery_tag: int = 0,
        redelivered: bool = False,
        exchange: str = "",
        routing_key: str = "",
        message_count: int = 0,
    ) -> None:
        self.delivery_tag = delivery_tag
        self.redelivered = redelivered
        self.exchange = exchange
        self.routing_key = routing_key
        self.message_count = message_count

    def encode(self) -> bytes:
        return (
            self.IDS
            + self.delivery_tag.to_bytes(8, "big")
            + bits(self.redelivered)
            + short_string(self.exchange)
            + short_string(self.routing_key)
            + self.message_count.to_bytes(4, "big")
        )

    @classmethod
    def decode(cls, payload: bytes) -> BasicGetOk:
        at = 4
        delivery_tag = int.from_bytes(payload[at : at + 8], "big")
        at += 8
        flags = payload[at]
        at += 1
        exchange, at = read_short(payload, at)
        routing_key, at = read_short(payload, at)
        message_count = int.from_bytes(payload[at : at + 4], "big")
        at += 4
        end(payload, at)
        return cls(delivery_tag, flags & 1 != 0, text(exchange), text(routing_key), message_count)


class BasicGetEmpty(Method):
    __slots__ = ()
    CLASS_ID = 60
    METHOD_ID = 72
    NAME = "basic.get-empty"
    IDS = b"\x00\x3c\x00\x48"

    def encode(self) -> bytes:
        return self.IDS + b"\x00"

    @classmethod
    def decode(cls, payload: bytes) -> BasicGetEmpty:
        at = 4
        cluster_id, at = read_short(payload, at)
        end(payload, at)
        text(cluster_id)
        return cls()


class BasicAck(Method):
    __slots__ = ("delivery_tag", "multiple")
    CLASS_ID = 60
    METHOD_ID = 80
    NAME = "basic.ack"
    IDS = b"\x00\x3c\x00\x50"

    def __init__(
        self,
        delivery_tag: int = 0,
        multiple: bool = False,
    ) -> None:
        self.delivery_tag = delivery_tag
        self.multiple = multiple

    def encode(self) -> bytes:
        return self.IDS + self.delivery_tag.to_bytes(8, "big") + bits(self.multiple)

    @classmethod
    def decode(cls, payload: bytes) -> BasicAck:
        at = 4
        delivery_tag = int.from_bytes(payload[at : at + 8], "big")
        at += 8
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(delivery_tag, flags & 1 != 0)


class BasicReject(Method):
    __slots__ = ("delivery_tag", "requeue")
    CLASS_ID = 60
    METHOD_ID = 90
    NAME = "basic.reject"
    IDS = b"\x00\x3c\x00\x5a"

    def __init__(
        self,
        delivery_tag: int = 0,
        requeue: bool = False,
    ) -> None:
        self.delivery_tag = delivery_tag
        self.requeue = requeue

    def encode(self) -> bytes:
        return self.IDS + self.delivery_tag.to_bytes(8, "big") + bits(self.requeue)

    @classmethod
    def decode(cls, payload: bytes) -> BasicReject:
        at = 4
        delivery_tag = int.from_bytes(payload[at : at + 8], "big")
        at += 8
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(delivery_tag, flags & 1 != 0)


class BasicRecoverAsync(Method):
    __slots__ = ("requeue",)
    CLASS_ID = 60
    METHOD_ID = 100
    NAME = "basic.recover-async"
    IDS = b"\x00\x3c\x00\x64"

    def __init__(
        self,
        requeue: bool = False,
    ) -> None:
        self.requeue = requeue

    def encode(self) -> bytes:
        return self.IDS + bits(self.requeue)

    @classmethod
    def decode(cls, payload: bytes) -> BasicRecoverAsync:
        at = 4
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(flags & 1 != 0)


class BasicRecover(Method):
    __slots__ = ("requeue",)
    CLASS_ID = 60
    METHOD_ID = 110
    NAME = "basic.recover"
    IDS = b"\x00\x3c\x00\x6e"

    def __init__(
        self,
        requeue: bool = False,
    ) -> None:
        self.requeue = requeue

    def encode(self) -> bytes:
        return self.IDS + bits(self.requeue)

    @classmethod
    def decode(cls, payload: bytes) -> BasicRecover:
        at = 4
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(flags & 1 != 0)


class BasicRecoverOk(Method):
    __slots__ = ()
    CLASS_ID = 60
    METHOD_ID = 111
    NAME = "basic.recover-ok"
    IDS = b"\x00\x3c\x00\x6f"


class BasicNack(Method):
    __slots__ = ("delivery_tag", "multiple", "requeue")
    CLASS_ID = 60
    METHOD_ID = 120
    NAME = "basic.nack"
    IDS = b"\x00\x3c\x00\x78"

    def __init__(
        self,
        delivery_tag: int = 0,
        multiple: bool = False,
        requeue: bool = False,
    ) -> None:
        self.delivery_tag = delivery_tag
        self.multiple = multiple
        self.requeue = requeue

    def encode(self) -> bytes:
        return self.IDS + self.delivery_tag.to_bytes(8, "big") + bits(self.multiple, self.requeue)

    @classmethod
    def decode(cls, payload: bytes) -> BasicNack:
        at = 4
        delivery_tag = int.from_bytes(payload[at : at + 8], "big")
        at += 8
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(delivery_tag, flags & 1 != 0, flags & 2 != 0)


class ConfirmSelect(Method):
    __slots__ = ("nowait",)
    CLASS_ID = 85
    METHOD_ID = 10
    NAME = "confirm.select"
    IDS = b"\x00\x55\x00\x0a"

    def __init__(
        self,
        nowait: bool = False,
    ) -> None:
        self.nowait = nowait

    def encode(self) -> bytes:
        return self.IDS + bits(self.nowait)

    @classmethod
    def decode(cls, payload: bytes) -> ConfirmSelect:
        at = 4
        flags = payload[at]
        at += 1
        end(payload, at)
        return cls(flags & 1 != 0)


class ConfirmSelectOk(Method):
    __slots__ = ()
    CLASS_ID = 85
    METHOD_ID = 11
    NAME = "confirm.select-ok"
    IDS = b"\x00\x55\x00\x0b"


class TxSelect(Method):
    __slots__ = ()
    CLASS_ID = 90
    METHOD_ID = 10
    NAME = "tx.select"
    IDS = b"\x00\x5a\x00\x0a"


class TxSelectOk(Method):
    __slots__ = ()
    CLASS_ID = 90
    METHOD_ID = 11
    NAME = "tx.select-ok"
    IDS = b"\x00\x5a\x00\x0b"


class TxCommit(Method):
    __slots__ = ()
    CLASS_ID = 90
    METHOD_ID = 20
    NAME = "tx.commit"
    IDS = b"\x00\x5a\x00\x14"


class TxCommitOk(Method):
    __slots__ = ()
    CLASS_ID = 90
    METHOD_ID = 21
    NAME = "tx.commit-ok"
    IDS = b"\x00\x5a\x00\x15"


class TxRollback(Method):
    __slots__ = ()
    CLASS_ID = 90
    METHOD_ID = 30
    NAME = "tx.rollback"
    IDS = b"\x00\x5a\x00\x1e"


class TxRollbackOk(Method):
    __slots__ = ()
    CLASS_ID = 90
    METHOD_ID = 31
    NAME = "tx.rollback-ok"
    IDS = b"\x00\x5a\x00\x1f"


METHODS: Final[dict[bytes, type[Method]]] = {
    ConnectionStart.IDS: ConnectionStart,
    ConnectionStartOk.IDS: ConnectionStartOk,
    ConnectionSecure.IDS: ConnectionSecure,
    ConnectionSecureOk.IDS: ConnectionSecureOk,
    ConnectionTune.IDS: ConnectionTune,
    ConnectionTuneOk.IDS: ConnectionTuneOk,
    ConnectionOpen.IDS: ConnectionOpen,
    ConnectionOpenOk.IDS: ConnectionOpenOk,
    ConnectionClose.IDS: ConnectionClose,
    ConnectionCloseOk.IDS: ConnectionCloseOk,
    ConnectionBlocked.IDS: ConnectionBlocked,
    ConnectionUnblocked.IDS: ConnectionUnblocked,
    ConnectionUpdateSecret.IDS: ConnectionUpdateSecret,
    ConnectionUpdateSecretOk.IDS: ConnectionUpdateSecretOk,
    ChannelOpen.IDS: ChannelOpen,
    ChannelOpenOk.IDS: ChannelOpenOk,
    ChannelFlow.IDS: ChannelFlow,
    ChannelFlowOk.IDS: ChannelFlowOk,
    ChannelClose.IDS: ChannelClose,
    ChannelCloseOk.IDS: ChannelCloseOk,
    AccessRequest.IDS: AccessRequest,
    AccessRequestOk.IDS: AccessRequestOk,
    ExchangeDeclare.IDS: ExchangeDeclare,
    ExchangeDeclareOk.IDS: ExchangeDeclareOk,
    ExchangeDelete.IDS: ExchangeDelete,
    ExchangeDeleteOk.IDS: ExchangeDeleteOk,
    ExchangeBind.IDS: ExchangeBind,
    ExchangeBindOk.IDS: ExchangeBindOk,
    ExchangeUnbind.IDS: ExchangeUnbind,
    ExchangeUnbindOk.IDS: ExchangeUnbindOk,
    QueueDeclare.IDS: QueueDeclare,
    QueueDeclareOk.IDS: QueueDeclareOk,
    QueueBind.IDS: QueueBind,
    QueueBindOk.IDS: QueueBindOk,
    QueuePurge.IDS: QueuePurge,
    QueuePurgeOk.IDS: QueuePurgeOk,
    QueueDelete.IDS: QueueDelete,
    QueueDeleteOk.IDS: QueueDeleteOk,
    QueueUnbind.IDS: QueueUnbind,
    QueueUnbindOk.IDS: QueueUnbindOk,
    BasicQos.IDS: BasicQos,
    BasicQosOk.IDS: BasicQosOk,
    BasicConsume.IDS: BasicConsume,
    BasicConsumeOk.IDS: BasicConsumeOk,
    BasicCancel.IDS: BasicCancel,
    BasicCancelOk.IDS: BasicCancelOk,
    BasicPublish.IDS: BasicPublish,
    BasicReturn.IDS: BasicReturn,
    BasicDeliver.IDS: BasicDeliver,
    BasicGet.IDS: BasicGet,
    BasicGetOk.IDS: BasicGetOk,
    BasicGetEmpty.IDS: BasicGetEmpty,
    BasicAck.IDS: BasicAck,
    BasicReject.IDS: BasicReject,
    BasicRecoverAsync.IDS: BasicRecoverAsync,
    BasicRecover.IDS: BasicRecover,
    BasicRecoverOk.IDS: BasicRecoverOk,
    BasicNack.IDS: BasicNack,
    ConfirmSelect.IDS: ConfirmSelect,
    ConfirmSelectOk.IDS: ConfirmSelectOk,
    TxSelect.IDS: TxSelect,
    TxSelectOk.IDS: TxSelectOk,
    TxCommit.IDS: TxCommit,
    TxCommitOk.IDS: TxCommitOk,
    TxRollback.IDS: TxRollback,
    TxRollbackOk.IDS: TxRollbackOk,
}
