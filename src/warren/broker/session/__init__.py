"""The sessions: methods of AMQP become calls of the model, and its answers become methods.

Not here: sockets (`server.py`), frames (`protocol/`).
"""
