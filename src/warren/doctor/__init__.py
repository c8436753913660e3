"""How broker, code and settings fit together: facts collected by a thin shell, judged by pure checks.

Not here: what is wrong with the flow of messages right now (`signals/`), and any change of the broker.
"""
