"""The AsyncAPI 3.0 document of an application, and a page that shows it.

Not here: the command that writes them (`cli/asyncapi.py`).
"""
