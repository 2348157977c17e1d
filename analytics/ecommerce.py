"""The Segment family's e-commerce events, version 2 and its old names, as ours.

https://segment.com/docs/connections/spec/ecommerce/v2/. Names are matched without case.
What we do not know becomes a `custom_tracked` with its numbers; no text of it is kept.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from analytics import events, order_properties
from analytics.properties import Properties, numbers, properties
from analytics.scalars import number, text
from analytics.sent import Refused
from analytics.wording import Wording


def read(name: str, raw: msgspec.Raw, currency: str) -> events.Event:
    """Read a tracked event; amounts without a currency are in `currency`.

    :raises Refused: a property that the event needs is missing or wrong.
    """
    known = SPEC.get(name.casefold())
    if known is None:
        return events.CustomTracked(name=name, numbers=numbers(raw))
    try:
        return known(properties(raw), currency)
    except msgspec.ValidationError as error:
        raise Refused(str(error).replace("`$", "`$.properties")) from error


Read = Callable[[Properties, str], events.Event]


def _looked(kind: Callable[..., events.Event]) -> Read:
    return lambda seen, _: kind(**seen.item())


def _moved(kind: Callable[..., events.Event]) -> Read:
    return lambda seen, _: kind(**seen.item(), quantity=seen.units())


def _viewed(seen: Properties, _: str) -> events.Event:
    return events.ProductViewed(**seen.item(), dwell_seconds=seen.dwell)


def _clicked(seen: Properties, _: str) -> events.Event:
    return events.ProductClicked(
        **seen.item(), list=seen.label("list_id"), position=seen.whole("position")
    )


def _shared(seen: Properties, _: str) -> events.Event:
    return events.ProductShared(**seen.item(), via=seen.label("share_via"))


def _reviewed(seen: Properties, _: str) -> events.Event:
    rating = number(seen.rating, "$.properties.rating")
    return events.ProductReviewed(**seen.item(), rating=rating)


def _searched(seen: Properties, _: str) -> events.Event:
    words = str(seen.query or "").split()
    return events.ProductsSearched(words=len(words))


def _list(seen: Properties) -> dict[str, Any]:
    return {
        "list": seen.label("list_id"),
        "category": seen.label("category"),
        "skus": seen.skus,
    }


def _filtered(seen: Properties, _: str) -> events.Event:
    kinds = [_kinds(rows) for rows in (seen.filters, seen.sorts)]
    return events.ProductListFiltered(**_list(seen), filters=kinds[0], sorts=kinds[1])


def _kinds(rows: Any) -> tuple[str, ...]:
    """The types of filters: their values may be free text."""
    if not isinstance(rows, list):
        return ()
    named = (row.get("type") for row in rows if isinstance(row, dict))
    return tuple(str(name)[:200] for name in named if name)


def _banner(kind: Callable[..., events.Event]) -> Read:
    def read(seen: Properties, _: str) -> events.Event:
        promotion = seen.promotion_id if seen.promotion_id is not None else seen.id
        return kind(
            promotion=text(promotion, "$.properties.promotion_id"),
            creative=seen.label("creative"),
            name=seen.label("name"),
            position=seen.label("position"),
        )

    return read


def _promotion_viewed(seen: Properties, currency: str) -> events.Event:
    """Ours, if it says which of our offers was shown."""
    if seen.offer_id:
        return _offer_shown(seen, currency)
    return _banner(events.PromotionViewed)(seen, currency)


def _offer_shown(seen: Properties, _: str) -> events.Event:
    placement = seen.label("placement") or seen.label("position")
    shown = {"offer": seen.label("offer_id", least=1), "placement": placement}
    try:
        return msgspec.convert(shown, events.OfferShown)
    except msgspec.ValidationError as error:
        raise Refused(
            Wording("Expected an offer's id"), "$.properties.offer_id"
        ) from error


def _step(kind: Callable[..., events.Event]) -> Read:
    def read(seen: Properties, _: str) -> events.Event:
        checkout = seen.label("checkout_id") or seen.label("order_id")
        return kind(checkout=checkout, step=seen.whole("step"))

    return read


def _coupon(kind: Callable[..., events.Event]) -> Read:
    def read(seen: Properties, _: str) -> events.Event:
        # The specification's own example of Coupon Denied sends `coupon`.
        names = ("coupon_id", "coupon", "coupon_name")
        found = next((seen.label(n) for n in names if seen.label(n)), "")
        return kind(coupon=found, discount=seen.money("discount"))

    return read


def _experiment(seen: Properties, _: str) -> events.Event:
    experiment, variation = seen.experiment_id, seen.variation_id
    return events.ExperimentViewed(
        experiment=text(
            seen.experimentId if experiment is None else experiment,
            "$.properties.experiment_id",
            least=1,
        ),
        variation=text(
            seen.variationId if variation is None else variation,
            "$.properties.variation_id",
        ),
    )


SPEC: dict[str, Read] = {
    "products searched": _searched,
    "product list viewed": lambda seen, _: events.ProductListViewed(**_list(seen)),
    "product list filtered": _filtered,
    "promotion viewed": _promotion_viewed,
    "promotion clicked": _banner(events.PromotionClicked),
    "product clicked": _clicked,
    "product viewed": _viewed,
    "product added": _moved(events.ProductAdded),
    "product removed": _moved(events.ProductRemoved),
    "cart viewed": lambda seen, _: events.CartViewed(skus=seen.skus),
    "checkout started": order_properties.checkout,
    "checkout step viewed": _step(events.CheckoutStepViewed),
    "checkout step completed": _step(events.CheckoutStepCompleted),
    "payment info entered": _step(events.PaymentInfoEntered),
    "order completed": order_properties.completed,
    "order updated": order_properties.updated,
    "order refunded": order_properties.refunded,
    "order cancelled": order_properties.cancelled,
    "coupon entered": _coupon(events.CouponEntered),
    "coupon applied": _coupon(events.CouponApplied),
    "coupon denied": _coupon(events.CouponDenied),
    "coupon removed": _coupon(events.CouponRemoved),
    "product added to wishlist": _looked(events.ProductAddedToWishlist),
    "product removed from wishlist": _looked(events.ProductRemovedFromWishlist),
    "wishlist product added to cart": _moved(events.WishlistProductAddedToCart),
    "product shared": _shared,
    "cart shared": lambda seen, _: events.CartShared(
        via=seen.label("share_via"), skus=seen.skus
    ),
    "product reviewed": _reviewed,
    "offer shown": _offer_shown,
    "experiment viewed": _experiment,
}
OLD_NAMES = {
    "viewed product": "product viewed",
    "added product": "product added",
    "removed product": "product removed",
    "clicked product": "product clicked",
    "viewed promotion": "promotion viewed",
    "clicked promotion": "promotion clicked",
    "viewed product category": "product list viewed",
    "started order": "checkout started",
    "completed order": "order completed",
    "updated order": "order updated",
    "viewed checkout step": "checkout step viewed",
    "completed checkout step": "checkout step completed",
    "searched products": "products searched",
    "experiment_viewed": "experiment viewed",
}
SPEC |= {old: SPEC[name] for old, name in OLD_NAMES.items()}
