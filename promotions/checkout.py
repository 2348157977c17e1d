"""The checkout's doors: qualify a cart, reserve, redeem, roll back."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics import clock
from analytics.problems import Problem
from catalog import pricing
from promotions import (
    carts,
    denials,
    guessing,
    holds,
    receipts,
    redemption,
    reservations,
    rollbacks,
)
from promotions.answers import answer
from promotions.calls import KEY, valid
from promotions.cart_bodies import (
    OrderSerializer,
    PricedSerializer,
    QualificationSerializer,
    RedeemedSerializer,
    ReservationSerializer,
    ReservedSerializer,
    RollbackSerializer,
    RolledBackSerializer,
)
from promotions.checkout_calls import CodesPaused, asker_of, once_for, refusing
from promotions.models import Redemption
from promotions.shopping import Cart, Item


class QualificationsView(APIView):
    """What would apply to a cart."""

    scope = "carts"

    @extend_schema(
        operation_id="post_qualifications",
        request=QualificationSerializer,
        responses=PricedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Price a cart with all that applies; nothing is recorded."""
        sent = valid(QualificationSerializer, request)
        at = sent.get("as_of", clock.now())
        asker = asker_of(request, sent)
        # By the wall's clock: in demo mode the shop's own may jump by weeks.
        wait = guessing.pause(asker, at=clock.wall()) if asker else 0
        cart = replace(_cart(sent), codes=()) if wait else _cart(sent)
        priced = carts.qualify(cart, at=at, proposed=sent["proposed"])
        body = answer(priced, cart.currency)
        if wait:
            # The cart is priced all the same: a shop must be able to show it.
            denials.of_call(
                sent.get("customer"), "cart", "codes_paused", CodesPaused(wait), at=at
            )
            later = [{"code": text, "refused": "try_later"} for text in sent["codes"]]
            return Response(body | {"codes": later}, headers={"Retry-After": str(wait)})
        if asker:
            wrong = [one.text for one in priced.entered if one.refused]
            guessing.note(asker, wrong, at=clock.wall())
        # Of another time was only asked: nobody was refused anything.
        if "as_of" not in sent:
            denials.of_cart(sent.get("customer"), priced.entered, at=at)
        return Response(body)


class ReservationsView(APIView):
    """Hold a cart's promotions."""

    scope = "carts"

    @extend_schema(
        operation_id="post_reservations",
        request=ReservationSerializer,
        responses={201: ReservedSerializer, 200: ReservedSerializer},
        parameters=[KEY],
    )
    def post(self, request: Request) -> Response:
        """Hold budgets, limits, offers and codes for a cart. Retries get the same."""
        return once_for(request, ReservationSerializer, _reserved, "reservation")


class ReservationView(APIView):
    """A reservation."""

    scope = "carts"

    @extend_schema(operation_id="delete_reservation", responses={204: None})
    def delete(self, request: Request, reservation: UUID) -> Response:
        """Give back what it holds; again is no error."""
        refusing(lambda: holds.release(reservation, at=clock.now()))
        return Response(status=204)


class RedemptionsView(APIView):
    """Use promotions with an order."""

    scope = "carts"

    @extend_schema(
        operation_id="post_redemptions",
        request=OrderSerializer,
        responses={201: RedeemedSerializer, 200: RedeemedSerializer},
        parameters=[KEY],
    )
    def post(self, request: Request) -> Response:
        """Redeem all that is named, or nothing. A retry gets the first answer (200).

        So does another call for the same order with the same content. Once all of it
        was taken back, a retry is refused: the answer is not true any more.
        """
        response = once_for(request, OrderSerializer, _redeemed_once, "order")
        if response.status_code == 200 and _taken_back(response.data["redemptions"]):
            raise Problem(
                409,
                "taken_back",
                "This call's redemptions were taken back since: redeem the order anew"
                " with another Idempotency-Key.",
            )
        return response


class RollbackView(APIView):
    """Take a redemption back."""

    scope = "carts"

    @extend_schema(
        operation_id="post_rollback",
        request=RollbackSerializer,
        responses={201: RolledBackSerializer, 200: RolledBackSerializer},
        parameters=[KEY],
    )
    def post(self, request: Request, redemption: UUID) -> Response:
        """Take back a redemption, whole or by line. A retry gets the first answer."""
        return once_for(
            request, RollbackSerializer, lambda sent, _: _rolled_back(redemption, sent)
        )


def _reserved(sent: dict[str, Any], asker: guessing.Asker | None) -> dict[str, Any]:
    _heed(asker)
    at, currency = clock.now(), _currency(sent)
    until = at + timedelta(seconds=sent["seconds"])
    priced, held = reservations.reserve(
        _cart(sent),
        sent["offers"],
        at=at,
        until=until,
        answered=lambda priced: answer(priced, currency),
    )
    told = {"reservation": str(held.id), "expires_at": until.isoformat()}
    return answer(priced, currency) | told


def _redeemed_once(
    sent: dict[str, Any], asker: guessing.Asker | None
) -> dict[str, Any]:
    """Redeem for an order once, whichever keys its calls bear.

    What was answered is answered again, also to who must wait: no code is looked up.
    """
    order = redemption.Order(
        order_id=sent["order_id"],
        cart=_cart(sent),
        offers=sent["offers"],
        total=sent.get("total"),
        reservation=sent.get("reservation"),
    )
    try:
        # The order's receipt after the call's own: in the ledger's order of locks.
        body, _ = receipts.once(
            caller=receipts.SHOP,
            key=order.order_id,
            request=order.digest,
            do=lambda: _redeemed(order, asker),
        )
    except receipts.KeyReused as error:
        raise redemption.OrderRedeemed(
            "This order has been redeemed with another content."
        ) from error
    if not body["redemptions"]:
        # Nothing was used, so the order may come again with another cart.
        receipts.forget(caller=receipts.SHOP, key=order.order_id)
    return body


def _taken_back(redemptions: Sequence[str]) -> bool:
    rows = Redemption.objects.filter(id__in=redemptions)
    standing = rows.filter(rolled_back_at=None)
    return bool(redemptions) and not standing.exists()


def _redeemed(order: redemption.Order, asker: guessing.Asker | None) -> dict[str, Any]:
    _heed(asker)
    at = clock.now()
    if order.reservation:
        body, made = reservations.redeem(
            order.reservation, order_id=order.order_id, at=at, total=order.total
        )
    else:
        priced, made = redemption.redeem(order, at=at)
        body = answer(priced, order.cart.currency)
    return body | {"redemptions": [str(one.id) for one in made]}


def _rolled_back(key: UUID, sent: dict[str, Any]) -> dict[str, Any]:
    parts = [rollbacks.Part(**part) for part in sent.get("lines", ())]
    row, made = rollbacks.roll_back(
        key, parts=parts, reason=sent["reason"], at=clock.now()
    )
    currency = row.strategy.currency
    return {
        "rollback": str(made.id),
        "redemption": str(row.id),
        "amount": str(pricing.rounded(made.amount, currency)),
        "left": str(pricing.rounded(row.discount - row.returned, currency)),
        "whole": row.rolled_back_at is not None,
    }


def _heed(asker: guessing.Asker | None) -> None:
    """Look no code up for somebody who must wait.

    :raises CodesPaused: they must.
    """
    if asker and (wait := guessing.pause(asker, at=clock.wall())):
        raise CodesPaused(wait)


def _currency(sent: dict[str, Any]) -> str:
    return str(sent.get("currency", settings.CURRENCY))


def _cart(sent: dict[str, Any]) -> Cart:
    return Cart(
        items=[Item(**line) for line in sent.get("lines", [])],
        currency=_currency(sent),
        customer=sent.get("customer"),
        channel=sent["channel"],
        shipping=sent["shipping"],
        codes=sent["codes"],
    )
