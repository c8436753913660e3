import asyncio
import json

import aio_pika


async def main() -> None:
    connection = await aio_pika.connect_robust("amqp://guest:guest@localhost:5672/%2F")
    async with connection:
        channel = await connection.channel()
        queue = await channel.declare_queue("audit.aio", durable=True)
        await queue.bind("orders", "orders.#")
        print("waiting", flush=True)
        async with queue.iterator() as messages:
            async for message in messages:
                async with message.process():
                    print(message.type, message.headers["x-warren-version"], json.loads(message.body), flush=True)
                break


asyncio.run(main())
