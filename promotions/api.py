"""The storefront's doors: offers, qualifications, redemptions."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from analytics.access import caller
from analytics.problems import Problem
from catalog import pricing
from promotions import carts, discounts, offers, redemption
from promotions.carts import Effect, Item, NotApplied, Priced

MOST_LINES = 1000


class Strict(serializers.Serializer[None]):
    """A body whose fields are all known: a misspelt one must not pass in silence."""

    def to_internal_value(self, data: Any) -> Any:
        names = data.keys() if isinstance(data, Mapping) else set()
        if unknown := sorted(names - self.fields.keys()):
            errors = {name: ["There is no such field."] for name in unknown}
            raise serializers.ValidationError(errors, "unknown")
        return super().to_internal_value(data)


class ItemSerializer(Strict):
    """A cart's line. Without `price`, the catalogue's price counts."""

    sku = serializers.CharField(max_length=200)
    quantity = serializers.IntegerField(min_value=1, max_value=10_000)
    price = serializers.DecimalField(
        max_digits=14, decimal_places=4, min_value=0, allow_null=True, required=False
    )


class CartSerializer(Strict):
    """A cart of up to 1,000 lines; no customer means a guest."""

    customer = serializers.CharField(max_length=200, allow_null=True, required=False)
    currency = serializers.RegexField("^[A-Z]{3}$", required=False)
    lines = serializers.ListField(child=ItemSerializer(), max_length=MOST_LINES)

    def validate(self, cart: dict[str, Any]) -> dict[str, Any]:
        currency = cart.get("currency", settings.CURRENCY)
        faults: dict[Any, Any] = {
            i: {"price": [fault]}
            for i, line in enumerate(cart["lines"])
            if (fault := pricing.decimals_fault(line.get("price"), currency))
        }
        if faults:
            raise serializers.ValidationError({"lines": faults}, "decimals")
        return cart


class OrderSerializer(CartSerializer):
    """An order and the offers it uses."""

    customer = serializers.CharField(max_length=200)
    order_id = serializers.CharField(max_length=200)
    offers = serializers.ListField(
        child=serializers.UUIDField(), min_length=1, max_length=10
    )


class OfferSerializer(serializers.Serializer[None]):
    """An offer to show; report that you did as an `offer_shown` event with its id."""

    id = serializers.UUIDField()
    strategy = serializers.UUIDField()
    kind = serializers.CharField()
    title = serializers.CharField()
    terms = serializers.DictField()
    scope = serializers.ListField(child=serializers.CharField())
    currency = serializers.CharField()
    expires_at = serializers.DateTimeField()
    reasons = serializers.ListField(child=serializers.CharField())


class OffersSerializer(serializers.Serializer[None]):
    """A customer's offers, the most promising first."""

    customer = serializers.CharField()
    computed_at = serializers.DateTimeField(allow_null=True)
    offers = OfferSerializer(many=True)


class AdjustmentSerializer(serializers.Serializer[None]):
    """Money off one line, or a gift's value where `line` is null."""

    line = serializers.IntegerField(allow_null=True)
    sku = serializers.CharField()
    amount = serializers.DecimalField(max_digits=22, decimal_places=3)


class EffectSerializer(serializers.Serializer[None]):
    """What an offer does to the cart."""

    offer = serializers.UUIDField()
    title = serializers.CharField()
    discount = serializers.DecimalField(max_digits=22, decimal_places=3)
    gift = serializers.CharField(allow_null=True)
    adjustments = AdjustmentSerializer(many=True)


class NotAppliedSerializer(serializers.Serializer[None]):
    """Why an offer does nothing, and how much more spending would change that."""

    offer = serializers.UUIDField()
    title = serializers.CharField()
    reason = serializers.CharField()
    spend_more = serializers.DecimalField(max_digits=22, decimal_places=3)


class PricedLineSerializer(serializers.Serializer[None]):
    """A line of the cart, in the order sent: shelf amount, discount, what is left."""

    sku = serializers.CharField()
    quantity = serializers.IntegerField()
    amount = serializers.DecimalField(max_digits=22, decimal_places=3)
    discount = serializers.DecimalField(max_digits=22, decimal_places=3)
    total = serializers.DecimalField(max_digits=22, decimal_places=3)


class PricedSerializer(serializers.Serializer[None]):
    """A priced cart."""

    currency = serializers.CharField()
    lines = PricedLineSerializer(many=True)
    subtotal = serializers.DecimalField(max_digits=22, decimal_places=3)
    discount = serializers.DecimalField(max_digits=22, decimal_places=3)
    total = serializers.DecimalField(max_digits=22, decimal_places=3)
    effects = EffectSerializer(many=True)
    not_applied = NotAppliedSerializer(many=True)
    unknown_skus = serializers.ListField(child=serializers.CharField())


class RedeemedSerializer(PricedSerializer):
    """The order as redeemed; the ids are for a later rollback."""

    redemptions = serializers.ListField(child=serializers.UUIDField())


class OffersView(APIView):
    """A customer's offers."""

    scope = "offers"

    @extend_schema(operation_id="get_offers", responses=OffersSerializer)
    def get(self, request: Request, customer: str) -> HttpResponse:
        """Read the offers; nothing is recorded. An unknown customer has none."""
        body = offers.sheet(customer, currency=settings.CURRENCY, at=timezone.now())
        if caller(request).publishable:
            body = offers.without_habits(body)
        return HttpResponse(body, content_type="application/json")


class QualificationsView(APIView):
    """What would apply to a cart."""

    scope = "carts"

    @extend_schema(
        operation_id="post_qualifications",
        request=CartSerializer,
        responses=PricedSerializer,
    )
    def post(self, request: Request) -> Response:
        """Price a cart with the customer's offers; nothing is recorded."""
        cart = _valid(CartSerializer, request)
        currency = cart.get("currency", settings.CURRENCY)
        priced = carts.qualify(
            customer=cart.get("customer"),
            items=_items(cart),
            currency=currency,
            at=timezone.now(),
        )
        return Response(_priced(priced, currency))


class RedemptionsView(APIView):
    """Use offers with an order."""

    scope = "carts"

    @extend_schema(
        operation_id="post_redemptions",
        request=OrderSerializer,
        responses={201: RedeemedSerializer, 200: RedeemedSerializer},
        parameters=[
            OpenApiParameter(
                "Idempotency-Key", str, OpenApiParameter.HEADER, required=True
            )
        ],
    )
    def post(self, request: Request) -> Response:
        """Redeem all the named offers, or none. A retry gets the first answer (200)."""
        key = request.headers.get("Idempotency-Key", "")
        if not 1 <= len(key) <= 255:
            raise Problem(
                400,
                "idempotency_key_missing",
                "Send an Idempotency-Key header of 1 to 255 characters.",
            )
        order = _order(_valid(OrderSerializer, request))
        try:
            body, again = redemption.once(
                caller=caller(request).pk,
                key=key,
                request=request._request.body,
                do=lambda: _redeemed(order),
            )
        except tuple(REFUSALS) as error:
            status, code = REFUSALS[type(error)]
            raise Problem(status, code, str(error)) from error
        return Response(body, status=200 if again else 201)


REFUSALS: dict[type[Exception], tuple[int, str]] = {
    redemption.UnknownOffer: (422, "offer_not_usable"),
    redemption.OffersDoNotApply: (422, "offers_do_not_apply"),
    redemption.BudgetSpent: (409, "budget_spent"),
    redemption.OrderRedeemed: (409, "order_redeemed"),
    redemption.KeyReused: (422, "idempotency_key_reused"),
}


def _valid(kind: type[serializers.Serializer[None]], request: Request) -> Any:
    serializer = kind(data=request.data)
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def _items(cart: Any) -> list[Item]:
    return [Item(**line) for line in cart["lines"]]


def _order(cart: Any) -> redemption.Order:
    return redemption.Order(
        customer=cart["customer"],
        order_id=cart["order_id"],
        items=_items(cart),
        offers=cart["offers"],
        currency=cart.get("currency", settings.CURRENCY),
    )


def _redeemed(order: redemption.Order) -> dict[str, Any]:
    priced, made = redemption.redeem(order, at=timezone.now())
    ids: list[UUID] = [redeemed.id for redeemed in made]
    return _priced(priced, order.currency) | {"redemptions": list(map(str, ids))}


def _priced(priced: Priced, currency: str) -> dict[str, Any]:
    return {
        "currency": currency,
        "lines": _lines(priced, currency),
        "subtotal": _money(priced.subtotal, currency),
        "discount": _money(priced.discount, currency),
        "total": _money(priced.total, currency),
        "effects": [_effect(effect, priced, currency) for effect in priced.effects],
        "not_applied": [_not_applied(row, currency) for row in priced.not_applied],
        "unknown_skus": priced.unknown,
    }


def _money(amount: Decimal, currency: str) -> str:
    return str(pricing.rounded(amount, currency))


def _lines(priced: Priced, currency: str) -> list[dict[str, Any]]:
    off: dict[int, Decimal] = defaultdict(Decimal)
    for effect in priced.effects:
        for line, amount in effect.applied.lines.items():
            off[line] += amount
    return [
        {
            "sku": line.sku,
            "quantity": line.quantity,
            "amount": _money(line.amount, currency),
            "discount": _money(off[i], currency),
            "total": _money(line.amount - off[i], currency),
        }
        for i, line in enumerate(priced.lines)
    ]


def _effect(effect: Effect, priced: Priced, currency: str) -> dict[str, Any]:
    return {
        "offer": str(effect.offer.id),
        "title": _title(effect),
        "discount": _money(effect.applied.discount, currency),
        "gift": effect.applied.gift,
        "adjustments": redemption.adjustments(effect, priced),
    }


def _not_applied(row: NotApplied, currency: str) -> dict[str, Any]:
    return {
        "offer": str(row.offer.id),
        "title": _title(row),
        "reason": row.missed.reason,
        "spend_more": _money(row.missed.more, currency),
    }


def _title(row: Effect | NotApplied) -> str:
    strategy = row.offer.strategy
    return discounts.words(strategy.terms[row.offer.variant], strategy.currency)
