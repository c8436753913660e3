import sys

import pika

connection = pika.BlockingConnection(pika.URLParameters("amqp://guest:guest@localhost:5672/%2F"))
channel = connection.channel()
for body in sys.argv[1:]:
    channel.basic_publish("sales", "order.paid", body, pika.BasicProperties(delivery_mode=2))
connection.close()
