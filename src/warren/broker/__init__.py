"""The embedded broker: AMQP 0-9-1 as RabbitMQ speaks it, with nothing to install.

Not here: clients. It imports nothing of Warren but errors and the clock.

    from warren.broker.embedded import EmbeddedBroker

    with EmbeddedBroker() as broker:
        connect(broker.url)
"""
