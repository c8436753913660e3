"""How many keys a second a store of idempotency keys claims and marks done, by batch size and order of keys.

Not here: what that means for a consumer (run.py measures it). Run: python -m bench.stores [--seconds 1] [URL …]
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

from warren.contracts.ids import new_message_id
from warren.reliability.idempotency import Claim, IdempotencyStore
from warren.reliability.stores.open import open_store

BATCHES = (1, 16, 128, 512)

KEYS: dict[str, Callable[[], str]] = {
    "message ids (UUIDv7)": lambda: new_message_id(time.time()),
    "random keys (UUIDv4)": lambda: str(uuid.uuid4()),
}


class Rate(NamedTuple):
    """Keys a second, the part of the time that claims took, and this process's CPU time a key."""

    keys_per_second: float
    claiming: float
    cpu_us: float


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as folder:
        for url in options.urls or ["memory://", f"sqlite:///{folder}/warren.db"]:
            store = open_store(url)
            store.prepare()
            for name, new_key in KEYS.items():
                print(f"{store!r}, {name}, claim + done")
                for batch in BATCHES:
                    rate = max(_measure(store, new_key, batch, options.seconds) for _ in range(options.repeat))
                    print(f"  batch {batch:>4}  {rate.keys_per_second:>9,.0f} keys/s", end="")
                    print(
                        f"   claims {rate.claiming:>4.0%} of the time   {rate.cpu_us:>6.1f} µs of own CPU a key",
                        flush=True,
                    )
            store.close()


def _measure(store: IdempotencyStore, new_key: Callable[[], str], batch: int, seconds: float) -> Rate:
    consumer = f"bench-{uuid.uuid4()}"
    claiming = marking = 0.0
    keys = 0
    cpu = -time.process_time()
    now = time.perf_counter
    end = now() + seconds
    while now() < end:
        names = [new_key() for _ in range(batch)]
        started = now()
        claims = [result for result in store.claim_many(consumer, names, lease=60.0) if isinstance(result, Claim)]
        claimed = now()
        if len(claims) != batch or not all(store.done_many(claims, window=3_600.0)):
            raise AssertionError("new keys were not free")
        claiming += claimed - started
        marking += now() - claimed
        keys += batch
    cpu += time.process_time()
    return Rate(keys / (claiming + marking), claiming / (claiming + marking), cpu / keys * 1_000_000)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "urls", nargs="*", metavar="URL", help="store URLs (default: memory, and SQLite in a new folder)"
    )
    parser.add_argument("--seconds", type=float, default=1.0, help="how long each figure is measured")
    parser.add_argument("--repeat", type=int, default=3, help="how often; the best is shown")
    return parser.parse_args()


if __name__ == "__main__":
    main()
