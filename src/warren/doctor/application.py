"""From an application to what is to be examined: its code as a value, its broker, its store.

Not here: how it is examined (`collect.py`), and where the application comes from (`cli/`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from warren.bindings import exchange_of
from warren.config import DEFAULT_STORE, BrokerSettings
from warren.doctor.collect import Subject
from warren.doctor.facts import Code
from warren.embedding import RUNNING, EmbeddedAddress
from warren.errors import ConfigurationError

if TYPE_CHECKING:
    from warren.app import Warren
    from warren.signals.worker_metrics import MetricsEndpoint

__all__ = ["subject_of"]


def subject_of(
    app: Warren,
    *,
    broker: BrokerSettings | None = None,
    consumer_timeout: float | None = None,
    metrics: Sequence[MetricsEndpoint] = (),
    timeout: float = 10.0,
) -> Subject:
    """Return what there is to examine of an application. An embedded broker of its own is not started for it."""
    own = None if isinstance(app._broker, EmbeddedAddress) else app.broker
    is_idempotent = any(spec.idempotency is not None for spec in app.consumers)
    return Subject(
        broker=broker or own,
        code=_code(app, consumer_timeout),
        store_url=app._store_url or os.environ.get("WARREN_STORE") or DEFAULT_STORE,
        open_store=app.open_store if is_idempotent else None,
        metrics=metrics,
        timeout=timeout,
    )


def _code(app: Warren, consumer_timeout: float | None) -> Code:
    settings = app.settings
    published = map(exchange_of, app._published)
    store = os.environ.get("WARREN_STORE")
    return Code(
        name=app.name,
        topology=app.topology,
        consumers=app.consumers,
        published=frozenset(exchange.name if exchange else "" for exchange in published),
        settings=settings if consumer_timeout is None else replace(settings, consumer_timeout=consumer_timeout),
        broker_ignores_environment=_ignores_environment(app),
        store_ignores_environment=bool(store and app._store_url and store != app._store_url),
    )


def _ignores_environment(app: Warren) -> bool:
    """Whether $WARREN_BROKER names another broker than the code does."""
    named = os.environ.get("WARREN_BROKER", "").strip()
    if not named or os.environ.get(RUNNING):
        return False
    try:
        if named.lower().startswith("embedded:"):
            return app._broker != EmbeddedAddress.parse(named)
        return app._broker != BrokerSettings.parse(named)
    except ConfigurationError:
        return True  # nobody has read it
