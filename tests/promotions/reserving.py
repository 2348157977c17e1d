"""Redemptions: reserved, made, released, rolled back; what they hold meanwhile."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from rest_framework.test import APIClient

from analytics.models import StoredEvent
from promotions import spelling
from promotions.models import Campaign, Code, Offer, Reservation, Strategy

TWO_TEAS = [{"sku": "tea", "quantity": 2}]
AUTOMATIC = {"trigger": "automatic", "holdout": 0}
BY_CODE = {"trigger": "code", "holdout": 0}


def post(api: APIClient, path: str, key: str = "", **body: Any) -> Any:
    return api.post(
        f"/api/v1/{path}",
        body,
        format="json",
        headers={"Idempotency-Key": key or str(uuid4())},
    )


def reserve(api: APIClient, key: str = "", **changes: Any) -> Any:
    return post(api, "reservations", key, **({"lines": TWO_TEAS} | changes))


def redeem(api: APIClient, key: str = "", **changes: Any) -> Any:
    body = {"order_id": f"order-{uuid4()}"}
    if "reservation" not in changes:
        body["lines"] = TWO_TEAS  # type: ignore[assignment]
    return post(api, "redemptions", key, **(body | changes))


def release(api: APIClient, reservation: str) -> int:
    return int(api.delete(f"/api/v1/reservations/{reservation}").status_code)


def code(strategy: Strategy, text: str = "SPRING", **fields: Any) -> Code:
    return Code.objects.create(
        digest=spelling.digest(text), text=text, strategy=strategy, **fields
    )


def money(strategy: Strategy) -> tuple[Decimal, Decimal, int]:
    """Return what is reserved, spent and counted, which is its campaign's too."""
    strategy.refresh_from_db()
    campaign = Campaign.objects.get(id=strategy.campaign_id)
    assert (campaign.reserved, campaign.spent) == (strategy.reserved, strategy.spent)
    return strategy.reserved, strategy.spent, strategy.redemptions


def let_pass(reservation: str, seconds: int = 3600) -> None:
    """Move a reservation into the past, as if so much time had gone by."""
    row = Reservation.objects.get(id=reservation)
    earlier = timedelta(seconds=seconds)
    row.reserved_at, row.expires_at = (
        row.reserved_at - earlier,
        row.expires_at - earlier,
    )
    row.save()
    Offer.objects.filter(held_until__isnull=False).update(held_until=row.expires_at)


def told(type_: str) -> int:
    return StoredEvent.objects.filter(type=type_).count()


def roll_back(api: APIClient, redemption: str, key: str = "", **body: Any) -> Any:
    return post(api, f"redemptions/{redemption}/rollback", key, **body)


def part(line: int, quantity: int) -> dict[str, int]:
    return {"line": line, "quantity": quantity}
