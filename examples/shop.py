from warren import Delivery, Exchange, Message, Permanent, Retry, Transient, Warren

orders = Exchange("orders", "topic")


class OrderCreated(Message, exchange=orders, routing_key="orders.created"):
    order_id: int
    country: str = "FR"


class OrderCancelled(Message, exchange=orders, routing_key="orders.cancelled"):
    order_id: int


app = Warren("shop")


@app.consumer("billing.invoices", OrderCreated, retry=Retry("1s", "10s", "1m"), idempotent=True)
def send_invoice(order: OrderCreated, delivery: Delivery) -> None:
    if order.country == "XX":
        raise Permanent(f"order {order.order_id}: no invoices for {order.country}")
    if order.country == "IS" and delivery.attempt == 1:
        raise Transient("the tax service is away")
    print(f"invoice for order {order.order_id}")


@app.consumer("shipping.parcels", OrderCreated, OrderCancelled, bind="orders.*")
async def plan_parcel(message: OrderCreated | OrderCancelled) -> None:
    print(f"{type(message).__name__} {message.order_id} for shipping")
