"""A checkout's call, done once for its key; why it was refused, as shops read it.

A dry run is done as well, and undone.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.db import transaction
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from analytics import clock
from analytics.access import caller
from analytics.problems import Problem
from analytics.races import anew
from promotions import (
    denials,
    guessing,
    holds,
    ledger,
    order_carts,
    receipts,
    redemption,
    rollbacks,
)
from promotions.calls import check_key, once, valid

Done = TypeVar("Done")


class CodesPaused(APIException):
    """Too many wrong codes were entered: none is looked up for a while."""

    status_code = 429
    default_code = "codes_paused"
    default_detail = "Too many wrong codes: try again later, or order without a code."

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait


REFUSALS: dict[type[Exception], tuple[int, str]] = {
    order_carts.UnknownOffer: (422, "offer_not_usable"),
    order_carts.CodeRefused: (422, "code_refused"),
    order_carts.OffersDoNotApply: (422, "offers_do_not_apply"),
    redemption.OrderRedeemed: (409, "order_redeemed"),
    order_carts.TotalDiffers: (409, "total_differs"),
    ledger.NotUsable: (422, "offer_not_usable"),
    ledger.BudgetSpent: (409, "budget_spent"),
    ledger.CodeSpent: (422, "code_refused"),
    ledger.LimitReached: (409, "limit_reached"),
    holds.ReservationGone: (409, "reservation_gone"),
    rollbacks.UnknownRedemption: (404, "redemption_unknown"),
    rollbacks.RolledBack: (409, "already_rolled_back"),
    rollbacks.MoreThanBought: (422, "more_than_bought"),
    receipts.KeyReused: (422, "idempotency_key_reused"),
}


def once_for(
    request: Request,
    kind: type[serializers.Serializer[None]],
    do: Callable[[dict[str, Any], guessing.Asker | None], dict[str, Any]],
    call: str = "",
) -> Response:
    """Do it once for the request's key; a dry run is done, and undone.

    Why a `call` was refused is kept for its customer, whom support may have to tell.
    """
    dry = isinstance(request.data, Mapping) and request.data.get("dry_run")
    if not dry:
        check_key(request)
    sent = valid(kind, request)
    asker = asker_of(request, sent)
    try:
        if sent.get("dry_run"):
            return Response(
                # It takes the same locks as the call, and may lose the same races.
                refusing(lambda: anew(lambda: _undone(lambda: do(sent, asker))))
            )
        # What is held beyond its time is free for this cart, whenever beat comes by.
        holds.expire(at=clock.now())
        return refusing(lambda: once(request, lambda: do(sent, asker)))
    except CodesPaused as paused:
        _kept(sent, call, "codes_paused", paused)
        raise
    except Problem as problem:
        refused = problem.__cause__
        # Out here the call's own transaction is rolled back: what is noted now stays.
        if asker and isinstance(refused, order_carts.CodeRefused):
            guessing.note(asker, refused.texts, at=clock.wall())
        if refused and not dry:
            _kept(sent, call, str(problem.get_codes()), refused)
        raise


def _kept(sent: dict[str, Any], call: str, code: str, refused: BaseException) -> None:
    if call:
        customer = sent.get("customer")
        denials.of_call(customer, call, code, refused, at=clock.now())


def asker_of(request: Request, sent: dict[str, Any]) -> guessing.Asker | None:
    """Return who enters codes, if any are entered."""
    if not sent.get("codes"):
        return None
    shop = caller(request)
    who = {name: sent.get(name) for name in ("customer", "visitor")}
    return guessing.asker(shop.pk, shop.name, **who)


def _undone(do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    with transaction.atomic():
        # In here, to be undone as well: a dry run frees nothing.
        holds.expire(at=clock.now())
        body = do()
        transaction.set_rollback(True)
    unmade: dict[str, Any] = {"reservation": None, "redemptions": []}
    return body | {name: unmade[name] for name in unmade.keys() & body.keys()}


def refusing(do: Callable[[], Done]) -> Done:
    try:
        return do()
    except tuple(REFUSALS) as error:
        status, code = REFUSALS[type(error)]
        raise Problem(status, code, str(error)) from error
