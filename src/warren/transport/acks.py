"""The acknowledgement ledger of one channel: which acks to send for what was settled. Pure: no socket.

Not here: deciding that a delivery is settled (`worker/settle.py`).

Theory of operation. A channel's delivery tags count from 1 without gaps. Below the first open tag everything is
settled: one ack with `multiple` covers what is not acknowledged yet. What is settled beyond an open tag is acknowledged
one by one, so that a slow delivery never holds up the credit of others.
"""

from __future__ import annotations

__all__ = ["AckLedger"]


class AckLedger:
    """Delivered and settled tags of one channel. Holds no more of them than the channel's prefetch."""

    __slots__ = ("_delivered", "_open", "_settled")

    def __init__(self) -> None:
        self._delivered = 0
        self._open: dict[int, None] = {}  # delivered and not settled; a dict, because it keeps their order
        self._settled: list[int] = []  # settled, not yet acknowledged

    def __repr__(self) -> str:
        return f"<AckLedger {self.unacked} unacked of {self._delivered}>"

    @property
    def unacked(self) -> int:
        """How many delivered tags have not been acknowledged."""
        return len(self._open) + len(self._settled)

    def delivered(self, tag: int) -> None:
        """Note the highest tag delivered."""
        self._open.update(dict.fromkeys(range(self._delivered + 1, tag + 1)))
        self._delivered = tag

    def is_open(self, tag: int) -> bool:
        """Whether a tag was delivered and is not settled."""
        return tag in self._open

    def settle(self, tag: int) -> None:
        """Note that a delivery may be acknowledged. Raises `ValueError` for a tag never delivered or settled before."""
        if not self.is_open(tag):
            raise ValueError(f"delivery tag {tag} was settled before, or never delivered")
        del self._open[tag]
        self._settled.append(tag)

    def flush(self) -> list[tuple[int, bool]]:
        """Return the acks to send now, as (tag, multiple)."""
        if not self._settled:
            return []
        first_open = next(iter(self._open), self._delivered + 1)
        run = [tag for tag in self._settled if tag < first_open]
        beyond = sorted(tag for tag in self._settled if tag > first_open)
        self._settled.clear()
        # The ack names the highest of the run: a tag acknowledged before would be refused as unknown.
        acks = [(max(run), len(run) > 1)] if run else []
        return acks + [(tag, False) for tag in beyond]
