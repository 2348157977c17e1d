"""What Proffer learns of the market around the shop: one frozen struct for each.

What was known at a moment is what the log had recorded by then: a forecast of the
weather, a day that was called off, a price that came late.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from analytics.shapes import Currency, Event, Label, Text

Name = Annotated[str, msgspec.Meta(max_length=500)]


class CalendarChanged(Event, frozen=True, kw_only=True):
    """Days of the shop's own calendar: new, moved, or called off; both ends count."""

    key: Text
    name: Name
    kind: Text
    region: Label = ""
    first: date
    last: date
    cancelled: bool = False


class SeriesReported(Event, frozen=True, kw_only=True):
    """Values of an external daily series that are new or were corrected.

    A value of null takes the day's value back.
    """

    series: Text
    region: Label = ""
    values: dict[date, float | None]


class CompetitorPriceChanged(Event, frozen=True, kw_only=True):
    """What a competitor asks for a product of theirs moved, or whether it can be had.

    `product` is their own id; `shelf_price` is what they strike through.
    """

    competitor: Text
    product: Text
    price: Decimal
    was: Decimal | None = None
    shelf_price: Decimal | None = None
    currency: Currency
    available: bool = True


class CompetitorMatched(Event, frozen=True, kw_only=True):
    """A competitor's product was found to be one of ours, or not: no `by`, by rule."""

    competitor: Text
    product: Text
    sku: Text | None
    state: Text
    how: Label = ""
    by: str = ""


class CompetitorPriceJudged(Event, frozen=True, kw_only=True):
    """Somebody said of a doubtful price that it is right, or that it was misread.

    It was seen once, at `seen_at`. What was misread is undone by a price change of the
    same moment, beside this.
    """

    competitor: Text
    product: Text
    price: Decimal
    currency: Currency
    seen_at: datetime
    right: bool
    by: Text
