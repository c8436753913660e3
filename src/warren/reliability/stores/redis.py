"""The Redis store: claims in memory of one server, as durable as that server is set up to be.

Not here: what is said of offloaded work (`redis_work.py`); the rules of claims are told in `record.py`.

Theory of operation. A call is one Lua script, which Redis runs alone, so no other call comes between reading a record
and writing it. One Redis key holds the record of one key, as the text `<state> <token> <until>`. Redis forgets it when
it expires; a claim stays past its lease, so that its token goes on fencing. All keys of a consumer share a hash tag,
which puts them on one node of a cluster, where a script can reach them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from typing import Any, Final, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.retry import Retry

from warren.clock import Clock
from warren.errors import ConfigurationError, StoreUnavailable
from warren.reliability.idempotency import Claim, ClaimResult, Done, InProgress
from warren.reliability.stores.keys import storable
from warren.reliability.stores.record import ABANDONED_KEPT, micros
from warren.reliability.stores.redis_work import WorkScripts
from warren.reliability.work import Acceptance, Known, Mark, Proposal, Underway, WorkStatus

__all__ = ["RedisStore"]

T = TypeVar("T")

# Numbers stay below 2^53, where Lua's are exact: microseconds since the epoch are until the year 2255.
_READ: Final = """
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000000 + time[2]
end
local function read(name)
  local value = redis.call('GET', name)
  if not value then return nil, 0, 0 end
  local state, token, ends = string.match(value, '^(%a) (%d+) (%d+)$')
  return state, tonumber(token), tonumber(ends)
end
local function write(name, state, token, ends, kept)
  redis.call('SET', name, string.format('%s %.0f %.0f', state, token, ends), 'PX', kept)
end
"""

# KEYS: the records. ARGV: now, lease, kept (milliseconds).
# Answers for each: the token of the claim, 0 where it is in progress, -1 where it is done.
_CLAIM: Final = (
    _READ
    + """
local answers = {}
for index, name in ipairs(KEYS) do
  local state, token, ends = read(name)
  if ends > now then
    answers[index] = state == 'd' and -1 or 0
  else
    token = math.max(now, token + 1)
    write(name, 'c', token, now + ARGV[2], ARGV[3])
    answers[index] = token
  end
end
return answers
"""
)

# KEYS: the records. ARGV: now, the new state, its duration, kept (milliseconds), the step of the token, how long a
# claim is remembered, then the token of each claim. Answers for each: 1 where the claim was held. Only a done mark may
# be made twice.
_MARK: Final = (
    _READ
    + """
local answers = {}
for index, name in ipairs(KEYS) do
  local state, token, ends = read(name)
  local expires = state == 'c' and ends + ARGV[6] or ends
  if state and token == tonumber(ARGV[6 + index]) and expires > now and (state == 'c' or ARGV[2] == 'd') then
    write(name, ARGV[2], token + ARGV[5], now + ARGV[3], ARGV[4])
    answers[index] = 1
  else
    answers[index] = 0
  end
end
return answers
"""
)

_KEYS_A_SCRIPT: Final = 1_000  # A script stops the server for its time: a thousand keys are some milliseconds.

# With a clock of our own, Redis' expiry by the server's must not come first.
_KEPT_FOR_CLOCK: Final = 3_600 * 1_000_000


class RedisStore:
    """Keeps claims in Redis; `clock` replaces the server's time in tests."""

    def __init__(self, url: str, *, clock: Clock | None = None) -> None:
        self._clock = clock
        verified: dict[str, Any] = {"ssl_check_hostname": True} if url.startswith("rediss:") else {}
        self._client: redis.Redis = redis.Redis.from_url(
            url,
            # The URL's query goes before these.
            socket_connect_timeout=5.0,
            socket_timeout=5.0,
            socket_keepalive=True,
            # A connection that went stale is found when it is used; the second try takes a new one.
            retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
            **verified,
        )
        options = self._client.connection_pool.connection_kwargs
        self._where = f"redis at {options.get('host', 'localhost')}:{options.get('port', 6379)}/{options.get('db', 0)}"
        self._claim_script = self._client.register_script(_CLAIM)
        self._mark_script = self._client.register_script(_MARK)
        self._work = WorkScripts(self._client, kept_longer=_KEPT_FOR_CLOCK if clock is not None else 0)
        self._is_prepared = False

    def __repr__(self) -> str:
        return f"<RedisStore {self._where}>"

    def prepare(self) -> None:
        """Connect; raises `ConfigurationError` where the server may evict keys before their window ends."""
        if self._is_prepared:
            return
        with self._boundary():
            try:
                memory: Any = self._client.info("memory")
            except redis.exceptions.NoPermissionError:
                memory = {}  # Hosted servers may hide it.
        policy = memory.get("maxmemory_policy", "noeviction")
        if memory.get("maxmemory", 0) and policy != "noeviction":
            raise ConfigurationError(
                f"{self._where} evicts keys when its memory is full (maxmemory-policy {policy}): messages would "
                "run again; set maxmemory-policy to noeviction"
            )
        self._is_prepared = True

    def claim_many(self, consumer: str, keys: Sequence[str], *, lease: float) -> list[ClaimResult]:
        """Claim each key, in order; of equal keys in one call the first wins and the others are in progress."""
        held = micros(lease)
        settings = [held, self._milliseconds(held + ABANDONED_KEPT)]
        results: list[ClaimResult] = []
        for chunk in _chunks(keys):
            names = [_name(consumer, key) for key in chunk]
            answers = self._run(self._claim_script, names, settings)
            results += [_result(consumer, key, answer) for key, answer in zip(chunk, answers, strict=True)]
        return results

    def renew_many(self, claims: Sequence[Claim], *, lease: float) -> list[bool]:
        """Extend leases from now; False where the claim is no longer held."""
        return self._mark(claims, "c", micros(lease), micros(lease) + ABANDONED_KEPT)

    def done_many(self, claims: Sequence[Claim], *, window: float) -> list[bool]:
        """Mark claims done; False where the fencing token is outdated.

        The mark survives a crash of the server as far as its persistence goes: set `appendfsync always`.
        """
        return self._mark(claims, "d", micros(window), micros(window))

    def release_many(self, claims: Sequence[Claim]) -> None:
        """Give claims back after a failure; an outdated claim is left alone."""
        self._mark(claims, "c", 0, ABANDONED_KEPT, step=1)

    def purge(self) -> int:
        """Return 0: Redis deletes what has expired by itself."""
        return 0

    def accept(self, proposal: Proposal) -> Acceptance | Underway | Known:
        """Store that work is about to be published; as durable as the server is set up to be."""
        self.prepare()
        with self._boundary():
            return self._work.accept(proposal, self._now())

    def withdraw(self, acceptance: Acceptance, *, may_be_sent: bool) -> None:
        """End an acceptance whose publish failed; an outdated one is left alone."""
        self.prepare()
        with self._boundary():
            self._work.withdraw(acceptance, may_be_sent=may_be_sent)

    def mark_many(self, marks: Sequence[Mark]) -> None:
        """Write statuses; what does not move one forward is left alone."""
        self.prepare()
        with self._boundary():
            self._work.mark(marks, self._now())

    def status(self, work_id: str) -> WorkStatus | None:
        """Return the status of a piece of work; None where there is none (any more)."""
        self.prepare()
        with self._boundary():
            return self._work.status(work_id, self._now())

    def close(self) -> None:
        """Close the pooled connections."""
        self._client.close()

    # -- scripts ----------------------------------------------------------------------------

    def _mark(self, claims: Sequence[Claim], state: str, duration: int, kept: int, *, step: int = 0) -> list[bool]:
        """Change the records of claims that are held; `duration` counts from now, and tokens move by `step`."""
        settings = [state, duration, self._milliseconds(kept), step, ABANDONED_KEPT]
        results: list[bool] = []
        for consumer, claims_of_one in groupby(claims, attrgetter("consumer")):
            for chunk in _chunks(list(claims_of_one)):
                names = [_name(consumer, claim.key) for claim in chunk]
                answers = self._run(self._mark_script, names, [*settings, *(claim.token for claim in chunk)])
                results += [answer == 1 for answer in answers]
        return results

    def _run(self, script: Script, names: list[str], arguments: list[Any]) -> list[int]:
        self.prepare()
        with self._boundary():
            answers: Any = script(keys=names, args=[self._now(), *arguments])
        return list(answers)

    def _now(self) -> int | str:
        return "server" if self._clock is None else micros(self._clock.now())

    def _milliseconds(self, kept: int) -> int:
        return max(1, (kept + (_KEPT_FOR_CLOCK if self._clock is not None else 0)) // 1_000)

    @contextmanager
    def _boundary(self) -> Iterator[None]:
        try:
            yield
        except redis.RedisError as error:
            raise StoreUnavailable(f"the store {self._where} does not answer: {error}") from error


def _name(consumer: str, key: str) -> str:
    return f"warren:{{{_tag(consumer)}}}:{storable(key)}"


@lru_cache(maxsize=1_000)
def _tag(consumer: str) -> str:
    """Return the consumer's hash tag; the first closing brace would end it."""
    return "idempotency:" + storable(consumer).replace("%", "%25").replace("}", "%7D")


def _result(consumer: str, key: str, answer: int) -> ClaimResult:
    if answer > 0:
        return Claim(consumer, key, answer)
    return InProgress(consumer, key) if answer == 0 else Done(consumer, key)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _KEYS_A_SCRIPT):
        yield items[start : start + _KEYS_A_SCRIPT]
