"""The status of offloaded work in Redis: a hash a piece of work, changed by scripts, which Redis runs alone.

Not here: the connections (`redis.py`); the rules are told in `work_record.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import redis
from redis.commands.core import Script

from warren.reliability.stores.keys import storable
from warren.reliability.stores.record import micros
from warren.reliability.stores.work_record import as_json, from_json, furthest
from warren.reliability.work import (
    BEING_ACCEPTED,
    MAY_BE_SENT,
    Acceptance,
    Known,
    Mark,
    Proposal,
    Underway,
    WorkState,
    WorkStatus,
)

__all__ = ["WorkScripts"]

# Numbers stay below 2^53, where Lua's are exact. One that Redis is to keep is written in full: Lua would write 1e+15.
_READ: Final = f"""
local MAY_BE_SENT = {MAY_BE_SENT}
local BEING_ACCEPTED = {BEING_ACCEPTED}
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local function read(name)
  local fields = redis.call('HMGET', name, 'position', 'token', 'until', 'expires', 'consumer', 'fingerprint', 'status')
  if not fields[1] or tonumber(fields[4]) <= now then return nil end
  return {{position = tonumber(fields[1]), token = tonumber(fields[2]), lease = tonumber(fields[3]),
          consumer = fields[5], fingerprint = fields[6], status = fields[7]}}
end
local function full(number) return string.format('%.0f', number) end
"""

# KEYS: the work. ARGV: now, lease, kept, kept (milliseconds), consumer, fingerprint, status.
# Answers the token of the acceptance, 0 where someone else's is live, else status and fingerprint.
_ACCEPT: Final = (
    _READ
    + """
local record = read(KEYS[1])
local position, token, fingerprint = BEING_ACCEPTED, now, ARGV[6]
if record then
  if fingerprint == '' then fingerprint = record.fingerprint end
  local is_another = record.fingerprint ~= '' and record.fingerprint ~= fingerprint
  if record.position <= MAY_BE_SENT and record.lease > now then return 0 end
  if record.position > MAY_BE_SENT or is_another then return {record.status, record.fingerprint} end
  position, token = MAY_BE_SENT, math.max(now, record.token + 1)
end
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'position', position, 'token', full(token), 'until', full(now + ARGV[2]),
  'expires', full(now + ARGV[3]), 'consumer', ARGV[5], 'fingerprint', fingerprint, 'status', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return token
"""
)

# KEYS: the work. ARGV: 0 (this goes without a time), the token, 1 where it may have been sent.
_WITHDRAW: Final = (
    _READ
    + """
local record = read(KEYS[1])
if not record or record.token ~= tonumber(ARGV[2]) or record.position > MAY_BE_SENT then return end
if record.position == BEING_ACCEPTED and ARGV[3] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'position', MAY_BE_SENT, 'until', 0)
end
"""
)

# KEYS: the work. ARGV: now, the position, kept, kept (milliseconds), consumer, status.
_MARK: Final = (
    _READ
    + """
local record = read(KEYS[1])
if record then
  if record.position >= tonumber(ARGV[2]) then return end
  if record.consumer ~= '' and record.consumer ~= ARGV[5] then return end
else
  redis.call('DEL', KEYS[1])
end
redis.call('HSET', KEYS[1], 'position', ARGV[2], 'until', 0, 'token', record and full(record.token) or 0,
  'expires', full(now + ARGV[3]), 'consumer', ARGV[5], 'fingerprint', record and record.fingerprint or '',
  'status', ARGV[6])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
"""
)

# KEYS: the work. ARGV: now. Answers its status.
_STATUS: Final = (
    _READ
    + """
local record = read(KEYS[1])
return record and record.status
"""
)


class WorkScripts:
    """The scripts on one client. `kept_longer`, in microseconds, is added to what Redis itself keeps."""

    def __init__(self, client: redis.Redis, *, kept_longer: int) -> None:
        self._client = client
        self._kept_longer = kept_longer
        self._accept: Script = client.register_script(_ACCEPT)
        self._withdraw: Script = client.register_script(_WITHDRAW)
        self._mark: Script = client.register_script(_MARK)
        self._status: Script = client.register_script(_STATUS)

    def accept(self, proposal: Proposal, now: int | str) -> Acceptance | Underway | Known:
        """Store a new acceptance, or tell why there is none."""
        status = WorkStatus(id=proposal.id, state=WorkState.ACCEPTED, accepted_at=proposal.accepted_at)
        answer: Any = self._accept(
            keys=[_name(proposal.id)],
            args=[
                now,
                micros(proposal.lease),
                *self._kept(proposal.kept),
                storable(proposal.consumer),
                storable(proposal.fingerprint),
                as_json(status),
            ],
        )
        if isinstance(answer, int):
            return Acceptance(proposal.id, answer) if answer else Underway(proposal.id)
        text, fingerprint = (part.decode() for part in answer)
        return Known(from_json(proposal.id, text), fingerprint)

    def withdraw(self, acceptance: Acceptance, *, may_be_sent: bool) -> None:
        """End an acceptance."""
        self._withdraw(keys=[_name(acceptance.id)], args=[0, acceptance.token, int(may_be_sent)])

    def mark(self, marks: Sequence[Mark], now: int | str) -> None:
        """Write what moves a status forward, in one round trip."""
        if not marks:
            return
        pipeline = self._client.pipeline(transaction=False)
        for mark in furthest(marks):
            arguments = [now, mark.position, *self._kept(mark.kept), storable(mark.consumer), as_json(mark.status)]
            self._mark(keys=[_name(mark.status.id)], args=arguments, client=pipeline)
        pipeline.execute()

    def status(self, work_id: str, now: int | str) -> WorkStatus | None:
        """Return a status that is inside its window."""
        answer: Any = self._status(keys=[_name(work_id)], args=[now])
        return None if answer is None else from_json(work_id, answer.decode())

    def _kept(self, seconds: float) -> tuple[int, int]:
        kept = micros(seconds)
        return kept, max(1, (kept + self._kept_longer) // 1_000)


def _name(work_id: str) -> str:
    return f"warren:work:{storable(work_id)}"
