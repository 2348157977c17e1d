"""An order that redeems an offer, as tests send it."""

from typing import Any
from uuid import uuid4

from rest_framework.test import APIClient

from analytics.models import Customer
from promotions.models import Offer

TWO_TEAS = [{"sku": "tea", "quantity": 2}]


def redeem(api: APIClient, offer: Offer, key: str = "", **changes: Any) -> Any:
    body = {
        "customer": Customer.objects.get(key=offer.customer).external_id,
        "order_id": f"order-{uuid4()}",
        "lines": TWO_TEAS,
        "offers": [str(offer.id)],
    }
    return api.post(
        "/api/v1/redemptions",
        body | changes,
        format="json",
        headers={"Idempotency-Key": key or str(uuid4())},
    )
