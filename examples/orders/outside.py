"""The world outside: a tax office and an address book. They fail where a customer's name asks for it.

Not here: what follows from a failure; the consumers in `app.py` say that.

    Ada             all is well
    slow-1@tax      the tax office times out at the first attempt, and answers the second
    slow-9@address  the address book times out at every attempt
    unknown@tax     the tax office has never heard of this customer: no retry can help
"""

from __future__ import annotations

import asyncio


class UnknownCustomer(Exception):
    """There is no such customer."""


def tax_rate(customer: str, *, attempt: int) -> float:
    """Ask the tax office."""
    _answer("tax", customer, attempt)
    return 0.19


async def address(customer: str, *, attempt: int) -> str:
    """Ask the address book."""
    await asyncio.sleep(0)  # where a real one would be awaited
    _answer("address", customer, attempt)
    return f"{customer}, 1 Burrow Lane"


def _answer(service: str, customer: str, attempt: int) -> None:
    trouble, _, place = customer.partition("@")
    if place != service:
        return
    if trouble == "unknown":
        raise UnknownCustomer(f"the {service} service does not know {customer}")
    if attempt <= int(trouble.removeprefix("slow-")):
        raise TimeoutError(f"the {service} service did not answer in time")
