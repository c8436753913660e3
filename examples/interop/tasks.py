from celery import Celery

celery = Celery("shop", broker="amqp://guest:guest@localhost:5672/%2F")
celery.conf.task_routes = {"shop.send_invoice": {"queue": "invoices"}}


@celery.task(name="shop.send_invoice", acks_late=True, autoretry_for=(ConnectionError,), max_retries=3)
def send_invoice(order_id: int, event: str = "created") -> None:
    print(f"old: invoice for order {order_id}")


@celery.task(name="shop.send_mail")
def send_mail(order_id: int) -> None:
    print(f"mail for order {order_id}")
