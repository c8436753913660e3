from warren import Delivery, Permanent, Queue, Retry, Warren
from warren.integrations.celery import CeleryTask

invoices = Queue("invoices", type="classic", external=True)


class SendInvoice(CeleryTask, type="shop.send_invoice", routing_key="invoices"):
    order_id: int
    event: str = "created"


class SendMail(CeleryTask, type="shop.send_mail", routing_key="celery"):
    order_id: int


app = Warren("billing")


@app.consumer(invoices, SendInvoice, retry=Retry("1s", "10s", "1m"), transient=[ConnectionError], idempotent=True)
def send_invoice(task: SendInvoice, delivery: Delivery) -> None:
    if task.order_id <= 0:
        raise Permanent(f"there is no order {task.order_id}")
    print(f"new: invoice for order {task.order_id}")
    app.publish(SendMail(order_id=task.order_id))
