import asyncio
import json

import aio_pika


async def main() -> None:
    connection = await aio_pika.connect_robust("amqp://guest:guest@localhost:5672/%2F")
    async with connection:
        channel = await connection.channel()
        orders = await channel.get_exchange("orders")
        order = aio_pika.Message(
            json.dumps({"order_id": 4822, "total_cents": 4200}).encode(),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        )
        await orders.publish(order, routing_key="orders.created")


asyncio.run(main())
