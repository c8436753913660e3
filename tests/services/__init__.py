"""The servers tests run against: where they are found, how they are installed, how they are started and stopped.

Not here: RabbitMQ nodes, which Warren itself can run (warren.integrations.rabbitmq_node).
"""
