"""A web service that hands its work to a queue: an endpoint, a message, a consumer, and the status of the work.

warren run service:app                 the worker, which declares the queue
uvicorn service:api --port 8080        the endpoint
"""

from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response

from warren import AsyncPublisher, Message, Permanent, Warren
from warren.integrations.fastapi import WarrenAPI

INVOICES = Path("invoices")

app = Warren("shop")


class SendInvoice(Message, routing_key="invoices.send"):
    order_id: int
    email: str


@app.consumer("invoices.send", SendInvoice, idempotent=True)
def send_invoice(invoice: SendInvoice) -> None:
    if "@" not in invoice.email:
        raise Permanent(f"{invoice.email!r} is no address")
    INVOICES.mkdir(exist_ok=True)
    (INVOICES / f"{invoice.order_id}.txt").write_text(f"to {invoice.email}\n")


messaging = WarrenAPI(app)
api = FastAPI(title="Shop", lifespan=messaging.lifespan)
messaging.install(api)  # the answers to errors, GET /work/{id}, GET /health/live and /health/ready


@api.post("/orders/{order_id}/invoice", status_code=202)
async def invoice(order_id: int, email: str, request: Request) -> Response:
    """Accept the work: 202 once the message is confirmed, with a Location that tells what becomes of it."""
    return await messaging.accept(SendInvoice(order_id=order_id, email=email), request)


@api.post("/orders/{order_id}/reminder")
async def remind(
    order_id: int, email: str, publisher: Annotated[AsyncPublisher, Depends(messaging.publisher)]
) -> dict[str, str]:
    """Publish, without a status of the work."""
    receipt = await publisher.publish(SendInvoice(order_id=order_id, email=email))
    return {"message_id": receipt.message_id}


@api.post("/orders/{order_id}/copy")
def copy(order_id: int, email: str) -> dict[str, str]:
    """Publish from a thread: `def` endpoints use the application itself."""
    return {"message_id": app.publish(SendInvoice(order_id=order_id, email=email), timeout=5.0).message_id}
