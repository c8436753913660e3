"""A producer that has never heard of Warren: plain Pika, bare JSON."""

import json
import os

import pika

url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2F")

with pika.BlockingConnection(pika.URLParameters(url)) as connection:
    channel = connection.channel()
    channel.exchange_declare("orders", "topic", durable=True)
    channel.basic_publish(
        "orders",
        "orders.created",
        json.dumps({"order_id": 4821, "event": "created"}),
        pika.BasicProperties(delivery_mode=2),
    )
