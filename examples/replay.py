"""Puts the dead letters of a queue back into it, oldest first: python replay.py billing.invoices

Copy, confirm, acknowledge: killed at any point it loses nothing, and can be run again.
"""

import os
import sys

import pika

URL = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2F")
LEFT_OUT = ("x-warren-dead-", "x-warren-attempt", "x-warren-delay", "x-death", "x-first-death-", "x-last-death-")


def replay(queue: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(URL)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        dead = f"{queue}.dead"
        for _ in range(channel.queue_declare(dead, passive=True).method.message_count):
            method, properties, body = channel.basic_get(dead)
            if method is None:
                break
            headers = properties.headers or {}
            print(properties.message_id, headers.get("x-warren-dead-reason"), headers.get("x-warren-dead-error"))
            properties.headers = {name: value for name, value in headers.items() if not name.startswith(LEFT_OUT)}
            channel.basic_publish("", queue, body, properties, mandatory=True)  # raises unless confirmed and routed
            channel.basic_ack(method.delivery_tag)


replay(sys.argv[1])
