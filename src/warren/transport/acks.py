"""The acknowledgement ledger of one channel: which acks to send for what was settled. Pure: no socket.

Not here: deciding that a delivery is settled (`worker/settle.py`).

Theory of operation. A channel's delivery tags count from 1 without gaps. `floor` is the highest tag below which
everything is acknowledged. Settled tags right above the floor form a gap-free run: one ack with `multiple` covers it.
Settled tags beyond a gap are acknowledged one by one, so that a slow delivery never holds up the credit of others.
"""

from __future__ import annotations

__all__ = ["AckLedger"]


class AckLedger:
    """Delivered, settled and acknowledged tags of one channel."""

    __slots__ = ("_acked", "_delivered", "_floor", "_settled")

    def __init__(self) -> None:
        self._floor = 0
        self._delivered = 0
        self._settled: set[int] = set()  # settled, not yet acknowledged
        self._acked: set[int] = set()  # acknowledged one by one, above the floor

    def __repr__(self) -> str:
        return f"<AckLedger {self.unacked} unacked of {self._delivered}>"

    @property
    def unacked(self) -> int:
        """How many delivered tags have not been acknowledged."""
        return self._delivered - self._floor - len(self._acked)

    def delivered(self, tag: int) -> None:
        """Note the highest tag delivered."""
        self._delivered = tag

    def settle(self, tag: int) -> None:
        """Note that a delivery may be acknowledged. Raises `ValueError` for a tag never delivered or settled before."""
        if not self._floor < tag <= self._delivered or tag in self._settled or tag in self._acked:
            raise ValueError(f"delivery tag {tag} was settled before, or never delivered")
        self._settled.add(tag)

    def flush(self) -> list[tuple[int, bool]]:
        """Return the acks to send now, as (tag, multiple)."""
        acks: list[tuple[int, bool]] = []
        tag, last_settled, run = self._floor + 1, 0, 0
        while True:
            if tag in self._settled:
                self._settled.discard(tag)
                last_settled, run = tag, run + 1
            elif tag in self._acked:
                self._acked.discard(tag)
            else:
                break
            tag += 1
        self._floor = tag - 1
        if run:
            # The ack names a tag that is itself still open: the broker refuses one it has already forgotten.
            acks.append((last_settled, run > 1))
        for other in sorted(self._settled):
            acks.append((other, False))
        self._acked |= self._settled
        self._settled.clear()
        return acks
