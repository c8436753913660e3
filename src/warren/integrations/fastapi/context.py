"""What a message takes along from the request it is published for: the trace and the request's id. Pure.

Not here: publishing (`publishers.py`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from warren.contracts.headers import OwnHeaders
from warren.contracts.properties import EMPTY_HEADERS, Headers
from warren.publish_core import PublishOptions

__all__ = ["RequestContext"]

_IDS: Final = "-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
# Versions to come may add to it: so much that it has 128 characters.
TRACEPARENT: Final = re.compile(rf"00{_IDS}|(?!00|ff)[0-9a-f]{{2}}{_IDS}(-[\x21-\x7e]{{0,72}})?")
_VISIBLE: Final = re.compile(r"[\x21-\x7e]{1,128}")
MAX_TRACESTATE: Final = 512


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What the headers of one request say. Senseless ones say nothing: they come from outside."""

    correlation_id: str | None = None
    trace: Headers = field(default_factory=lambda: EMPTY_HEADERS)

    @classmethod
    def of(cls, headers: Mapping[str, str], *, is_traced: bool) -> RequestContext:
        """Read the headers. `is_traced`: there is a span already that the message's own will belong to."""
        request_id = headers.get("x-request-id", "")
        return cls(
            request_id if _VISIBLE.fullmatch(request_id) else None,
            EMPTY_HEADERS if is_traced else _trace(headers),
        )

    def applied(self, options: PublishOptions) -> PublishOptions:
        """Return the options of a publish with the request's, where the caller did not say otherwise."""
        complete = options.copy()
        if self.correlation_id is not None:
            complete.setdefault("correlation_id", self.correlation_id)
        given = options.get("headers", EMPTY_HEADERS)
        if self.trace and "traceparent" not in given:
            together = {**self.trace, **given}
            complete["headers"] = OwnHeaders(together) if isinstance(given, OwnHeaders) else together
        return complete


def _trace(headers: Mapping[str, str]) -> Headers:
    traceparent, tracestate = headers.get("traceparent", ""), headers.get("tracestate", "")
    if not TRACEPARENT.fullmatch(traceparent):
        return EMPTY_HEADERS
    if not tracestate or len(tracestate) > MAX_TRACESTATE:
        return {"traceparent": traceparent}
    return {"traceparent": traceparent, "tracestate": tracestate}
