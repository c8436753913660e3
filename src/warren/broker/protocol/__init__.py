"""AMQP 0-9-1 on the wire, without I/O: bytes in, methods and contents out, and the other way round.

Not here: what methods do (the model), when they are legal for a channel's state (`session.py`), sockets (`server.py`).
"""
