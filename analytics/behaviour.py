"""What shoppers do and what shops report of them: one frozen struct for each.

The e-commerce names are those of the Segment specification, version 2. No field may
hold free text: a query, a review or an address never enters the log.
"""

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, ClassVar
from uuid import UUID

import msgspec

from analytics.shapes import ERASED, Count, Event, Label, Seconds, Skus, Text


class Looked(Event, frozen=True, kw_only=True):
    """What every event about one product carries."""

    sku: Text
    category: Label = ""


class ProductViewed(Looked, frozen=True, kw_only=True):
    """A customer looked at a product, for so long if the shop knows."""

    dwell_seconds: Seconds | None = None


class ProductClicked(Looked, frozen=True, kw_only=True):
    """A customer chose a product in a list."""

    list: Label = ""
    position: int | None = None


class ProductAdded(Looked, frozen=True, kw_only=True):
    """A customer put a product into the cart."""

    quantity: Count = 1


class ProductRemoved(Looked, frozen=True, kw_only=True):
    """A customer took a product out of the cart."""

    quantity: Count = 1


class ProductAddedToWishlist(Looked, frozen=True, kw_only=True):
    """A customer wished for a product."""


class ProductRemovedFromWishlist(Looked, frozen=True, kw_only=True):
    """A customer no longer wishes for a product."""


class WishlistProductAddedToCart(Looked, frozen=True, kw_only=True):
    """A wish went into the cart."""

    quantity: Count = 1


class ProductShared(Looked, frozen=True, kw_only=True):
    """A customer told somebody of a product; whom and how is not kept."""

    via: Label = ""


class ProductReviewed(Looked, frozen=True, kw_only=True):
    """A customer rated a product; the text stays out of the log."""

    rating: float | None = None


class ProductsSearched(Event, frozen=True, kw_only=True):
    """A customer searched; of the query, free text, only its length is kept."""

    words: Count = 0


class ProductListViewed(Event, frozen=True, kw_only=True):
    """A customer saw a list of products."""

    list: Label = ""
    category: Label = ""
    skus: Skus = ()


class ProductListFiltered(ProductListViewed, frozen=True, kw_only=True):
    """A customer narrowed or sorted a list; by what kinds of filter."""

    filters: tuple[Label, ...] = ()
    sorts: tuple[Label, ...] = ()


class Promotion(Event, frozen=True, kw_only=True):
    """What every event about a banner of the shop carries."""

    promotion: Label = ""
    creative: Label = ""
    name: Label = ""
    position: Label = ""


class PromotionViewed(Promotion, frozen=True, kw_only=True):
    """A customer saw a banner of the shop."""


class PromotionClicked(Promotion, frozen=True, kw_only=True):
    """A customer followed a banner of the shop."""


class CartViewed(Event, frozen=True, kw_only=True):
    """A customer opened the cart."""

    skus: Skus = ()


class CartShared(Event, frozen=True, kw_only=True):
    """A customer sent the cart to somebody."""

    via: Label = ""
    skus: Skus = ()


class PageViewed(Event, frozen=True, kw_only=True):
    """A customer saw a page; its address, which may hold anything, is not kept."""

    name: Label = ""
    category: Label = ""
    dwell_seconds: Seconds | None = None


class ScreenViewed(PageViewed, frozen=True, kw_only=True):
    """The same in an app."""


class GroupJoined(Event, frozen=True, kw_only=True):
    """A customer belongs to a group, such as a company."""

    personal: ClassVar[Mapping[str, Any]] = {"group": ERASED}
    group: Text


class ExperimentViewed(Event, frozen=True, kw_only=True):
    """A customer saw a variation of an experiment that the shop runs itself."""

    experiment: Text
    variation: Label = ""


class CustomTracked(Event, frozen=True, kw_only=True):
    """Something of the shop's own. Text might be personal: only numbers are kept."""

    personal: ClassVar[Mapping[str, Any]] = {"numbers": {}}
    name: Text
    numbers: dict[str, float | bool] = {}


class CustomerIdentified(Event, frozen=True, kw_only=True):
    """A visitor logged in: the anonymous key is this customer's from now on."""

    personal: ClassVar[Mapping[str, Any]] = {"anonymous": None, "traits": {}}
    anonymous: UUID | None = None
    traits: dict[str, str | float | bool] = {}


class CustomerAliased(Event, frozen=True, kw_only=True):
    """Two keys are one customer; `previous` is the one no longer used."""

    personal: ClassVar[Mapping[str, Any]] = {"previous": None}
    previous: UUID | None = None


class IdentityUnlinked(Event, frozen=True, kw_only=True):
    """An operator undid a link: this key is not `target`'s after all."""

    personal: ClassVar[Mapping[str, Any]] = {"target": None}
    target: UUID | None
    by: Text


class ConsentChanged(Event, frozen=True, kw_only=True):
    """A customer allowed or forbade that offers are made from what they did."""

    personalised: bool


class CustomerErased(Event, frozen=True, kw_only=True):
    """A customer was forgotten; so many events lost the person behind them."""

    events: Annotated[int, msgspec.Meta(ge=0)]


class OfferShown(Event, frozen=True, kw_only=True):
    """The storefront showed an offer: the exposure."""

    offer: UUID
    placement: Label = ""


class CampaignAnnounced(Event, frozen=True, kw_only=True):
    """The shop ran a campaign of its own, outside Proffer; dates are half-open."""

    campaign: Text
    kind: Text
    starts_on: str
    ends_on: str

    def fault(self) -> str | None:
        for name in ("starts_on", "ends_on"):
            try:
                date.fromisoformat(getattr(self, name))
            except ValueError:
                return f"Expected a date such as 2026-11-24 - at `$.{name}`"
        return None


class CouponIssued(Event, frozen=True, kw_only=True):
    """A coupon of a shop's campaign became valid for some products."""

    campaign: Text
    coupon: Text
    skus: tuple[str, ...]


class CampaignReceived(Event, frozen=True, kw_only=True):
    """A customer was sent a campaign of the shop."""

    campaign: Text


class CouponRedeemed(Event, frozen=True, kw_only=True):
    """A customer used a coupon of a shop's campaign."""

    campaign: Text
    coupon: Text
