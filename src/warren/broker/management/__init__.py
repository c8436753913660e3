"""The management HTTP API: what RabbitMQ's management plugin answers, read from the broker's model.

Not here: the model (`model/`), accounts (`auth.py`), definitions (`definitions.py`), samples (`statistics.py`).

Everything runs on the broker's loop thread, so a handler reads and changes the model directly. `api.py` turns a request
into a response without I/O; `server.py` is the thin shell around it that speaks HTTP/1.1. Each resource has its file.
"""
