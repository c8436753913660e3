"""Which store a URL opens, and what is said of URLs that open none.

Not here: what the stores do (tests/contract).
"""

from __future__ import annotations

import subprocess
import sys
import traceback
from pathlib import Path

import pytest

from warren.errors import ConfigurationError
from warren.reliability.idempotency import TransactionalStore
from warren.reliability.stores.open import open_store


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("memory://", "<MemoryStore, 0 keys>"),
        ("sqlite:///warren.db", "<SqliteStore warren.db>"),
        ("sqlite:///warren.db?timeout=2.5", "<SqliteStore warren.db>"),
        ("postgresql+psycopg://app:s3cr3t@db/orders", "<PostgresStore postgresql at db:5432/orders>"),
        ("postgresql://app:s3cr3t@db:5433/orders?sslmode=require", "<PostgresStore postgresql at db:5433/orders>"),
        ("redis://:s3cr3t@cache", "<RedisStore redis at cache:6379/0>"),
        ("rediss://app:s3cr3t@cache:6380/2", "<RedisStore redis at cache:6380/2>"),
    ],
)
def test_a_url_opens_its_store_without_connecting(url: str, shown: str) -> None:
    store = open_store(url)

    assert repr(store) == shown
    store.close()


def test_sqlite_and_postgresql_have_the_transactional_inbox_and_the_others_do_not(tmp_path: Path) -> None:
    urls = ["memory://", f"sqlite:///{tmp_path}/warren.db", "postgresql+psycopg://db/orders", "redis://cache"]

    assert [isinstance(open_store(url), TransactionalStore) for url in urls] == [False, True, True, False]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "does not start with a scheme"),
        ("warren.db", "does not start with a scheme"),
        ("mysql://app:s3cr3t@db/orders", "does not start with a scheme"),
        ("postgresql+psycopg2://app:s3cr3t@db/orders", "does not start with a scheme"),
        ("sqlite://", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///:memory:", "names no file"),
        ("sqlite://warren.db", "names no file"),
        ("sqlite:///no/such/folder/warren.db", "create the folder .*/no/such/folder"),
        ("sqlite:///warren.db?timeout=soon", "timeout= of the store URL"),
        ("sqlite:///warren.db?timeout=-1", "timeout= of the store URL"),
        ("postgresql+psycopg://app:s3cr3t@db/orders?timeout=nan", "timeout= of the store URL"),
        ("postgresql+psycopg://app:s3cr3t@db:port/orders", "cannot be read"),
        ("postgresql+psycopg://app:s3cr3t@db/orders?sslmoed=require", "no connection option 'sslmoed'"),
        ("redis://app:s3cr3t@cache:port/0", "cannot be read"),
        ("redis://app:s3cr3t@cache:6379/0?socket_timeout=soon", "cannot be read"),
    ],
)
def test_a_url_that_opens_nothing_is_a_configuration_error_without_credentials(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as failure:
        open_store(url)

    assert "\n" not in str(failure.value)
    assert "s3cr3t" not in "".join(traceback.format_exception(failure.value))


def test_redis_over_tls_verifies_certificate_and_host_name() -> None:
    store = open_store("rediss://cache")

    settings = store._client.connection_pool.connection_kwargs

    assert settings["ssl_check_hostname"] is True
    assert settings.get("ssl_cert_reqs", "required") == "required"


@pytest.mark.parametrize(
    ("url", "module", "said"),
    [
        ("postgresql+psycopg://db/orders", "psycopg", r"psycopg is not installed: pip install 'warren-mq\[postgres\]'"),
        ("redis://cache", "redis", r"redis package is not installed: pip install 'warren-mq\[redis\]'"),
    ],
)
def test_a_missing_driver_is_a_configuration_error_that_says_what_to_install(
    url: str, module: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)

    with pytest.raises(ConfigurationError, match=said):
        open_store(url)


def test_opening_imports_only_what_the_store_needs() -> None:
    code = (
        "import sys; from warren.reliability.stores.open import open_store; "
        "open_store('memory://'); print(*{'sqlalchemy', 'psycopg', 'redis', 'sqlite3'} & set(sys.modules))"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == ""
