"""What is found for a category, as a price change: its lines, reasons and outlook.

Its prices begin at one of the shop's midnights, so that there is time to decide.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
from django.conf import settings
from django.utils.translation import gettext_noop

from analytics.wording import Wording
from ml.models import Forecast
from promotions import campaigns, price_gains, price_plans
from promotions.price_gains import Gain
from promotions.price_lines import Change, Expected, Line
from promotions.price_plans import Item

NOTICE = timedelta(days=1)
"""Between a proposal and the start of its prices, at least."""
WEEKS_SHOWN = 8
RAISE = gettext_noop("Better prices in %(category)s")
ANSWER = gettext_noop("Answer to cheaper competitors in %(category)s")
Found = Sequence[tuple[Item, Decimal]]


def change(category: str, found: Found, *, at: datetime, title: str = RAISE) -> Change:
    gains = [price_gains.gain(item, price) for item, price in found]
    whole = price_gains.together(
        [(item.category, one) for (item, _), one in zip(found, gains, strict=True)]
    )
    low, high = whole.interval
    starts = start(at)
    return Change(
        title=Wording(title, category=category),
        reason=_reason(found, whole),
        scope=[category],
        lines=[
            Line(
                sku=item.sku,
                price=price,
                was=item.shelf.price,
                starts_at=starts,
                expects=_expected(item, price, one),
            )
            for (item, price), one in zip(found, gains, strict=True)
        ],
        margin=whole.margin,
        low=low,
        high=high,
        units=whole.units - whole.units_before,
        revenue=whole.revenue,
        more={
            "curve": price_gains.curve([item for item, _ in found]),
            "weeks": past_weeks(found),
        },
    )


def start(at: datetime) -> datetime:
    """The shop's next midnight that leaves time to decide."""
    day = (at + NOTICE).astimezone(ZoneInfo(settings.SHOP_ZONE)).date()
    return campaigns.midnight(day + timedelta(days=1), settings.SHOP_ZONE)


def _reason(found: Found, whole: Gain) -> Wording:
    up = sum(price > item.shelf.price for item, price in found)
    low, high = whole.interval
    return Wording(
        "%(down)s prices go down and %(up)s up. In four weeks this should bring "
        "%(margin)s %(currency)s of margin (80 %%: %(low)s to %(high)s) at %(units)s "
        "units instead of %(before)s. Elasticities are observational: what follows is "
        "measured against the forecast, with no holdout.",
        down=len(found) - up,
        up=up,
        margin=f"{whole.margin:,.0f}",
        currency=settings.CURRENCY,
        low=f"{low:,.0f}",
        high=f"{high:,.0f}",
        units=f"{whole.units:,.0f}",
        before=f"{whole.units_before:,.0f}",
    )


def _expected(item: Item, price: Decimal, one: Gain) -> Expected:
    low, high = one.interval
    return Expected(
        units=one.units,
        units_before=one.units_before,
        margin=one.margin,
        low=low,
        high=high,
        revenue=one.revenue,
        stock_after=None if np.isinf(item.stock) else item.stock - one.units,
        why=_why(item, price, one),
        doubt=item.doubt,
        cost=item.cost,
    )


def _why(item: Item, price: Decimal, one: Gain) -> Wording:
    moved = price / item.shelf.price - 1
    said = Wording(
        "%(moved)s in price moves units by about %(units)s (elasticity %(e)s ± %(s)s)",
        moved=f"{moved:+.1%}",
        units=f"{one.units / one.units_before - 1 if one.units_before else 0:+.0%}",
        e=f"{item.elasticity:.1f}",
        s=f"{item.error:.1f}",
    )
    bound = _bound(item, price)
    return Wording("%(said)s; %(bound)s", said=said, bound=bound) if bound else said


def _bound(item: Item, price: Decimal) -> Wording | None:
    """Say what kept the price from going further, if a rule did."""
    lower = price_plans.allowed(item, below=price)
    higher = price_plans.allowed(item, above=price)
    if price < item.shelf.price and not lower:
        return Wording("no lower price is allowed in one step")
    if price > item.shelf.price and not higher:
        return Wording("no higher price is allowed in one step")
    if item.family:
        return Wording("its family keeps its order")
    return None


def past_weeks(found: Found) -> list[tuple[float, float]]:
    """Return (margin as it was, margin with these prices) of the past weeks, by week.

    What sold then is moved by the demand model, at today's costs and prices.
    """
    rows = Forecast.objects.filter(
        level=Forecast.Level.PRODUCT, key__in=[item.sku for item, _ in found]
    )
    known: Mapping[str, Sequence[float]] = dict(rows.values_list("key", "history"))
    weeks = np.zeros((WEEKS_SHOWN, 2))
    for item, price in found:
        sold = list(known.get(item.sku, []))[-WEEKS_SHOWN:]
        for place, units in enumerate(sold, start=WEEKS_SHOWN - len(sold)):
            # What sold then was there, however little is today.
            then = replace(item, units=units, stock=np.inf)
            prices = np.array([float(item.shelf.price), float(price)])
            weeks[place] += price_plans.margins(then, prices)
    return [(float(was), float(now)) for was, now in weeks]
