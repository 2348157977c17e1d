"""Mark-down paths as a price change to approve: its lines, its words, what it promises.

Intervals of products are added as if all went wrong together: they share an elasticity.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings

from analytics.wording import Wording
from catalog import pricing
from catalog.markdown_luck import Outcome
from promotions.clearance_plans import Path, kept
from promotions.price_lines import Change, Expected, Line

GoesOn = Mapping[str, tuple[Mapping[str, Any], Sequence[Line]]]
"""Products that are not planned anew: sku -> their plan as it was kept, their lines."""


def change(
    category: str, paths: Sequence[Path], *, goes_on: GoesOn | None = None
) -> Change:
    as_it_was = goes_on or {}
    plans = {sku: dict(told) for sku, (told, _) in as_it_was.items()}
    plans |= {one.plan.sku: kept(one) for one in paths}
    rows = [row for _, some in as_it_was.values() for row in some]
    # By places: mean, low, high.
    gain = [sum(told["gain"][place] for told in plans.values()) for place in range(3)]
    return Change(
        title=Wording("Clearance: %(category)s", category=category),
        reason=_reason(paths, again=goes_on is not None),
        lines=[*rows, *(line for one in paths for line in _lines(one))],
        scope=[category] if category else [],
        margin=round(gain[0], 2),
        low=round(gain[1], 2),
        high=round(gain[2], 2),
        more={"clearance": plans},
    )


def _reason(paths: Sequence[Path], *, again: bool) -> Wording:
    gain = [summed(paths, name) for name in ("mean", "low", "high")]
    left = sum(one.told.left.mean for one in paths)
    beside = sum(one.nothing.left.mean for one in paths)
    return Wording(
        "%(why)s %(units)s units of %(products)s products are there. The path of "
        "prices is expected to recover %(gain)s %(currency)s more than today's prices "
        "(80 %%: %(low)s to %(high)s) by %(ends)s; about %(left)s units will be left, "
        "instead of %(beside)s. It is planned anew each week from what was sold. How "
        "demand answers prices is taken from the past, which was no experiment.",
        why=_why(paths, again=again),
        units=f"{sum(one.asked.stock for one in paths):,}",
        products=f"{len(paths):,}",
        gain=f"{gain[0]:,.0f}",
        low=f"{gain[1]:,.0f}",
        high=f"{gain[2]:,.0f}",
        currency=settings.CURRENCY,
        ends=max(one.plan.ends for one in paths).isoformat(),
        left=f"{left:,.0f}",
        beside=f"{beside:,.0f}",
    )


def summed(paths: Iterable[Path], name: str) -> float:
    return float(sum(getattr(one.told.gain, name) for one in paths))


def _why(paths: Sequence[Path], *, again: bool) -> Wording:
    if again:
        sold = sum(one.plan.asked.stock - one.asked.stock for one in paths)
        return Wording(
            "Planned anew: %(sold)s units were sold since it began, so demand is "
            "believed to be %(level)s of what was forecast.",
            sold=f"{sold:,}",
            level=f"{sum(one.level for one in paths) / len(paths):.0%}",
        )
    if all(one.plan.expires for one in paths):
        return Wording("At today's prices these goods will not be sold by their day.")
    return Wording("The stock of these goods lasts too long.")


def _lines(path: Path) -> Iterator[Line]:
    """Yield the path's prices as lines: weeks of one price are one line.

    Weeks at the first price have none. The week that runs has its own, so that a new
    version takes the price over from the one before.
    """
    charged, first = path.charged[-1:], path.first
    spans: list[tuple[int, int, int]] = []
    for week, index in enumerate((*charged, *path.indices), first - len(charged)):
        if spans and spans[-1][2] == index:
            spans[-1] = (spans[-1][0], week + 1, index)
        elif index:
            spans.append((week, week + 1, index))
    all_sold = sum(
        _sold(path, path.told, max(b - first, 0), e - first) for b, e, _ in spans
    )
    for begins, ends, index in spans:
        sold = _sold(path, path.told, max(begins - first, 0), ends - first)
        yield Line(
            sku=path.plan.sku,
            price=_money(path.asked.prices[index]),
            was=_money(path.asked.prices[0]),
            starts_at=path.plan.moment(begins),
            ends_at=path.plan.moment(ends),
            expects=_expected(
                path,
                max(begins - first, 0),
                ends - first,
                index,
                sold / (all_sold or 1),
            ),
        )


def _expected(path: Path, first: int, last: int, index: int, part: float) -> Expected:
    """Say what a line is expected to sell; the gain is shared by units sold."""
    sold = _sold(path, path.told, first, last)
    plain = _sold(path, path.nothing, first, last)
    gain = path.told.gain
    return Expected(
        units=round(sold, 2),
        units_before=round(plain, 2),
        margin=round(gain.mean * part, 2),
        low=round(gain.low * part, 2),
        high=round(gain.high * part, 2),
        revenue=round(sold * path.asked.prices[index], 2),
        stock_after=round(path.told.stock[max(last, 1) - 1].mean, 1),
        why=Wording("Sells what is left by %(day)s.", day=path.plan.ends.isoformat()),
        clears=True,
        expires=path.plan.expires,
        doubt=round(_doubt(path, plain), 2),
        cost=round(path.asked.salvage, 4),
    )


def _doubt(path: Path, units: float) -> float:
    """Return the standard deviation of what would sell: level, and luck."""
    weight, level = path.belief.weight, path.belief.level
    mean = path.level
    spread = float(weight @ (level - mean) ** 2) / mean**2
    # The luck of single units, and of their square doubt of the level and of weeks.
    return float((units + (spread + path.asked.noise) * units**2) ** 0.5)


def _sold(path: Path, told: Outcome, first: int, last: int) -> float:
    if last <= first:
        return 0.0
    before = told.stock[first - 1].mean if first else float(path.asked.stock)
    return before - told.stock[last - 1].mean


def _money(price: float) -> Decimal:
    return pricing.rounded(Decimal(str(price)), settings.CURRENCY)
