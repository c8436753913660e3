from warren import Delivery, Exchange, Message, Permanent, Queue, Retry, Transient, Warren

sales = Exchange("sales", "topic")
invoices = Queue("invoices", type="classic", external=True)


class OrderPaid(Message, exchange=sales, routing_key="order.paid"):
    order_id: int
    country: str = "FR"


app = Warren("billing")


@app.consumer(invoices, OrderPaid, retry=Retry("1s", "10s", "1m"), idempotent=lambda order: order.order_id)
def send_invoice(order: OrderPaid, delivery: Delivery) -> None:
    if order.country == "XX":
        raise Permanent(f"order {order.order_id}: no invoices for {order.country}")
    if order.country == "IS" and delivery.attempt == 1:
        raise Transient("the tax service is away")
    print(f"new: invoice for order {order.order_id}, attempt {delivery.attempt}")
