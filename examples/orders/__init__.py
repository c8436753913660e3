"""Orders become invoices and shipping labels: the example of the tutorial and of `warren demo`.

Not here: anything; `app.py` is where to start.
"""
