"""What happened to a customer, each event as a sentence that an operator can read out.

In the operator's language. What is not known any more, such as a product that left the
catalogue, is told by its id.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from analytics import events
from catalog import pricing
from promotions.arms import HELD_OUT, HOLDOUT
from promotions.models import Feedback

MOST_NAMED = 3
"""Products that a sentence names; the rest are counted."""
Say = Callable[[Any, "Names"], str]

REASONS: Mapping[str, Any] = {
    "unknown_code": _("there is no such code, or it was switched off"),
    "not_yours": _("the code belongs to another customer"),
    "expired": _("the code has expired"),
    "used_up": _("the code has been used as often as it may be"),
    "promotion_ended": _("the code's promotion has ended"),
    "not_yet": _("the code's promotion has not begun"),
    "other_currency": _("the code is for another currency"),
    "another_code_of_the_same_promotion": _(
        "another code of the same promotion was entered before it"
    ),
    "nothing_in_scope": _("no line of the cart is what it is about"),
    "below_threshold": _("the cart does not spend enough"),
    "too_few_units": _("the cart holds too few of the products"),
    "bundle_incomplete": _("a product of the bundle is missing"),
    "cheaper_already": _("the goods cost no more than that already"),
    "nothing_to_ship": _("the cart has no cost of shipping"),
    "gift_out_of_stock": _("the gift is out of stock"),
    "margin_floor": _("a line would be sold below its least margin"),
    "another_offer_is_better": _("another combination is better"),
    "another_of_its_group_goes_first": _("another promotion of its group goes first"),
    "budget_spent": _("its budget is spent"),
    "limit_reached": _("its limit is reached"),
    "customers_only": _("it is for customers who are signed in"),
    "other_channel": _("it is for another channel"),
    "other_segment": _("it is for other customers"),
    "not_the_first_order": _("it is for a first order"),
    "product_missing": _("a product that it asks for is not in the cart"),
    "not_today": _("it is for other days of the week"),
    "not_at_this_hour": _("it is for other hours"),
    "offer_not_usable": _("an offer was used, had ended or is not theirs"),
    "code_refused": _("a code could not be used"),
    "offers_do_not_apply": _("the cart does not qualify"),
    "order_redeemed": _("the order had used the promotion before"),
    "total_differs": _("the shop showed another total"),
    "codes_paused": _("they had entered too many wrong codes"),
    "reservation_gone": _("the reservation was over"),
}
"""Why the checkout refused something, by the words of the API."""


def because(reason: str) -> str:
    """Say a reason of the checkout; one that is not known as it is."""
    return str(REASONS.get(reason, reason))


@dataclass(frozen=True, kw_only=True)
class Names:
    """How to call what events name by ids: texts by id; variants by (strategy, label).

    `offers`: each offer's strategy.
    """

    strategies: Mapping[UUID, str] = field(default_factory=dict)
    variants: Mapping[tuple[UUID, str], str] = field(default_factory=dict)
    products: Mapping[str, str] = field(default_factory=dict)
    offers: Mapping[UUID, UUID] = field(default_factory=dict)
    codes: Mapping[UUID, str] = field(default_factory=dict)

    def strategy(self, key: UUID | None) -> str:
        """Return a strategy's title."""
        # Rows may be gone while the log still names them.
        return self.strategies.get(key, gettext("a strategy of before")) if key else "?"

    def variant(self, strategy: UUID, label: str | None) -> str:
        """Return what a variant gives."""
        return self.variants.get((strategy, label or ""), label or "")

    def listed(self, skus: Sequence[str]) -> str:
        """Name the first few products, and count the others."""
        named = [self.products.get(sku, sku) for sku in skus[:MOST_NAMED]]
        more = len(skus) - len(named)
        if more > 0:
            named.append(gettext("%s more") % more)
        return ", ".join(named)


def _money(amount: Decimal, currency: str) -> str:
    return f"{pricing.rounded(amount, currency):,} {currency}"


def sentence(event: events.Event, names: Names) -> str:
    """Say what happened."""
    say = SAYS.get(type(event))
    if say is not None:
        return say(event, names)
    return events.NAMES[type(event)].replace("_", " ")


def _order(event: events.OrderCompleted, names: Names) -> str:
    paid = sum((line.paid for line in event.lines), Decimal(0))
    saved = sum(
        (line.shelf_discount + line.coupon_discount for line in event.lines), Decimal(0)
    )
    told = {
        "number": event.order_id,
        "paid": _money(paid, event.currency),
        "what": names.listed([line.sku for line in event.lines]),
    }
    text = gettext("Ordered for %(paid)s: %(what)s (order %(number)s)") % told
    if saved:
        text += "; " + gettext("saved %s") % _money(saved, event.currency)
    return text


def _refund(event: events.OrderRefunded, names: Names) -> str:
    told = {"number": event.order_id, "what": names.listed(event.skus)}
    if event.amount is not None:
        told["amount"] = _money(event.amount, event.currency)
        text = gettext("Got %(amount)s back for order %(number)s") % told
    elif event.skus:
        text = gettext("Got goods of order %(number)s paid back") % told
    else:
        text = gettext("Got the whole order %(number)s paid back") % told
    return f"{text}: {told['what']}" if event.skus else text


def _assigned(event: events.OfferAssigned, names: Names) -> str:
    told = {
        "strategy": names.strategy(event.strategy),
        "what": names.variant(event.strategy, event.variant),
    }
    if event.arm == HELD_OUT:
        return gettext("Chosen for “%(strategy)s”, but held out of every offer") % told
    if event.arm == HOLDOUT:
        return gettext("Chosen for “%(strategy)s”, but in its holdout: no offer") % told
    return gettext("Got the offer “%(what)s” of “%(strategy)s”") % told


def _shown(event: events.OfferShown, names: Names) -> str:
    told = {
        "strategy": names.strategy(names.offers.get(event.offer)),
        "place": event.placement,
    }
    if event.placement:
        return gettext("Was shown the offer of “%(strategy)s” (%(place)s)") % told
    return gettext("Was shown the offer of “%(strategy)s”") % told


def _used(event: events.OfferRedeemed, names: Names) -> str:
    told = {
        "strategy": names.strategy(event.strategy),
        "off": _money(event.discount, event.currency),
        "number": event.order_id,
        "code": names.codes.get(event.code, "?") if event.code else "",
    }
    if event.code:
        return (
            gettext(
                "Used code %(code)s of “%(strategy)s”: %(off)s off order %(number)s"
            )
            % told
        )
    return gettext("Used “%(strategy)s”: %(off)s off order %(number)s") % told


def _back(event: events.RedemptionRolledBack, names: Names) -> str:
    told = {
        "strategy": names.strategy(event.strategy),
        "amount": _money(event.amount, event.currency),
        "number": event.order_id,
    }
    if event.whole:
        return (
            gettext("The discount of “%(strategy)s” on order %(number)s was taken back")
            % told
        )
    return (
        gettext(
            "%(amount)s of what “%(strategy)s” gave order %(number)s was taken back"
        )
        % told
    )


def _held(event: events.OfferReserved, names: Names) -> str:
    told = {
        "strategy": names.strategy(event.strategy),
        "amount": _money(event.amount, event.currency),
        "until": f"{event.until:%Y-%m-%d %H:%M}",
    }
    return gettext("A cart held %(amount)s of “%(strategy)s” until %(until)s") % told


def _word(event: events.OfferFeedback, names: Names) -> str:
    told = {
        "strategy": names.strategy(event.strategy),
        "word": Feedback.Word(event.feedback).label,
    }
    return gettext("Said of the offer of “%(strategy)s”: %(word)s") % told


def _consent(event: events.ConsentChanged, names: Names) -> str:
    if event.personalised:
        return gettext("Allowed personal offers")
    return gettext("Forbade personal offers")


def _about(pattern: Any) -> Say:
    """Say something of one product."""
    # Patterns are lazy: `%` says them in the language of whoever reads.
    return lambda event, names: pattern % names.listed([event.sku])


def _coupon(pattern: Any) -> Say:
    return lambda event, names: pattern % (event.coupon or "?")


def _plain(text: Any) -> Say:
    return lambda event, names: str(text)


def _of_order(pattern: Any) -> Say:
    return lambda event, names: pattern % event.order_id


def _of_strategy(pattern: Any) -> Say:
    return lambda event, names: pattern % names.strategy(event.strategy)


def _named(pattern: Any, attribute: str) -> Say:
    return lambda event, names: pattern % (getattr(event, attribute) or "–")


SAYS: Mapping[type[events.Event], Say] = {
    events.OrderCompleted: _order,
    events.OrderUpdated: _of_order(_("Order %s changed")),
    events.OrderCancelled: _of_order(_("Order %s was cancelled")),
    events.OrderRefunded: _refund,
    events.OfferAssigned: _assigned,
    events.OfferShown: _shown,
    events.OfferRedeemed: _used,
    events.RedemptionRolledBack: _back,
    events.OfferReserved: _held,
    events.ReservationReleased: _of_strategy(_("The shop gave back a hold of “%s”")),
    events.ReservationExpired: _of_strategy(_("A hold of “%s” ran out")),
    events.OfferFeedback: _word,
    events.ConsentChanged: _consent,
    events.CustomerIdentified: _plain(_("Signed in")),
    events.CustomerAliased: _plain(_("Got another id")),
    events.IdentityUnlinked: _named(_("An id was taken apart again by %s"), "by"),
    events.ProductViewed: _about(_("Looked at %s")),
    events.ProductClicked: _about(_("Chose %s in a list")),
    events.ProductAdded: _about(_("Put %s into the cart")),
    events.ProductRemoved: _about(_("Took %s out of the cart")),
    events.ProductAddedToWishlist: _about(_("Wished for %s")),
    events.ProductRemovedFromWishlist: _about(_("No longer wishes for %s")),
    events.WishlistProductAddedToCart: _about(_("Put the wish %s into the cart")),
    events.ProductShared: _about(_("Told somebody of %s")),
    events.ProductReviewed: _about(_("Rated %s")),
    events.ProductsSearched: _named(_("Searched, words: %s"), "words"),
    events.ProductListViewed: _named(_("Saw a list of products (%s)"), "category"),
    events.ProductListFiltered: _named(_("Narrowed a list (%s)"), "category"),
    events.PromotionViewed: _named(_("Saw a banner of the shop (%s)"), "name"),
    events.PromotionClicked: _named(_("Followed a banner of the shop (%s)"), "name"),
    events.CartViewed: _plain(_("Opened the cart")),
    events.CartShared: _plain(_("Sent the cart to somebody")),
    events.CheckoutStarted: _plain(_("Went to the checkout")),
    events.CheckoutStepViewed: _named(_("Saw step %s of the checkout"), "step"),
    events.CheckoutStepCompleted: _named(_("Passed step %s of the checkout"), "step"),
    events.PaymentInfoEntered: _plain(_("Said how to pay")),
    events.CouponEntered: _coupon(_("Typed in the coupon %s")),
    events.CouponApplied: _coupon(_("The shop took the coupon %s")),
    events.CouponDenied: _coupon(_("The shop refused the coupon %s")),
    events.CouponRemoved: _coupon(_("Took the coupon %s off")),
    events.CouponRedeemed: _coupon(_("Used the shop's coupon %s")),
    events.CampaignReceived: _named(_("Was sent the shop's campaign %s"), "campaign"),
    events.PageViewed: _named(_("Saw a page (%s)"), "name"),
    events.ScreenViewed: _named(_("Saw a screen of the app (%s)"), "name"),
    events.GroupJoined: _plain(_("Joined a group")),
    events.ExperimentViewed: _named(_("Was in the shop's test %s"), "experiment"),
    events.CustomTracked: _named(_("The shop reported “%s”"), "name"),
}
