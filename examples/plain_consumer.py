"""A consumer that has never heard of Warren: plain Pika reads what Warren publishes, and acknowledges it."""

import json
import os

import pika

url = os.environ.get("AMQP_URL", "amqp://guest:guest@localhost:5672/%2F")

with pika.BlockingConnection(pika.URLParameters(url)) as connection:
    channel = connection.channel()
    channel.exchange_declare("orders", "topic", durable=True)
    channel.queue_declare("audit", durable=True)
    channel.queue_bind("audit", "orders", "orders.*")
    for method, properties, body in channel.consume("audit", inactivity_timeout=3):
        if method is None:
            break  # nothing for three seconds
        print(method.routing_key, properties.content_type, json.loads(body))
        channel.basic_ack(method.delivery_tag)
