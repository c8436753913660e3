"""The claim check: a message in, its body kept and a reference out; and back, verified.

Not here: which thread does that (`threads.py`), or what becomes of a message whose body cannot be had
(`worker/bodies.py`).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from typing import Final

from warren.claim_check.reference import REFERENCE_TYPE, Reference, new_key
from warren.claim_check.size import parse_size
from warren.claim_check.store import BodyStore, open_bodies
from warren.contracts.envelope import Outgoing
from warren.contracts.incoming import Incoming
from warren.errors import (
    BodyChanged,
    BodyMissing,
    ConfigurationError,
    ContractError,
    StoreUnavailable,
    Undecodable,
)

__all__ = ["ClaimCheck", "claim_check_of"]

DEFAULT_ABOVE: Final = 256_000
LEAST: Final = 1_024
"""Below that a reference is no gain."""


@dataclass(frozen=True, slots=True, init=False)
class ClaimCheck:
    """Keep bodies `above` a size in a store, and send a reference in their place.

    `store` is a URL, `file:///folder`, or an object with `put` and `get` (`BodyStore`); producers and consumers need
    the same. `above` is in bytes or text like `"1MB"` (default 256 KB); what has a reference is read whatever its size.
    """

    store: BodyStore
    above: int

    def __init__(self, store: str | BodyStore, *, above: int | str = DEFAULT_ABOVE) -> None:
        size = parse_size(above)
        if size < LEAST:
            raise ConfigurationError(f"claim check: above={above!r} is less than {LEAST:,} bytes; a reference has 250")
        object.__setattr__(self, "store", open_bodies(store) if isinstance(store, str) else store)
        object.__setattr__(self, "above", size)

    def takes(self, outgoing: Outgoing) -> bool:
        """Whether the body of a message goes to the store."""
        return len(outgoing.body) > self.above

    def check_in(self, outgoing: Outgoing, *, now: float) -> Outgoing:
        """Keep a message's body; return the message that refers to it. Blocks. Raises `StoreUnavailable`.

        A body has a key of its own each time: what is deleted by age is then never what another message needs.
        """
        properties, body = outgoing.properties, outgoing.body
        digest = hashlib.sha256(body).hexdigest()
        reference = Reference(new_key(now), len(body), digest, properties.content_type)
        try:
            self.store.put(reference.key, body)
        except StoreUnavailable:
            raise
        except Exception as error:
            raise StoreUnavailable(f"the body of a message cannot be kept: {_said(error)}") from error
        return outgoing._replace(properties=properties._replace(content_type=REFERENCE_TYPE), body=reference.to_json())

    def check_out(self, incoming: Incoming, *, max_body: int) -> Incoming:
        """Return the message with its body. Blocks.

        Raises `Undecodable` and `BodyChanged`, which no retry helps, `BodyMissing`, and `StoreUnavailable`.
        """
        reference = Reference.from_json(incoming.body)
        if reference.size > max_body:
            raise Undecodable(f"the body has {reference.size:,} bytes; the limit is {max_body:,}")
        try:
            body = self.store.get(reference.key, reference.size)
        except (BodyMissing, ContractError, StoreUnavailable):
            raise
        except Exception as error:
            raise StoreUnavailable(f"the body of a message cannot be fetched: {_said(error)}") from error
        _verify(reference, body)
        return Incoming(
            bytes(body),
            incoming.properties._replace(content_type=reference.content_type),
            incoming.exchange,
            incoming.routing_key,
            incoming.redelivered,
            incoming.delivery_tag,
            incoming.generation,
            incoming.consumer_tag,
        )


def _verify(reference: Reference, body: bytes) -> None:
    if len(body) != reference.size:
        size = f"more than {reference.size:,}" if len(body) > reference.size else f"{len(body):,}"
        raise BodyChanged(f"the body {reference.key} has {size} bytes; it was sent with {reference.size:,}")
    digest = hashlib.sha256(body).hexdigest()
    if digest != reference.sha256:
        raise BodyChanged(
            f"the body {reference.key} has SHA-256 {digest}; it was sent with {reference.sha256}: somebody changed it"
        )


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def claim_check_of(given: ClaimCheck | str | None) -> ClaimCheck | None:
    """Return what an application was given, or $WARREN_CLAIM_CHECK names: a URL may say `?above=1MB`."""
    if isinstance(given, ClaimCheck):
        return given
    text = given or os.environ.get("WARREN_CLAIM_CHECK")
    if not text:
        return None
    url, _, query = text.partition("?")
    name, _, above = query.partition("=")
    if query and name != "above":
        raise ConfigurationError(
            f"the claim check {text!r} has the option {name!r}; the only one is above, as in above=1MB"
        )
    return ClaimCheck(url, above=above or DEFAULT_ABOVE)
