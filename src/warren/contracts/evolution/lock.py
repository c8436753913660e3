"""The lock: every contract of an application as it was released, in a file that is committed with the code.

Not here: comparing two of them (`check.py`).
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from warren.contracts.evolution.schemas import Schema, schema_of_reading, schema_of_writing
from warren.contracts.message import Message
from warren.errors import ConfigurationError

__all__ = ["LOCK_FILE", "Lock", "LockedContract", "locked"]

LOCK_FILE: Final = "contracts.lock.json"
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedContract:
    """One message class as it was locked: what it reads and writes, where it is published, who consumes it."""

    type: str
    version: int
    class_name: str
    exchange: str
    routing_key: str
    headers: Mapping[str, Any]
    is_published: bool
    consumers: tuple[str, ...]
    upcasts_from: tuple[int, ...]
    max_size: int | None
    reads: Schema
    writes: Schema

    @property
    def name(self) -> str:
        """Type and version, as in `orders.created v1`."""
        return f"{self.type} v{self.version}"

    @property
    def versions(self) -> tuple[int, ...]:
        """Every version that is read under it, its own last."""
        return (*self.upcasts_from, self.version)

    @property
    def place(self) -> tuple[str, str, str]:
        """Where it is published."""
        return self.exchange, self.routing_key, json.dumps(self.headers, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Lock:
    """All contracts of an application, by type and version."""

    application: str
    contracts: tuple[LockedContract, ...]

    @classmethod
    def of(
        cls,
        application: str,
        *,
        published: Iterable[type[Message]],
        consumers: Mapping[str, Iterable[type[Message]]],
    ) -> Lock:
        """Lock what an application publishes, and what each of its consumers reads."""
        by_class: dict[type[Message], set[str]] = {contract: set() for contract in published}
        said = frozenset(by_class)
        for name, contracts in consumers.items():
            for contract in contracts:
                by_class.setdefault(contract, set()).add(name)
        all_of_them = (locked(one, is_published=one in said, consumers=names) for one, names in by_class.items())
        return cls(application, tuple(sorted(all_of_them, key=lambda one: (one.type, one.version, one.class_name))))

    # -- the file ---------------------------------------------------------------------------

    def text(self) -> str:
        """Write it as JSON: the same contracts give the same text."""
        told = {"format": _FORMAT, "application": self.application, "contracts": [_told(c) for c in self.contracts]}
        return json.dumps(told, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    def save(self, path: Path) -> None:
        """Write the file whole or not at all. Raises `ConfigurationError`."""
        try:
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(self.text())
                Path(name).chmod(0o644)
                Path(name).replace(path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise ConfigurationError(f"cannot write {path}: {error.strerror or error}") from error

    @classmethod
    def load(cls, path: Path) -> Lock:
        """Read the file. Raises `ConfigurationError`, which says what to do."""
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigurationError(
                f"there is no {path}; write it with `warren contracts lock` and commit it"
            ) from error
        except OSError as error:
            raise ConfigurationError(f"cannot read {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise ConfigurationError(f"{path} is no JSON ({error}); restore it from version control") from error
        if not isinstance(told, dict) or told.get("format") != _FORMAT:
            raise ConfigurationError(
                f"{path} is no lock of contracts that this version reads (format {_FORMAT}); "
                f"write it with `warren contracts lock`, or name another with --file"
            )
        try:
            return cls(str(told["application"]), tuple(_read(each) for each in told["contracts"]))
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigurationError(f"{path} is not whole ({error!r}); restore it from version control") from error


def locked(contract: type[Message], *, is_published: bool, consumers: Iterable[str]) -> LockedContract:
    """Lock a class as it is now. Raises `ConfigurationError` where a field has no JSON Schema."""
    declared = contract.__warren__
    return LockedContract(
        type=declared.type,
        version=declared.version,
        class_name=contract.__name__,
        exchange=declared.exchange,
        routing_key=declared.routing_key,
        headers=_jsonable(dict(declared.headers)),
        is_published=is_published,
        consumers=tuple(sorted(consumers)),
        upcasts_from=tuple(sorted(contract.__upcasters__)),
        max_size=declared.max_size,
        reads=_jsonable(schema_of_reading(contract)),
        writes=_jsonable(schema_of_writing(contract)),
    )


def _told(contract: LockedContract) -> dict[str, Any]:
    told = {
        "type": contract.type,
        "version": contract.version,
        "class": contract.class_name,
        "exchange": contract.exchange,
        "routing_key": contract.routing_key,
        "headers": contract.headers,
        "published": contract.is_published,
        "consumers": contract.consumers,
        "upcasts_from": contract.upcasts_from,
        "max_size": contract.max_size,
        "reads": contract.reads,
    }
    return told if contract.writes == contract.reads else {**told, "writes": contract.writes}


def _read(told: Mapping[str, Any]) -> LockedContract:
    reads = dict(told["reads"])
    return LockedContract(
        type=str(told["type"]),
        version=int(told["version"]),
        class_name=str(told["class"]),
        exchange=str(told["exchange"]),
        routing_key=str(told["routing_key"]),
        headers=dict(told["headers"]),
        is_published=bool(told["published"]),
        consumers=tuple(map(str, told["consumers"])),
        upcasts_from=tuple(map(int, told["upcasts_from"])),
        max_size=None if told["max_size"] is None else int(told["max_size"]),
        reads=reads,
        writes=dict(told.get("writes", reads)),
    )


def _jsonable(value: dict[str, Any]) -> dict[str, Any]:
    """Return it as it will be read from the file, so that a lock equals its own copy."""
    found: dict[str, Any] = json.loads(json.dumps(value, default=str))
    return found
