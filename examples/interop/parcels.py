import asyncio

from faststream import FastStream
from faststream.rabbit import ExchangeType, RabbitBroker, RabbitExchange, RabbitQueue
from pydantic import BaseModel

broker = RabbitBroker("amqp://guest:guest@localhost:5672/%2F")
app = FastStream(broker)
orders = RabbitExchange("orders", type=ExchangeType.TOPIC, durable=True)
parcels = RabbitQueue("shipping.parcels", durable=True, routing_key="orders.paid")


class Order(BaseModel):
    order_id: int


@broker.subscriber(parcels, orders)
async def pack(order: Order) -> None:
    print(f"packing order {order.order_id}", flush=True)
    sent = {"order_id": order.order_id, "carrier": "DHL"}
    await broker.publish(sent, exchange=orders, routing_key="orders.sent", persist=True)


if __name__ == "__main__":
    asyncio.run(app.run())
