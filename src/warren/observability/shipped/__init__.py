"""Alert rules and a Grafana dashboard for Warren's metrics, as files of the package.

Not here: the metrics (`prometheus/`, `warren/signals/exporter.py`).
"""

from __future__ import annotations

from importlib.resources import files

__all__ = ["shipped_alerts", "shipped_dashboard"]


def shipped_alerts() -> str:
    """Return a Prometheus rule file."""
    return files(__name__).joinpath("alerts.yml").read_text(encoding="utf-8")


def shipped_dashboard() -> str:
    """Return a Grafana dashboard, as JSON to import."""
    return files(__name__).joinpath("grafana-dashboard.json").read_text(encoding="utf-8")
