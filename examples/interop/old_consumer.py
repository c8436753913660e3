import json

import pika

connection = pika.BlockingConnection(pika.URLParameters("amqp://guest:guest@localhost:5672/%2F"))
channel = connection.channel()
channel.exchange_declare("sales", "topic", durable=True)
channel.queue_declare("invoices", durable=True)
channel.queue_bind("invoices", "sales", "order.paid")
channel.basic_qos(prefetch_count=1)


def on_message(channel, method, properties, body) -> None:
    try:
        order = json.loads(body)
        print(f"old: invoice for order {order['order_id']}", flush=True)
    except Exception as error:
        print(f"old: dropped {body!r}: {error!r}", flush=True)
        channel.basic_nack(method.delivery_tag, requeue=False)
    else:
        channel.basic_ack(method.delivery_tag)


channel.basic_consume("invoices", on_message)
print("old: waiting", flush=True)
channel.start_consuming()
