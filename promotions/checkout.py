"""The checkout's doors: qualify a cart, reserve, redeem, roll back."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.access import caller
from analytics.problems import Problem
from catalog import pricing
from promotions import (
    carts,
    guessing,
    holds,
    ledger,
    receipts,
    redemption,
    reservations,
    rollbacks,
    rules,
)
from promotions.calls import KEY, Strict, check_key, once, valid
from promotions.carts import Cart, Effect, Entry, Item, NotApplied, Priced
from promotions.discounts import More

Done = TypeVar("Done")
MOST_LINES = 1000
MOST_CODES = 20


class ItemSerializer(Strict):
    """A cart's line. Without `price`, the catalogue's price counts."""

    sku = serializers.CharField(max_length=200)
    quantity = serializers.IntegerField(min_value=1, max_value=10_000)
    price = serializers.DecimalField(
        max_digits=14, decimal_places=4, min_value=0, allow_null=True, required=False
    )


class CartSerializer(Strict):
    """A cart of up to 1,000 lines; no customer means a guest.

    `shipping` is what shipping costs before promotions. `tax` says what the prices are,
    and must be what the shop has declared.
    """

    customer = serializers.CharField(max_length=200, allow_null=True, required=False)
    visitor = serializers.CharField(
        max_length=200,
        allow_null=True,
        required=False,
        help_text="A hash of an address or a session, against guessed codes; not kept.",
    )
    currency = serializers.RegexField("^[A-Z]{3}$", required=False)
    channel = serializers.CharField(max_length=200, allow_blank=True, default="")
    shipping = serializers.DecimalField(
        max_digits=14, decimal_places=4, min_value=0, default=Decimal(0)
    )
    tax = serializers.ChoiceField(["included", "excluded"], required=False)
    codes = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=MOST_CODES, default=list
    )
    lines = serializers.ListField(child=ItemSerializer(), max_length=MOST_LINES)

    def validate(self, cart: dict[str, Any]) -> dict[str, Any]:
        currency = cart.get("currency", settings.CURRENCY)
        if cart.get("tax", tax_basis()) != tax_basis():
            other = f"This shop's amounts are declared with tax {tax_basis()}."
            raise serializers.ValidationError({"tax": [other]}, "tax_basis")
        for name in ("shipping", "total"):
            if wrong := pricing.decimals_fault(cart.get(name), currency):
                raise serializers.ValidationError({name: [wrong]}, "decimals")
        faults: dict[Any, Any] = {
            i: {"price": [fault]}
            for i, line in enumerate(cart["lines"])
            if (fault := pricing.decimals_fault(line.get("price"), currency))
        }
        if faults:
            raise serializers.ValidationError({"lines": faults}, "decimals")
        return cart


class QualificationSerializer(CartSerializer):
    """A cart to price, now or `as_of` another time, with `proposed` strategies too."""

    as_of = serializers.DateTimeField(required=False)
    proposed = serializers.ListField(
        child=serializers.UUIDField(), max_length=100, default=list
    )


class UsesSerializer(CartSerializer):
    """A cart and the offers it uses: without the field, all that apply.

    With `dry_run`, the answer is the same, and nothing is recorded.
    """

    offers = serializers.ListField(
        child=serializers.UUIDField(), max_length=100, allow_null=True, default=None
    )
    dry_run = serializers.BooleanField(default=False)


class ReservationSerializer(UsesSerializer):
    """A cart to hold for so many seconds, a week at most."""

    seconds = serializers.IntegerField(
        min_value=1,
        max_value=int(reservations.LONGEST.total_seconds()),
        default=int(reservations.USUAL.total_seconds()),
    )


class OrderSerializer(UsesSerializer):
    """An order: a cart and what it uses, or a reservation instead of the cart.

    With `total`, the order is refused unless it comes to what the shop shows.
    """

    order_id = serializers.CharField(max_length=200)
    reservation = serializers.UUIDField(required=False)
    total = serializers.DecimalField(
        max_digits=22, decimal_places=4, min_value=0, required=False
    )
    lines = serializers.ListField(
        child=ItemSerializer(), max_length=MOST_LINES, required=False
    )

    def validate(self, cart: dict[str, Any]) -> dict[str, Any]:
        if "reservation" in cart:
            return cart
        if "lines" not in cart:
            fault = "Send the cart's lines, or a reservation."
            raise serializers.ValidationError({"lines": [fault]}, "required")
        return super().validate(cart)


class PartSerializer(Strict):
    """So many units of a line, by its index in the order."""

    line = serializers.IntegerField(min_value=0)
    quantity = serializers.IntegerField(min_value=1, max_value=10_000)


class RollbackSerializer(Strict):
    """What to take back: without lines, the whole redemption."""

    lines = serializers.ListField(
        child=PartSerializer(), max_length=MOST_LINES, default=list
    )
    reason = serializers.CharField(max_length=500, allow_blank=True, default="")


def money() -> serializers.DecimalField:
    """An amount in an answer."""
    return serializers.DecimalField(max_digits=22, decimal_places=3)


class AdjustmentSerializer(serializers.Serializer[None]):
    """Money off a line, off shipping, or a gift's value, where `line` is null."""

    line = serializers.IntegerField(allow_null=True)
    sku = serializers.CharField(allow_blank=True)
    quantity = serializers.IntegerField()
    amount = money()
    of = serializers.ChoiceField(["line", "shipping", "gift"])


class MoreSerializer(serializers.Serializer[None]):
    """What is missing for more, and what that would be."""

    spend = money()
    quantity = serializers.IntegerField()
    hint = serializers.CharField()


class EffectSerializer(serializers.Serializer[None]):
    """What a strategy does to the cart; `next` is its next tier."""

    strategy = serializers.UUIDField()
    offer = serializers.UUIDField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    kind = serializers.CharField()
    title = serializers.CharField()
    discount = money()
    shipping_discount = money()
    gift = serializers.CharField(allow_null=True)
    adjustments = AdjustmentSerializer(many=True)
    next = MoreSerializer(allow_null=True)


class NotAppliedSerializer(serializers.Serializer[None]):
    """Why a strategy does nothing, and how much more would change that."""

    strategy = serializers.UUIDField()
    offer = serializers.UUIDField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    title = serializers.CharField()
    reason = serializers.CharField()
    spend_more = money()
    quantity_more = serializers.IntegerField()
    hint = serializers.CharField(allow_blank=True)


class CodeAnswerSerializer(serializers.Serializer[None]):
    """What became of an entered code; `refused` is null if it counts."""

    code = serializers.CharField()
    refused = serializers.CharField(allow_null=True)


class PricedLineSerializer(serializers.Serializer[None]):
    """A line of the cart, in the order sent: shelf amount, discount, what is left."""

    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    amount = money()
    discount = money()
    total = money()


class PricedSerializer(serializers.Serializer[None]):
    """A priced cart; `exact` is false if the search for the best had to stop."""

    currency = serializers.CharField()
    tax = serializers.CharField()
    lines = PricedLineSerializer(many=True)
    subtotal = money()
    discount = money()
    shipping = money()
    shipping_discount = money()
    total = money()
    effects = EffectSerializer(many=True)
    not_applied = NotAppliedSerializer(many=True)
    codes = CodeAnswerSerializer(many=True)
    unknown_skus = serializers.ListField(child=serializers.CharField())
    exact = serializers.BooleanField()


class RedeemedSerializer(PricedSerializer):
    """The order as redeemed; the ids are for a later rollback."""

    redemptions = serializers.ListField(child=serializers.UUIDField())


class ReservedSerializer(PricedSerializer):
    """The cart as it is held, until then."""

    reservation = serializers.UUIDField(allow_null=True)
    expires_at = serializers.DateTimeField()


class RolledBackSerializer(serializers.Serializer[None]):
    """What was taken back, and what is left of the redemption's discount."""

    rollback = serializers.UUIDField()
    redemption = serializers.UUIDField()
    amount = money()
    left = money()
    whole = serializers.BooleanField()


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
        at = sent.get("as_of", timezone.now())
        asker = _asker(request, sent)
        wait = guessing.pause(asker, at=timezone.now()) if asker else 0
        cart = replace(_cart(sent), codes=()) if wait else _cart(sent)
        priced = carts.qualify(cart, at=at, proposed=sent["proposed"])
        body = answer(priced, cart.currency)
        if wait:
            # The cart is priced all the same: a shop must be able to show it.
            later = [{"code": text, "refused": "try_later"} for text in sent["codes"]]
            return Response(body | {"codes": later}, headers={"Retry-After": str(wait)})
        if asker:
            wrong = [one.text for one in priced.entered if one.refused]
            guessing.note(asker, wrong, at=timezone.now())
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
        return _once(request, ReservationSerializer, _reserved)


class ReservationView(APIView):
    """A reservation."""

    scope = "carts"

    @extend_schema(operation_id="delete_reservation", responses={204: None})
    def delete(self, request: Request, reservation: UUID) -> Response:
        """Give back what it holds; again is no error."""
        _refusing(lambda: holds.release(reservation, at=timezone.now()))
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

        So does another call for the same order with the same content.
        """
        return _once(request, OrderSerializer, _redeemed_once)


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
        return _once(
            request, RollbackSerializer, lambda sent: _rolled_back(redemption, sent)
        )


class CodesPaused(APIException):
    """Too many wrong codes were entered: none is looked up for a while."""

    status_code = 429
    default_code = "codes_paused"
    default_detail = "Too many wrong codes: try again later, or order without a code."

    def __init__(self, wait: int) -> None:
        super().__init__()
        self.wait = wait


REFUSALS: dict[type[Exception], tuple[int, str]] = {
    redemption.UnknownOffer: (422, "offer_not_usable"),
    redemption.CodeRefused: (422, "code_refused"),
    redemption.OffersDoNotApply: (422, "offers_do_not_apply"),
    redemption.OrderRedeemed: (409, "order_redeemed"),
    redemption.TotalDiffers: (409, "total_differs"),
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


def tax_basis() -> str:
    """Return what the shop's amounts are."""
    return "included" if settings.PRICES_INCLUDE_TAX else "excluded"


def answer(priced: Priced, currency: str) -> dict[str, Any]:
    """Return a priced cart as the shop reads it."""

    def told(coins: int) -> str:
        return _told(coins, priced)

    return {
        "currency": currency,
        "tax": tax_basis(),
        "lines": [
            {
                "sku": line.sku,
                "quantity": line.quantity,
                "amount": told(line.amount),
                "discount": told(off),
                "total": told(line.amount - off),
            }
            for line, off in zip(priced.lines, priced.off, strict=True)
        ],
        "subtotal": told(priced.subtotal),
        "discount": told(sum(priced.off)),
        "shipping": told(priced.shipping),
        "shipping_discount": told(priced.shipping_discount),
        "total": told(priced.total),
        "effects": [_effect(effect, priced) for effect in priced.effects],
        "not_applied": [_not_applied(row, priced) for row in priced.not_applied],
        "codes": [{"code": one.text, "refused": one.refused} for one in priced.entered],
        "unknown_skus": priced.unknown,
        "exact": priced.exact,
    }


def _told(coins: int, priced: Priced) -> str:
    return str(coins * priced.coins.unit)


def _effect(effect: Effect, priced: Priced) -> dict[str, Any]:
    applied = effect.applied
    return {
        **_named(effect.entry),
        "kind": effect.entry.strategy.menu[effect.entry.variant].__struct_config__.tag,
        "discount": _told(applied.discount, priced),
        "shipping_discount": _told(applied.shipping, priced),
        "gift": applied.gift,
        "adjustments": redemption.adjustments(effect, priced),
        "next": applied.next and _more(applied.next, effect.entry, priced),
    }


def _not_applied(row: NotApplied, priced: Priced) -> dict[str, Any]:
    more = row.missed.more or More()
    hint = _more(more, row.entry, priced)["hint"] if row.missed.more else ""
    return {
        **_named(row.entry),
        "reason": row.missed.reason,
        "spend_more": _told(more.spend, priced),
        "quantity_more": more.quantity,
        "hint": hint,
    }


def _named(entry: Entry) -> dict[str, Any]:
    strategy = entry.strategy
    return {
        "strategy": str(strategy.id),
        "offer": str(entry.offer) if entry.offer else None,
        "code": entry.code.text if entry.code else None,
        "title": rules.words(strategy.menu[entry.variant], strategy.currency),
    }


def _more(more: More, entry: Entry, priced: Priced) -> dict[str, Any]:
    currency = entry.strategy.currency
    wanted = [f"{_told(more.spend, priced)} {currency}"] if more.spend else []
    wanted += [f"{more.quantity} more"] if more.quantity and more.spend else []
    wanted += [f"{more.quantity}"] if more.quantity and not more.spend else []
    terms = entry.strategy.menu[entry.variant]
    what = rules.reward(more.tier or terms, currency)
    return {
        "spend": _told(more.spend, priced),
        "quantity": more.quantity,
        "hint": f"{' and '.join(wanted)} more to get {what}",
    }


def _reserved(sent: dict[str, Any]) -> dict[str, Any]:
    at, currency = timezone.now(), _currency(sent)
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


def _redeemed_once(sent: dict[str, Any]) -> dict[str, Any]:
    """Redeem for an order once, whichever keys its calls bear."""
    order = redemption.Order(
        order_id=sent["order_id"],
        cart=_cart(sent),
        offers=sent["offers"],
        total=sent.get("total"),
        reservation=sent.get("reservation"),
    )
    try:
        body, _ = receipts.once(
            caller=receipts.SHOP,
            key=order.order_id,
            request=order.digest,
            do=lambda: _redeemed(order),
        )
    except receipts.KeyReused as error:
        raise redemption.OrderRedeemed(
            "This order has been redeemed with another content."
        ) from error
    return body


def _redeemed(order: redemption.Order) -> dict[str, Any]:
    at = timezone.now()
    if order.reservation:
        body, made = reservations.redeem(
            order.reservation, order_id=order.order_id, at=at
        )
    else:
        priced, made = redemption.redeem(order, at=at)
        body = answer(priced, order.cart.currency)
    return body | {"redemptions": [str(one.id) for one in made]}


def _rolled_back(key: UUID, sent: dict[str, Any]) -> dict[str, Any]:
    parts = [rollbacks.Part(**part) for part in sent["lines"]]
    row, made = rollbacks.roll_back(
        key, parts=parts, reason=sent["reason"], at=timezone.now()
    )
    currency = row.strategy.currency
    return {
        "rollback": str(made.id),
        "redemption": str(row.id),
        "amount": str(pricing.rounded(made.amount, currency)),
        "left": str(pricing.rounded(row.discount - row.returned, currency)),
        "whole": row.rolled_back_at is not None,
    }


def _once(
    request: Request,
    kind: type[serializers.Serializer[None]],
    do: Callable[[dict[str, Any]], dict[str, Any]],
) -> Response:
    """Do it once for the request's key; a dry run is done, and undone."""
    dry = isinstance(request.data, Mapping) and request.data.get("dry_run")
    if not dry:
        check_key(request)
    sent = valid(kind, request)
    asker = _asker(request, sent)

    def done() -> dict[str, Any]:
        if asker and (wait := guessing.pause(asker, at=timezone.now())):
            raise CodesPaused(wait)
        return do(sent)

    try:
        if sent.get("dry_run"):
            return Response(_refusing(lambda: _undone(done)))
        return _refusing(lambda: once(request, done))
    except Problem as problem:
        refused = problem.__cause__
        if asker and isinstance(refused, redemption.CodeRefused):
            guessing.note(asker, refused.texts, at=timezone.now())
        raise


def _asker(request: Request, sent: dict[str, Any]) -> guessing.Asker | None:
    """Return who enters codes, if any are entered."""
    if not sent.get("codes"):
        return None
    shop = caller(request)
    who = {name: sent.get(name) for name in ("customer", "visitor")}
    return guessing.asker(shop.pk, shop.name, **who)


def _undone(do: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    with transaction.atomic():
        body = do()
        transaction.set_rollback(True)
    return body | {name: None for name in ("reservation",) if name in body}


def _refusing(do: Callable[[], Done]) -> Done:
    try:
        return do()
    except tuple(REFUSALS) as error:
        status, code = REFUSALS[type(error)]
        raise Problem(status, code, str(error)) from error


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
