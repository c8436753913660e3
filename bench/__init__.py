"""Benchmarks: how many reliable messages a process moves, against librabbitmq and the Python peers.

Not here: assertions. Nothing in this folder is run by the tests, and a missed target never fails a run.
"""
