"""A shop as an ordinary API client: shows offers, prices a cart, redeems, reports.

Some real households come back with their newest basket. Who comes does not depend on
who has an offer, so that the arms stay comparable. Everything goes over HTTP with a
secret key that lives as long as the visit.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import UUID, uuid4

from analytics import access, clock, events, store
from analytics.models import ApiKey, Customer

SHOPPERS = 60
NAME = "demo shop"


@dataclass(frozen=True, kw_only=True)
class Visit:
    """One shopper's visit: what was shown, and what the order saved."""

    customer: str
    shown: int
    discount: Decimal
    redeemed: int


class Client:
    """The API, as any HTTP client would call it."""

    def __init__(self, address: str, key: str) -> None:
        self.address, self.key = address, key

    def call(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> dict[str, Any]:
        """Send a body as JSON; return the answer's."""
        data = None if body is None else json.dumps(body).encode()
        return self.send(method, path, data, **headers)

    def send(
        self, method: str, path: str, data: bytes | None, **headers: str
    ) -> dict[str, Any]:
        """Send a body that is JSON already."""
        sent = {"Authorization": f"Bearer {self.key}", **headers}
        sent["Content-Type"] = "application/json"
        request = Request(  # noqa: S310
            f"{self.address}/api/v1/{path}", data=data, method=method, headers=sent
        )
        with urlopen(request, timeout=30) as answer:  # noqa: S310
            return dict(json.load(answer))


def visit(address: str) -> list[Visit]:
    """Let some customers shop; none when the demo shop has been open before."""
    if ApiKey.objects.filter(name=NAME).exists():
        return []
    client = Client(address, access.create_key(NAME, ["events", "offers", "carts"]))
    try:
        # Keys are random, so their order is a draw.
        some = Customer.objects.order_by("key")[:SHOPPERS]
        made = [done for customer in some if (done := _visit(client, customer))]
    finally:
        # Also after a failure: the row stays, revoked, and says that the shop was open.
        for key in ApiKey.objects.filter(name=NAME):
            access.revoke_key(key.pk)
    return made


def _visit(client: Client, customer: Customer) -> Visit | None:
    name, basket = customer.name, _basket(customer.key)
    if not basket:
        return None
    offers = client.call("GET", f"customers/{name}/offers")["offers"]
    _report(client, name, "offer_shown", [{"offer": offer["id"]} for offer in offers])
    cart = {
        "customer": name,
        "lines": [{"sku": sku, "quantity": q} for sku, (q, _) in basket.items()],
    }
    priced = client.call("POST", "qualifications", cart)
    order = f"demo-{uuid4()}"
    redeemed = _redeem(client, cart, priced, order)
    _report(client, name, "order_completed", [_order(order, basket, priced)])
    return Visit(
        customer=name,
        shown=len(offers),
        discount=Decimal(priced["discount"]),
        redeemed=redeemed,
    )


Basket = dict[str, tuple[int, str]]


def _basket(customer: UUID) -> Basket:
    """Return the newest order of theirs: sku -> (quantity, category)."""
    newest: Basket = {}
    orders = store.read(
        until=store.high_water(), types=["order_completed"], customer=customer
    )
    for stored in orders:
        order = stored.event
        if isinstance(order, events.OrderCompleted):
            newest = {
                line.sku: (line.quantity, line.category)
                for line in order.lines
                if 0 < line.quantity <= 50
            }
    return newest


def _redeem(
    client: Client, cart: Mapping[str, Any], priced: Mapping[str, Any], order: str
) -> int:
    used = [effect["offer"] for effect in priced["effects"]]
    if not used:
        return 0
    body = {**cart, "order_id": order, "offers": used}
    try:
        client.call("POST", "redemptions", body, **{"Idempotency-Key": order})
    except HTTPError as error:
        if error.code == 409:  # the budget went to somebody else in between
            return 0
        raise
    return len(used)


def _order(order: str, basket: Basket, priced: Mapping[str, Any]) -> dict[str, Any]:
    """Report the order as paid, line by line as the qualification priced it."""
    lines = [
        {
            "sku": row["sku"],
            "category": basket[row["sku"]][1],
            "quantity": row["quantity"],
            "paid": row["total"],
            "coupon_discount": row["discount"],
        }
        for row in priced["lines"]
    ]
    return {"order_id": order, "currency": priced["currency"], "lines": lines}


def _report(
    client: Client, customer: str, kind: str, facts: list[dict[str, Any]]
) -> None:
    now = clock.now().isoformat()
    batch = [
        {
            "id": str(uuid4()),
            "type": kind,
            "customer": customer,
            "occurred_at": now,
            "data": data,
        }
        for data in facts
    ]
    client.call("POST", "events", {"events": batch})
