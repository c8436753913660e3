from warren import Exchange, Message, Warren

orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int
    total_cents: int = 0


class OrderPaid(Message, exchange=orders, routing_key="orders.paid"):
    order_id: int


class ParcelSent(Message, exchange=orders, routing_key="orders.sent"):
    order_id: int
    carrier: str


app = Warren("shop")
app.publishes(OrderPaid)


@app.consumer("billing.invoices", OrderCreated, idempotent=lambda order: order.order_id)
def send_invoice(order: OrderCreated) -> None:
    print(f"invoice for order {order.order_id}")


@app.consumer("support.parcels", ParcelSent)
def tell_customer(parcel: ParcelSent) -> None:
    print(f"order {parcel.order_id} is on its way with {parcel.carrier}")
