"""What the checkout's calls are asked and answer, field by field."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from rest_framework import serializers

from analytics.bodies import AmountField, MomentField, WholeField
from catalog import pricing
from promotions import reservations
from promotions.calls import Strict

MOST_LINES = 1000
MOST_CODES = 20


class ItemSerializer(Strict):
    """A cart's line. Without `price`, the catalogue's price counts."""

    sku = serializers.CharField(max_length=200)
    quantity = WholeField(min_value=1, max_value=10_000)
    # Four decimals, as the tables keep: the currency's own are looked at in `validate`.
    price = AmountField(
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
    shipping = AmountField(
        max_digits=14, decimal_places=4, min_value=0, default=Decimal(0)
    )
    tax = serializers.ChoiceField(["included", "excluded"], required=False)
    codes = serializers.ListField(
        child=serializers.CharField(max_length=200), max_length=MOST_CODES, default=list
    )
    lines = serializers.ListField(child=ItemSerializer(), max_length=MOST_LINES)

    def validate(self, cart: dict[str, Any]) -> dict[str, Any]:
        currency = cart.get("currency", settings.CURRENCY)
        # 10 off is another discount on the other basis, so a cart is refused, not
        # converted.
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

    as_of = MomentField(required=False)
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

    seconds = WholeField(
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
    total = AmountField(max_digits=22, decimal_places=4, min_value=0, required=False)
    lines = serializers.ListField(
        child=ItemSerializer(), max_length=MOST_LINES, required=False
    )

    def validate(self, cart: dict[str, Any]) -> dict[str, Any]:
        if "reservation" in cart:
            # As it was sent: what was read has defaults that nobody sent.
            _check_alone(self.initial_data)
            return cart
        if "lines" not in cart:
            fault = "Send the cart's lines, or a reservation."
            raise serializers.ValidationError({"lines": [fault]}, "required")
        return super().validate(cart)


WITH_RESERVATION = {"order_id", "reservation", "total", "dry_run"}


def _check_alone(sent: Mapping[str, Any]) -> None:
    """A reservation is redeemed as it is held: a cart beside it would be ignored."""
    fault = "A reservation holds the cart: send the one or the other."
    if other := sorted(sent.keys() - WITH_RESERVATION):
        raise serializers.ValidationError({n: [fault] for n in other}, "reserved")


class PartSerializer(Strict):
    """So many units of a line, by its index in the order."""

    line = WholeField(min_value=0)
    quantity = WholeField(min_value=1, max_value=10_000)


class RollbackSerializer(Strict):
    """What to take back: without lines, the whole redemption."""

    lines = serializers.ListField(
        child=PartSerializer(),
        min_length=1,
        max_length=MOST_LINES,
        required=False,
        help_text="None: the whole. An empty list is refused: it may be a mistake.",
    )
    reason = serializers.CharField(max_length=500, allow_blank=True, default="")


def money() -> serializers.DecimalField:
    """An amount in an answer."""
    # Three: dinars have thousandths.
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


def tax_basis() -> str:
    """Return what the shop's amounts are."""
    return "included" if settings.PRICES_INCLUDE_TAX else "excluded"
