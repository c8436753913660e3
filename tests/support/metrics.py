"""Metrics as Prometheus reads them: scraped, and asked by name and labels.

Not here: what they mean (docs/metrics.md).
"""

from __future__ import annotations

import re
import urllib.request
from typing import Self

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.markdown import ROOT, code_spans, sections, table_rows

__all__ = ["Scrape", "documented_metrics"]


class Scrape:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.text = text
        families = list(text_string_to_metric_families(text))
        self.types = {_exposed(family.name, family.type): family.type for family in families}
        self.samples = [sample for family in families for sample in family.samples]

    @classmethod
    def of(cls, source: str | CollectorRegistry) -> Self:
        """Scrape a URL, or a registry of this process."""
        if isinstance(source, CollectorRegistry):
            return cls(generate_latest(source).decode())
        with urllib.request.urlopen(source, timeout=10.0) as answer:
            return cls(answer.read().decode())

    def get(self, name: str, **labels: str) -> float | None:
        """Return the sum of the samples of a name that have these labels; None where there is none."""
        found = [
            sample.value for sample in self.samples if sample.name == name and labels.items() <= sample.labels.items()
        ]
        return sum(found) if found else None

    def labels(self, name: str) -> set[str]:
        """Return the labels of a metric, but for the bucket of a histogram."""
        parts = {name, f"{name}_bucket", f"{name}_sum", f"{name}_count"}
        return {label for sample in self.samples if sample.name in parts for label in sample.labels} - {"le"}

    def metrics(self) -> dict[str, tuple[str, frozenset[str]]]:
        """Return Warren's metrics with type and labels."""
        return {
            name: (kind, frozenset(self.labels(name)))
            for name, kind in self.types.items()
            if name.startswith("warren_") and not name.endswith("_created")
        }


def _exposed(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else name


def documented_metrics(heading: str) -> dict[str, tuple[str, frozenset[str]]]:
    """Return the metrics of a section of docs/metrics.md with type and labels."""
    rows = table_rows(sections(ROOT / "docs" / "metrics.md", level=2)[heading])
    return {
        next(iter(code_spans(row[0]))): (row[1].strip(), frozenset(code_spans(row[2])))
        for row in rows
        if re.match(r"`warren_", row[0].strip())
    }
