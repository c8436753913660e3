"""Declares exchanges, queues and bindings over AMQP, each with a deadline and a readable refusal.

Not here: what to declare (`topology/`).
"""
