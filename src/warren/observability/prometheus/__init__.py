"""Prometheus metrics of workers and publishers: counted from events, gathered over processes, served.

Not here: signals of the broker's side (`warren/signals/exporter.py`).
"""
