from warren import Delivery, Exchange, Message, Permanent, Retry, Transient, Warren

orders = Exchange("orders", "topic")
VAT = {"DE": 19, "FR": 20}


class OrderCreated(Message, exchange=orders, routing_key="orders.created", version=1):
    order_id: int
    country: str


app = Warren("billing")


@app.consumer("billing.invoices", OrderCreated, retry=Retry("1s", "10s", "1m"), idempotent=True)
def send_invoice(order: OrderCreated, delivery: Delivery) -> None:
    if order.country not in VAT:
        raise Permanent(f"no VAT rate for {order.country}")
    if order.order_id % 1000 == 0 and delivery.attempt == 1:
        raise Transient("the ledger is locked")
    print(f"invoice for order {order.order_id}, {VAT[order.country]} % VAT")
