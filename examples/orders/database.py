"""What the consumers leave behind: invoices and labels, in SQLite files in $ORDERS_FOLDER (default: this folder).

Not here: who writes when (`app.py`). The tables allow the same order twice, so that a repeated effect would show.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from sqlalchemy import Column, Integer, MetaData, String, Table, create_engine
from sqlalchemy.schema import CreateTable

FOLDER = Path(os.environ.get("ORDERS_FOLDER", "."))
URL = f"sqlite:///{FOLDER / 'orders.db'}"
"""The store: what is done is recorded here, beside the invoices."""

metadata = MetaData()
invoices = Table(
    "invoices", metadata, Column("order_id", Integer), Column("gross_cents", Integer), Column("attempt", Integer)
)
labels = Table("labels", metadata, Column("order_id", Integer), Column("address", String), Column("attempt", Integer))

_printer = create_engine(f"sqlite:///{FOLDER / 'labels.db'}")
_one_at_a_time = threading.Lock()


def print_label(order_id: int, address: str, attempt: int) -> None:
    """Print one label: a row of its own file, for the printer knows nothing of stores."""
    with _one_at_a_time, _printer.begin() as connection:
        connection.execute(labels.insert().values(order_id=order_id, address=address, attempt=attempt))


def _create_tables() -> None:
    for engine, table in ((create_engine(URL), invoices), (_printer, labels)):
        with engine.begin() as connection:
            connection.execute(CreateTable(table, if_not_exists=True))
        engine.dispose()


_create_tables()
