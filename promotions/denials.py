"""What the checkout refused to a customer: kept for 30 days, for support to tell why.

A code that exists is kept as it is entered; of a text that is no code, which may be
anything somebody types, the first two letters and its length. Nothing here is in the
log, or part of the answer: should it fail, the checkout goes on as ever.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError
from django.db.models import F

from analytics import identity
from promotions import ledger, order_carts
from promotions.codes import Entered
from promotions.models import Denial

KEEP = timedelta(days=30)
AGAIN = timedelta(hours=1)
"""A cart is priced at every change: the same refusal counts up within this time."""
MOST_REASONS = 20
UNKNOWN = "unknown_code"
Reasons = list[list[str]]
log = logging.getLogger(__name__)


def of_cart(customer: str | None, entered: Sequence[Entered], *, at: datetime) -> None:
    """Keep the codes that a priced cart could not use."""
    refused = [one for one in entered if one.refused]
    if refused:
        _keep(customer, "cart", "code_refused", _codes(refused), "", at)


def of_call(
    customer: str | None, call: str, code: str, error: BaseException, *, at: datetime
) -> None:
    """Keep why a reservation or an order was refused; `code` is what the shop got."""
    told = [] if _names_codes(error) else [str(error)]
    _keep(customer, call, code, list(_reasons(error)), "".join(told), at)


def forget(*, before: datetime) -> None:
    """Delete what is older."""
    Denial.objects.filter(at__lt=before).delete()


def _names_codes(error: BaseException) -> bool:
    """Whether the message repeats what the customer has typed."""
    return isinstance(error, order_carts.CodeRefused | order_carts.OffersDoNotApply)


def _reasons(error: BaseException) -> Iterator[list[str]]:
    match error:
        case order_carts.CodeRefused():
            yield from _codes(error.refused)
        case order_carts.OffersDoNotApply():
            yield from (["strategy", key, why] for key, why in error.missed.items())
        case ledger.RanOut():
            yield ["strategy", str(error.strategy), ""]
        case _:
            return


def _codes(refused: Sequence[Entered]) -> Reasons:
    return [
        ["code", _named(one.text, one.refused or ""), one.refused or ""]
        for one in refused[:MOST_REASONS]
    ]


def _named(text: str, reason: str) -> str:
    """Return a code's text; of what is none, how it begins and how long it is."""
    return text if reason != UNKNOWN else f"{text.strip()[:2]}… ({len(text.strip())})"


def _keep(
    customer: str | None,
    call: str,
    code: str,
    reasons: Reasons,
    detail: str,
    at: datetime,
) -> None:
    if not customer or "\0" in customer:
        return
    said: dict[str, Any] = {"call": call, "code": code, "reasons": reasons}
    try:
        key = identity.find(customer)
        if key is None:
            return
        again = Denial.objects.filter(customer=key, at__gt=at - AGAIN, **said)
        if not again.update(times=F("times") + 1, at=at):
            Denial.objects.create(customer=key, at=at, detail=detail[:500], **said)
    except DatabaseError as error:
        log.warning("a refusal is not kept: %s", type(error).__name__)
