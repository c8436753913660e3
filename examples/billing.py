from warren import Delivery, Exchange, Message, Permanent, Retry, Transient, Warren

orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created", version=1):
    order_id: int
    event: str


app = Warren("billing")


@app.consumer("billing.invoices", OrderCreated, retry=Retry("1s", "10s", "1m"), idempotent=True)
def send_invoice(order: OrderCreated, delivery: Delivery) -> None:
    if order.order_id <= 0:
        raise Permanent(f"there is no order {order.order_id}")
    if order.event == "rushed" and delivery.attempt == 1:
        raise Transient("the ledger is locked")
    print(f"invoice for order {order.order_id}, attempt {delivery.attempt}")
